//===- TableCandidates.h - pages that look like a top table ---------------===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"
#include "support/Diagnostics.h"

#include <utility>
#include <vector>

namespace vmpt {

struct TableCandidates {
  /// Physical addresses, ascending.
  std::vector<std::pair<const PagingMode *, std::vector<PhysAddr>>> byMode;
  std::vector<const PagingMode *> cut; ///< There may be more of these.
};

/// One pass over all of memory, in \p modes, whose order stays. By the entries
/// of each page alone: what these lead to is for the caller to judge.
TableCandidates findTableCandidates(const PhysicalMemory &memory,
                                    llvm::ArrayRef<const PagingMode *> modes,
                                    Diagnostics &diagnostics);

} // namespace vmpt
