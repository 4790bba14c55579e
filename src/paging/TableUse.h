//===- TableUse.h - how many tables and pages a range of addresses takes --===//
#pragma once

#include "paging/Walker.h"

namespace vmpt {

struct TableUse {
  uint64_t tables = 0; ///< Below the root.
  uint64_t tableBytes = 0;
  uint64_t mappedBytes = 0; ///< What present leaves map.
  uint64_t absentTables = 0;
  bool isCut = false; ///< The tables are hostile: counting was ended.
};

/// The MMU's own view of an entry, for walks that ask no Linux questions.
EntryRules makeHardwareRules(const PagingMode &mode);

/// Counts what [first, last] takes under \p root. A table that two entries
/// point to counts twice, as the kernel counts it.
TableUse countTableUse(const PhysicalMemory &memory, const PagingMode &mode,
                       PhysAddr root, VirtAddr first, VirtAddr last);

} // namespace vmpt
