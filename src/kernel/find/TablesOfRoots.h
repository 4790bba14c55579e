//===- TablesOfRoots.h - tables that belong to a top table ----------------===//
#pragma once

#include "kernel/find/SoundTables.h"

#include <unordered_map>

namespace vmpt {

/// Tables below an accepted root are roots themselves in a mode of fewer
/// levels, as far as their entries tell, and parts of it are tables in a
/// narrower mode.
class TablesOfRoots {
public:
  /// \p presentBytes bound how many tables are read.
  explicit TablesOfRoots(uint64_t presentBytes)
      : readsLeft_(presentBytes / 256 + (uint64_t(1) << 20)) {}

  /// The tables that [\p first, ...] of a top table leads to in the next
  /// \p levels, each once for each.
  std::vector<PhysAddr> list(const SoundTables &tables, PhysAddr root,
                             VirtAddr first, unsigned levels);
  /// Each a table of the last level in \p mode, or as large as one.
  void add(const PagingMode &mode, llvm::ArrayRef<PhysAddr> tables);
  /// What \p root leads to in two levels, and its parts in \p modes.
  void addBelow(const SoundTables &tables, PhysAddr root,
                llvm::ArrayRef<const PagingMode *> modes);
  /// Is it one of them, or in one?
  bool contain(PhysAddr at) const;
  /// There were too many.
  bool isCut() const { return isCut_; }

private:
  void add(PhysAddr table, uint64_t size);

  uint64_t readsLeft_;
  bool isCut_ = false;
  std::unordered_map<uint64_t, uint64_t> sizes_; ///< By the address.
};

} // namespace vmpt
