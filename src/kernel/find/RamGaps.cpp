#include "kernel/find/RamGaps.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

bool isInSmallGap(const PhysicalMemory &memory, PhysAddr at) {
  constexpr uint64_t mostBytes = uint64_t(1) << 20;
  auto isRam = [](const MemoryRange &range) {
    return range.absence != Absence::OutsideRam;
  };
  const llvm::ArrayRef<MemoryRange> ranges = memory.ranges();
  const MemoryRange *behind = llvm::partition_point(
      ranges, [at](const MemoryRange &range) { return range.start <= at; });
  const MemoryRange *next = std::find_if(behind, ranges.end(), isRam);
  const MemoryRange *before = behind;
  while (before != ranges.begin() && !isRam(*(before - 1)))
    --before;
  if (before == ranges.begin() || next == ranges.end())
    return false;
  const PhysAddr start = (before - 1)->start + (before - 1)->size;
  return at >= start && next->start - start <= mostBytes;
}

} // namespace vmpt
