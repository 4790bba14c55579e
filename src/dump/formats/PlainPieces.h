//===- PlainPieces.h - pieces of memory that may contradict each other ----===//
#pragma once

#include "dump/storage/ExtentMemory.h"

#include <utility>
#include <vector>

namespace vmpt {

/// Where two pieces have the same memory and are not of one mind, nobody knows
/// which is right: one of them says wrongly where it lies.
class PlainPieces {
public:
  using Range = std::pair<PhysAddr, uint64_t>; ///< Start and size.

  /// \p bytes, of which there is at least one, outlive the memory.
  void add(PhysAddr first, llvm::ArrayRef<uint8_t> bytes) {
    pieces_.push_back({first, bytes});
  }
  /// Once, after all. Pages that contradict each other are Absence::Corrupt,
  /// and returned, ascending.
  const std::vector<Range> &addTo(ExtentMemory &memory);

private:
  struct Piece {
    PhysAddr first;
    llvm::ArrayRef<uint8_t> bytes;
    PhysAddr last() const { return first + (bytes.size() - 1); }
  };
  void findConflicts();
  void compare(PhysAddr first, llvm::ArrayRef<uint8_t> one,
               llvm::ArrayRef<uint8_t> other);
  void addPiece(Piece piece, ExtentMemory &memory) const;

  std::vector<Piece> pieces_;
  std::vector<Range> conflicts_;
};

} // namespace vmpt
