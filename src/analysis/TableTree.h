//===- TableTree.h - the tables under a root as they are ------------------===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"

#include <functional>

namespace vmpt {

/// An entry in use: a pointer to a table, a page, or reserved.
struct TreeEntry {
  unsigned level = 0, index = 0;
  PhysAddr table;
  PhysAddr entryAddress;
  uint64_t value = 0;
  VirtAddr first, last; ///< What it spans.
  DecodedEntry decoded;
  /// Why the table that it points to cannot be read.
  std::optional<AbsentByte> absence;
  /// The absence is that of a page of zeros: the table is empty.
  bool isTableExcluded = false;
};

/// Hands every entry in use under \p root to \p visit, a table's own before
/// those below, down to \p levelCount levels, until it says false. A table is
/// visited wherever it is pointed to: hostile ones have no end that would be
/// worth waiting for. Returns why the root cannot be read.
std::optional<AbsentByte>
visitTables(const PhysicalMemory &memory, const PagingMode &mode, PhysAddr root,
            unsigned levelCount,
            const std::function<bool(const TreeEntry &)> &visit);

} // namespace vmpt
