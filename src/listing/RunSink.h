//===- RunSink.h - what a listing consists of, before it is text ----------===//
#pragma once

#include "memory/PhysicalMemory.h"

#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>
#include <vector>

namespace vmpt {

/// What the kernel's dumper compares: a line ends where this changes.
struct RunState {
  uint64_t attributes = 0; ///< The bits of the entry that count.
  uint64_t effective = 0;  ///< Rights along the whole path (x86).
  /// Linux's level: 0 pgd, 1 p4d, 2 pud, 3 pmd, 4 pte; -1 before the first.
  /// A table that is not in the dump has `absentLevel`, its physical address
  /// in `attributes`, the table's own level and the absence in `effective`.
  int level = -1;

  static constexpr int absentLevel = -2;
  bool operator==(const RunState &) const = default;
};

/// [start, end) is all of one state. The end may be 0, which is 2^64.
struct Run {
  uint64_t start = 0, end = 0;
  RunState state;
  uint64_t firstEntry = 0; ///< The raw entry at `start`.

  uint64_t size() const { return end - start; }
  bool isAbsent() const { return state.level == RunState::absentLevel; }
  PhysAddr absentTable() const { return PhysAddr(state.attributes); }
  int absentTableLevel() const { return int(state.effective >> 8); }
  Absence absence() const { return Absence(state.effective & 0xff); }
};

/// What an address range, or a part of it, belongs to.
struct RangeName {
  llvm::StringLiteral kind = ""; ///< "symbol", "module", "vmalloc", "area"
  std::string name;
  VirtAddr first, last; ///< Of the named thing, both inclusive.

  bool operator==(const RangeName &) const = default;
};

struct RangeNames {
  std::vector<RangeName> names;
  uint64_t moreCount = 0; ///< That are not among them.
};

/// What was asked for beside the kernel's own line.
struct RunNotes {
  bool hasPhysical = false;
  /// Of the run's first byte; nothing where no page is mapped.
  std::optional<PhysAddr> physical;
  /// One page fills the run: each of its pages is that at `physical`.
  bool repeats = false;
  std::optional<RangeNames> names;
};

/// Takes a listing piece by piece: text, JSON, statistics.
class RunSink {
public:
  virtual ~RunSink() = default;
  /// A section begins ("vmalloc() Area").
  virtual void section(llvm::StringRef name) = 0;
  virtual void run(const Run &run) = 0;
  /// In place of run(), in a listing that has more than the kernel's.
  virtual void annotated(const Run &run, const RunNotes &) { this->run(run); }
  /// \p count runs of the section were more than it shows.
  virtual void skipped(uint64_t count) = 0;
};

} // namespace vmpt
