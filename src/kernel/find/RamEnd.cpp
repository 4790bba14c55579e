#include "kernel/find/RamEnd.h"

#include "kernel/find/DirectMap.h"
#include "kernel/find/KernelArch.h"
#include "memory/CutMemory.h"
#include "paging/TableUse.h"

namespace vmpt {

PhysAddr findRamEnd(const KernelImage &kernel, const Dump &dump) {
  // Tables of 64 GiB in 4K pages; larger machines map theirs in larger ones.
  constexpr uint64_t maxTables = 1 << 16;
  const PhysicalMemory &memory = *dump.memory;
  const VirtAddr first =
      std::max(firstKernelAddress(kernel), kernel.mode.coverage.first());
  const VirtAddr last = std::min(VirtAddr(lowBits(8 * kernel.wordBytes())),
                                 kernel.mode.coverage.last());
  const TableUse use =
      countTableUse(memory, kernel.mode, kernel.root, first, last, maxTables);
  uint64_t end = use.absentEnd;
  if (std::optional<DirectMap> map = findDirectMap(kernel, memory);
      map && dump.isRaw)
    end = std::max(end, countTableUse(memory, kernel.mode, kernel.root,
                                      VirtAddr(map->start), VirtAddr(map->last),
                                      maxTables)
                            .physicalEnd);
  // An entry of a hostile table can point anywhere.
  const uint64_t known = CutMemory::endOf(memory).value;
  return PhysAddr(end / 64 <= known ? end : 0);
}

} // namespace vmpt
