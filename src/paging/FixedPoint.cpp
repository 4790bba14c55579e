#include "paging/FixedPoint.h"

#include "memory/ScanProgress.h"
#include "paging/Translate.h"

#include <algorithm>
#include <map>

namespace vmpt {

bool isFixedPoint(const PhysicalMemory &memory, const PagingMode &mode,
                  PhysAddr root, VirtAddr self) {
  Translation found = translate(memory, mode, root, self);
  return found.isMapped() && found.address == root;
}

std::vector<FixedPoint>
findFixedPoints(const PhysicalMemory &memory,
                llvm::ArrayRef<const PagingMode *> modes, VirtAddr self,
                Diagnostics &diagnostics) {
  const PhysicalMemory &scanned = memory.forScanning();
  ScanProgress progress(diagnostics, scanned, "looking for the root table",
                        modes.size());
  std::vector<FixedPoint> found;
  for (const PagingMode *mode : modes) {
    // Where tables lead to, and how many of them.
    std::map<uint64_t, size_t> votes;
    if (!mode->coverage.covers(self))
      continue;
    // Pages map pages: below the page size, the virtual and the physical
    // address of the root agree. So there is one candidate in each page, also
    // where a root is smaller than a page and shares it.
    const uint64_t step = bit(mode->pageShift);
    const uint64_t offset = self.value & (step - 1);
    for (const MemoryRange &range : scanned.ranges()) {
      if (range.absence)
        continue;
      for (uint64_t at = alignUp(range.start.value, step) + offset;
           at - range.start.value < range.size; at += step) {
        progress.advance(step);
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
