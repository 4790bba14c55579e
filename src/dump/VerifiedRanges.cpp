#include "dump/VerifiedRanges.h"

#include "support/Bits.h"

namespace vmpt {

std::vector<MemoryRange> verifyRanges(const PhysicalMemory &memory,
                                      Diagnostics &diagnostics) {
  constexpr uint64_t pageBytes = 4096;
  uint64_t total = 0, done = 0;
  for (const MemoryRange &range : memory.ranges())
    total += range.absence ? 0 : range.size;
  std::vector<MemoryRange> result;
  uint8_t page[pageBytes];
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence) {
      appendRange(result, range);
      continue;
    }
    for (uint64_t at = 0; at < range.size;) {
      const PhysAddr start = range.start + at;
      uint64_t size = std::min(range.size - at,
                               pageBytes - (start.value & (pageBytes - 1)));
      std::optional<Absence> absence;
      if (!memory.tryView(start, size))
        if (auto absent = memory.tryRead(
                start, llvm::MutableArrayRef<uint8_t>(page, size)))
          absence = absent->absence;
      appendRange(result, {start, size, absence});
      at += size;
      done += size;
      if (done % (1 << 22) < size)
        diagnostics.progress("checking pages", done, total);
    }
  }
  return result;
}

} // namespace vmpt
