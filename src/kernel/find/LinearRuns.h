//===- LinearRuns.h - the long pieces of memory that a table maps ---------===//
#pragma once

#include "kernel/find/SoundTables.h"
#include "paging/AddressSpace.h"

namespace vmpt {

/// Pages that follow each other in both address spaces, whatever their rights.
/// As of SoundTables, a table is looked at once for each level.
class LinearRuns {
public:
  /// \p tables must outlive the object.
  LinearRuns(const SoundTables &tables, uint64_t leastBytes)
      : tables_(tables), leastBytes_(leastBytes) {}

  /// Those of leastBytes or more that a top table maps from \p first on, which
  /// is where an entry begins; ascending.
  std::vector<MappedRun> find(PhysAddr root, VirtAddr first);
  /// Runs were passed over, there were too many.
  bool isCut() const { return isCut_; }

private:
  struct Run {
    uint64_t start = 0; ///< Behind the table's first address.
    PhysAddr physical;
    uint64_t size = 0;
  };
  /// Those that begin or end with the table are there, however short.
  using Runs = std::vector<Run>;

  Runs lookAt(PhysAddr table, unsigned level, unsigned firstIndex);
  const Runs &lookBelow(PhysAddr table, unsigned level);
  void append(Runs &runs, const Run &next);

  const SoundTables &tables_;
  const uint64_t leastBytes_;
  bool isCut_ = false;
  llvm::DenseMap<uint64_t, Runs> known_;
};

} // namespace vmpt
