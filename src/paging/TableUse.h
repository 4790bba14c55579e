//===- TableUse.h - how many tables and pages a range of addresses takes --===//
#pragma once

#include "paging/Walker.h"

namespace vmpt {

struct TableUse {
  uint64_t tables = 0; ///< Below the root.
  uint64_t tableBytes = 0;
  uint64_t mappedBytes = 0; ///< What pages map.
  uint64_t physicalEnd = 0; ///< One past the highest byte that they map.
  uint64_t absentTables = 0;
  /// One past the highest of those that the dump has no memory for.
  uint64_t absentEnd = 0;
  bool isCut = false; ///< The tables are hostile: counting was ended.
};

/// Counts what [first, last] takes under \p root. A table that two entries
/// point to counts twice, as the kernel counts it. A loop of tables has no
/// end: it is left after \p maxTables (2^20 of them map 2 TiB in 4K pages). In
/// a direct window there are none.
TableUse countTableUse(const PhysicalMemory &memory, const PagingMode &mode,
                       PhysAddr root, VirtAddr first, VirtAddr last,
                       uint64_t maxTables = uint64_t(1) << 20);

} // namespace vmpt
