//===- PageCensus.h - what a range of addresses holds, counted ------------===//
#pragma once

#include "kernel/pages/NonPresentEntry.h"
#include "memory/PhysicalMemory.h"

namespace vmpt {

/// Numbers are base pages. Each page of the range is counted once.
struct PageCensus {
  uint64_t pageCount = 0;
  std::array<uint64_t, entryKindCount> byKind = {};
  /// Of the present ones, those in pages of each level of the tables.
  std::array<uint64_t, maxLevels> presentByLevel = {};

  uint64_t of(EntryKind kind) const { return byKind[unsigned(kind)]; }
};

/// Counts ranges of one address space. Tables can be hostile: once more
/// entries were seen than memory has room for, the rest is not looked at.
class PageCounter {
public:
  /// \p memory must outlive the object.
  PageCounter(const PhysicalMemory &memory, const PagingMode &mode,
              const NonPresentRules &rules, PhysAddr root);

  /// [start, end), multiples of the page size, start < end.
  PageCensus count(VirtAddr start, VirtAddr end);
  /// The tables have more entries than memory can hold: they lead in circles.
  bool isExhausted() const { return budget_ == 0; }

private:
  const PhysicalMemory &memory_;
  const PagingMode mode_;
  const NonPresentRules rules_;
  PhysAddr root_;
  uint64_t budget_ = 0; ///< Entries still to be looked at.
};

} // namespace vmpt
