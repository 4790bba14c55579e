//===- TableWalk.h - every entry in use, with where it stands -------------===//
//
// For questions about entries, not about addresses: Walker hands its sink
// addresses in order and sums up what repeats; here each table is looked into
// once for each set of rights with which it is reached, and each kind of place
// (`zoneAt`), and entries come with their own address. So the cost is bounded
// by the number of tables, and a loop is a finding instead of an endless walk.
//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"

#include "llvm/ADT/DenseSet.h"

#include <vector>

namespace vmpt {

/// An entry that is not empty.
struct TableEntry {
  VirtAddr at;    ///< The first address that it serves.
  PhysAddr place; ///< Where it stands.
  uint64_t value = 0;
  unsigned level = 0;
  uint8_t denied = 0; ///< Rights that it and those above it take away.
};

class TableVisitor {
public:
  virtual ~TableVisitor() = default;
  /// Tables are looked into again where this is another number.
  virtual unsigned zoneAt(VirtAddr) const { return 0; }
  /// False: the table is not to be looked into.
  virtual bool table(const TableEntry &, PhysAddr) { return true; }
  virtual void page(const TableEntry &, PhysAddr first) = 0;
  virtual void reserved(const TableEntry &) {}
  /// Not present, and not zero.
  virtual void hole(const TableEntry &) {}
  /// The table is one of those that lead to it.
  virtual void loop(const TableEntry &, PhysAddr) {}
  virtual void absent(const TableEntry &, PhysAddr table, AbsentByte) = 0;
};

class TableWalk {
public:
  /// \p memory must outlive the object.
  TableWalk(const PhysicalMemory &memory, const PagingMode &mode);

  /// What [first, last], both inclusive and of one half, has under \p root.
  void walk(PhysAddr root, VirtAddr first, VirtAddr last,
            TableVisitor &visitor);
  /// What is below one entry. \p at is the first address that it serves.
  void walkBelow(const TableEntry &entry, TableVisitor &visitor);
  /// Tables are new again: another address space.
  void forget() { visited_.clear(); }
  /// So many tables there cannot be: the rest was left out.
  bool isExhausted() const { return budget_ == 0; }

private:
  const uint8_t *load(PhysAddr table, unsigned level, AbsentByte &absent);
  void walkTable(PhysAddr table, unsigned level, VirtAddr first, VirtAddr last,
                 const TableEntry &from, TableVisitor &visitor);
  void visit(const TableEntry &entry, VirtAddr first, VirtAddr last,
             TableVisitor &visitor);

  const PhysicalMemory &memory_;
  const PagingMode mode_;
  uint64_t budget_;
  std::vector<PhysAddr> path_;
  std::array<std::vector<uint8_t>, maxLevels> buffers_;
  llvm::DenseSet<std::pair<uint64_t, uint64_t>> visited_;
};

} // namespace vmpt
