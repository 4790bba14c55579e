#include "kernel/FixedPoint.h"

#include "paging/Translate.h"

#include <algorithm>
#include <map>

namespace vmpt {

bool isFixedPoint(const PhysicalMemory &memory, const PagingMode &mode,
                  PhysAddr root, VirtAddr self) {
  Translation found = translate(memory, mode, root, self);
  return found.isMapped() && found.address == root;
}

/// Candidates stand at multiples of this: a root table is aligned to its own
/// size, and a smaller one than a page may share the page (arm64).
static uint64_t candidateStep(const PagingMode &mode) {
  return std::min(bit(mode.pageShift),
                  std::max<uint64_t>(64, mode.tableBytes(0)));
}

std::vector<FixedPoint>
findFixedPoints(const PhysicalMemory &memory,
                llvm::ArrayRef<const PagingMode *> modes, VirtAddr self) {
  const PhysicalMemory &scanned = memory.forScanning();
  std::vector<FixedPoint> found;
  for (const PagingMode *mode : modes) {
    // Where tables lead to, and how many of them.
    std::map<uint64_t, size_t> votes;
    const uint64_t step = candidateStep(*mode);
    for (const MemoryRange &range : scanned.ranges()) {
      if (range.absence)
        continue;
      for (uint64_t at = alignUp(range.start.value, step);
           at - range.start.value < range.size; at += step) {
        Translation path = translate(scanned, *mode, PhysAddr(at), self);
        if (!path.isMapped())
          continue;
        if (path.address.value == at)
          found.push_back({PhysAddr(at), mode, 0});
        else
          ++votes[path.address.value];
      }
    }
    for (FixedPoint &point : found)
      if (point.mode == mode)
        point.votes = votes[point.root.value];
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const FixedPoint &a, const FixedPoint &b) {
                     return a.votes > b.votes;
                   });
  return found;
}

} // namespace vmpt
