#include "kernel/find/InitMm.h"

#include "memory/MemoryScan.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace vmpt {

namespace {

/// start_code, end_code, start_data, end_data, start_brk, brk, start_stack.
constexpr unsigned boundWords = 7;
/// No image is larger (RootCheck.h), no text as small; and it begins a page, as
/// what stands in tables of pointers seldom does.
constexpr uint64_t mostBytes = uint64_t(1) << 30, leastText = 512 << 10,
                   pageBytes = 4096;

template <class Word>
void lookAt(llvm::ArrayRef<uint8_t> bytes, PhysAddr start, ByteOrder order,
            VirtAddr lowest, llvm::SmallVectorImpl<InitMm> &found) {
  auto word = [&](uint64_t offset, unsigned index) {
    return uint64_t(loadUnaligned<Word>(
        bytes.data() + offset + index * sizeof(Word), order));
  };
  for (uint64_t at = 0; at + boundWords * sizeof(Word) <= bytes.size();
       at += sizeof(Word)) {
    const uint64_t text = word(at, 0);
    if (text < lowest.value || text % pageBytes || word(at, 2) || word(at, 4) ||
        word(at, 6))
      continue;
    const uint64_t textEnd = word(at, 1), dataEnd = word(at, 3),
                   end = word(at, 5);
    if (text < textEnd && textEnd - text >= leastText && textEnd <= dataEnd &&
        dataEnd <= end && end - text < mostBytes)
      found.push_back({start + at, VirtAddr(text), VirtAddr(end - 1)});
  }
}

} // namespace

std::vector<InitMm> findInitMms(const PhysicalMemory &memory, Arch arch,
                                VirtAddr lowest, Diagnostics &diagnostics) {
  constexpr size_t most = 16;
  constexpr uint64_t overlap = (boundWords - 1) * 8;
  const ArchTraits &traits = getTraits(arch);
  const PhysicalMemory &scanned = memory.forScanning();
  std::vector<InitMm> all;
  using Found = llvm::SmallVector<InitMm, 0>;
  scanMemory<Found>(
      scanned, diagnostics, "looking for the bounds of a kernel",
      [&](const MemoryPiece &piece, Found &found) {
        std::vector<uint8_t> bytes(piece.size + overlap);
        llvm::MutableArrayRef<uint8_t> part(bytes);
        if (scanned.tryRead(piece.start, part) &&
            scanned.tryRead(piece.start, part = part.take_front(piece.size)))
          return;
        if (traits.wordBytes == 8)
          lookAt<uint64_t>(part, piece.start, traits.order, lowest, found);
        else
          lookAt<uint32_t>(part, piece.start, traits.order, lowest, found);
      },
      [&](const Found &found) {
        llvm::append_range(all, found);
        return all.size() < most;
      });
  return all;
}

bool isPgdOf(const PhysicalMemory &memory, const InitMm &kernel, Arch arch,
             VirtAddr table) {
  // linux arch/arm/kernel/head.S: PG_DIR_SIZE is 20 KiB at most.
  constexpr uint64_t mostInFront = 32 << 10;
  if (table > kernel.last ||
      (table < kernel.first && kernel.first - table > mostInFront))
    return false;
  const ArchTraits &traits = getTraits(arch);
  // With all the debugging of what lies between.
  std::vector<uint8_t> before(64 * traits.wordBytes);
  if (kernel.bounds.value < before.size() ||
      memory.tryRead(kernel.bounds - before.size(), before))
    return false;
  for (size_t at = 0; at < before.size(); at += traits.wordBytes) {
    const uint64_t word =
        traits.wordBytes == 8
            ? loadUnaligned<uint64_t>(before.data() + at, traits.order)
            : loadUnaligned<uint32_t>(before.data() + at, traits.order);
    if (word == table.value)
      return true;
  }
  return false;
}

} // namespace vmpt
