#include "kernel/find/DirectMap.h"

namespace vmpt {

namespace {

/// The names of the section in address_markers[]: linux v6.12
/// arch/x86/mm/dump_pagetables.c (64 and 32 bits), arch/arm64/mm/ptdump.c,
/// arch/riscv/mm/ptdump.c; arm64 of 5.3 and before has no "start".
constexpr llvm::StringLiteral sectionNames[] = {
    "Low Kernel Mapping", "Kernel Mapping", "Linear Mapping start",
    "Linear Mapping", "Linear mapping"};

} // namespace

std::optional<DirectMap> findDirectMap(const KernelImage &kernel,
                                       const PhysicalMemory &memory) {
  auto marker = llvm::find_if(kernel.markers, [](const AddressMarker &m) {
    return llvm::is_contained(sectionNames, m.name);
  });
  if (marker == kernel.markers.end())
    return std::nullopt;
  DirectMap map;
  map.start = marker->start;
  map.last = kernel.wordBytes() == 8 ? ~uint64_t(0) : 0xffffffff;
  for (const AddressMarker &other : kernel.markers)
    if (other.start > map.start)
      map.last = std::min(map.last, other.start - 1);
  // RAM can lie far behind the start: arm64 moves its linear map by random
  // numbers of gigabytes.
  std::vector<MappedRun> runs = kernel.addressSpace(memory).mappedRuns(
      VirtAddr(map.start), VirtAddr(map.last), 256);
  if (runs.empty())
    return std::nullopt;
  map.offset = runs.front().start.value - runs.front().physical.value;
  return map;
}

} // namespace vmpt
