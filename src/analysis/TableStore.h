//===- TableStore.h - every table under some roots, once ------------------===//
//
// For a copy of the tables themselves, from which every address of every space
// can be walked. A table that several roots lead to, or several entries, is met
// once for each level at which it stands.
//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"

#include "llvm/ADT/DenseSet.h"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace vmpt {

struct StoredTable {
  PhysAddr address;
  unsigned level = 0;
  /// Why it cannot be read; then there are no entries.
  std::optional<Absence> absence;
  /// It was left out as a page of zeros is: a table without entries.
  bool isTakenForEmpty = false;
  llvm::ArrayRef<uint64_t> entries; ///< Valid during the call.
};

class TableStore {
public:
  /// False: no further tables.
  using Visit = std::function<bool(const StoredTable &)>;

  /// \p memory must outlive the object. The tables of \p mode; coverage does
  /// not matter.
  TableStore(const PhysicalMemory &memory, const PagingMode &mode);

  /// Those of \p root that were not met before, each before those below it.
  void visit(PhysAddr root, const Visit &visit);
  /// So many tables there cannot be: the rest was left out.
  bool isExhausted() const { return budget_ == 0; }

private:
  bool load(StoredTable &table);

  const PhysicalMemory &memory_;
  const PagingMode mode_;
  uint64_t budget_;
  llvm::DenseSet<std::pair<uint64_t, unsigned>> met_;
  std::vector<uint8_t> bytes_;
  std::vector<uint64_t> entries_;
};

} // namespace vmpt
