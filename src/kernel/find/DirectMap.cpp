#include "kernel/find/DirectMap.h"

namespace vmpt {

std::optional<DirectMap> findDirectMap(const KernelImage &kernel,
                                       const PhysicalMemory &memory) {
  const KernelRegion *region = kernel.findRegion(Region::DirectMap);
  if (!region)
    return std::nullopt;
  DirectMap map;
  map.start = region->first.value;
  map.last = region->last.value;
  // RAM can lie far behind the start: arm64 moves its linear map by random
  // numbers of gigabytes.
  if (const DirectWindow *window = kernel.mode.findWindow(region->first)) {
    map.offset = map.start - window->physical(region->first).value;
    return map;
  }
  std::vector<MappedRun> runs = kernel.addressSpace(memory).mappedRuns(
      VirtAddr(map.start), VirtAddr(map.last), 256);
  if (runs.empty())
    return std::nullopt;
  map.offset = runs.front().start.value - runs.front().physical.value;
  return map;
}

} // namespace vmpt
