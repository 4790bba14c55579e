//===- SoundTables.h - can a page be a page table, and what is below? -----===//
//
// By what its entries are and by what the tables that they lead to are. Where a
// part is not in the dump, nothing speaks against it.
//
// Each table is looked at once for each level that it is met at, however many
// entries lead to it. So many candidates cost no more than the memory that
// they lie in, and tables that lead to each other have an end.
//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"

#include "llvm/ADT/DenseMap.h"

#include <array>
#include <optional>
#include <vector>

namespace vmpt {

/// A large page whose entry has more of an address than such a page can have is
/// a fault, or a sign that the level is not the right one. (decode() leaves
/// those bits out. Bit 12 of x86's large pages is PAT. Sections of 32-bit Arm
/// have other things there.)
bool isWholePage(const PagingMode &mode, uint64_t entry, unsigned level);

/// A table at one level, for llvm::DenseMap.
uint64_t tableKey(PhysAddr table, unsigned level);

/// All sums are of places: a table that two entries lead to counts twice.
struct TablesBelow {
  /// What pages map, by the rights that user code lacks there (UserRights,
  /// shifted to bit 0): the last has neither.
  std::array<uint64_t, 4> mapped = {};
  uint64_t outsideBytes = 0; ///< Of these, what is surely no memory.
  uint64_t tables = 0, tableBytes = 0;
  uint64_t absentTables = 0; ///< Not in the dump.
  uint64_t lostTables = 0;   ///< Of these, what no filter left out.
  /// Their entries cannot be those of a table.
  uint64_t unsoundTables = 0;
  /// Of the last level, with nothing in use but entries that are not empty:
  /// all pages of it are swapped, or it is none.
  uint64_t swappedTables = 0;

  /// An entry of the top table itself leads to an unsound one.
  bool isWrongOnTop = false;

  uint64_t kernelBytes() const { return mapped[3]; }
  uint64_t userBytes() const;
  uint64_t mappedBytes() const;
  /// Most of what they map is for user code (what nobody may use may be in use
  /// for the MMU, ppc64le's PROT_NONE), and in RAM.
  bool isOfUser() const {
    return userBytes() && kernelBytes() * 2 <= userBytes() &&
           outsideBytes * 2 <= mappedBytes();
  }
  /// Of the kernel; x86 and Arm have a page for user code there.
  bool isOfKernel() const { return userBytes() * 16 <= kernelBytes(); }
  /// Memory that changed while it was read has a wrong table here and there.
  bool isSound(bool mayBeSwapped) const {
    return !isWrongOnTop &&
           (unsoundTables + (mayBeSwapped ? 0 : swappedTables)) * 16 <= tables;
  }
  /// \p other, behind an entry that takes \p denied from user code.
  void add(const TablesBelow &other, uint8_t denied = 0);
};

class SoundTables {
public:
  using Entries = std::vector<uint64_t>;

  /// Looks at no more than \p maxTables; both others must outlive the object.
  SoundTables(const PhysicalMemory &memory, const PagingMode &mode,
              size_t maxTables = size_t(1) << 21)
      : memory_(memory), mode_(mode), tablesLeft_(maxTables) {}

  const PagingMode &mode() const { return mode_; }
  /// None if the table is not in the dump.
  Entries read(PhysAddr table, unsigned level = 0) const;
  /// What the part [\p first, \p last] of a top table leads to; nothing if an
  /// entry of it is none of a table. The end of the 2^virtualBits bytes around
  /// first is the end.
  std::optional<TablesBelow> lookBelow(PhysAddr root, VirtAddr first,
                                       VirtAddr last);
  /// Tables were passed over, there were too many; they count as unsound.
  bool isCut() const { return isCut_; }

private:
  /// What the entries of a table are.
  struct Census {
    size_t used = 0, odd = 0;
    bool isBroken = false;
    TablesBelow pages;
  };
  bool isOutOfRam(PhysAddr at) const;
  bool isNoTable(PhysAddr at) const;
  bool hasReservedBits(uint64_t entry, unsigned level) const;
  Census takeCensus(llvm::ArrayRef<uint64_t> entries, unsigned level) const;
  TablesBelow lookAt(PhysAddr table, unsigned level);
  TablesBelow lookAtEntries(const Entries &entries, unsigned level);
  void addRange(PhysAddr table, unsigned level, VirtAddr base, VirtAddr first,
                VirtAddr last, TablesBelow &below);
  /// False if it is an unsound one.
  bool addTable(uint64_t entry, unsigned level, TablesBelow &below);
  uint8_t deniedToUser(uint64_t entry, unsigned level) const {
    return uint8_t((mode_.deniedBy(entry, level) & UserRights) / UserRight);
  }

  const PhysicalMemory &memory_;
  const PagingMode mode_;
  size_t tablesLeft_;
  bool isCut_ = false;
  mutable size_t lastRange_ = 0; ///< Where isOutOfRam() looks first.
  llvm::DenseMap<uint64_t, TablesBelow> known_;
};

} // namespace vmpt
