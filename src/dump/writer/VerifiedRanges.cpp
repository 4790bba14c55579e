#include "dump/writer/VerifiedRanges.h"

#include "support/Bits.h"

namespace vmpt {

namespace {

/// Calls \p visit(start, size, bytes, absence) for each range that is absent
/// and each page, or part of one, that is said to be present: with its bytes,
/// or with why there are none.
template <class Visit>
void visitPages(const PhysicalMemory &memory, uint64_t pageBytes,
                Diagnostics &diagnostics, Visit visit) {
  const uint64_t total = memory.presentBytes();
  uint64_t done = 0;
  std::vector<uint8_t> page(pageBytes);
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence) {
      visit(range.start, range.size, nullptr, range.absence);
      continue;
    }
    for (uint64_t at = 0; at < range.size;) {
      const PhysAddr start = range.start + at;
      const uint64_t size = std::min(
          range.size - at, pageBytes - (start.value & (pageBytes - 1)));
      const uint8_t *bytes = memory.tryView(start, size);
      std::optional<Absence> absence;
      if (!bytes) {
        bytes = page.data();
        if (auto absent = memory.tryRead(
                start, llvm::MutableArrayRef<uint8_t>(page).take_front(size)))
          absence = absent->absence;
      }
      visit(start, size, bytes, absence);
      at += size;
      done += size;
      if (done % (1 << 22) < size)
        diagnostics.progress("checking pages", done, total);
    }
  }
}

} // namespace

std::vector<MemoryRange> verifyRanges(const PhysicalMemory &memory,
                                      Diagnostics &diagnostics) {
  std::vector<MemoryRange> result;
  visitPages(memory, 4096, diagnostics,
             [&](PhysAddr start, uint64_t size, const uint8_t *,
                 std::optional<Absence> absence) {
               appendRange(result, {start, size, absence});
             });
  return result;
}

VerifiedBytes verifyBytes(const PhysicalMemory &memory, uint64_t pageBytes,
                          Diagnostics &diagnostics) {
  VerifiedBytes counts;
  visitPages(memory, pageBytes, diagnostics,
             [&](PhysAddr, uint64_t size, const uint8_t *bytes,
                 std::optional<Absence> absence) {
               if (absence) {
                 counts.absent[size_t(*absence)] += size;
                 return;
               }
               counts.present += size;
               if (isZero({bytes, size}))
                 counts.zero += size;
             });
  return counts;
}

} // namespace vmpt
