//===- AddressSpace.h - kernel memory through the dump's page tables -----===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/Translate.h"

namespace vmpt {

/// A piece of virtual memory that one physical piece lies behind.
struct MappedRun {
  VirtAddr start;
  PhysAddr physical;
  uint64_t size = 0;
  uint64_t entry = 0;     ///< The leaf entry of the run's first page.
  PageRights rights = {}; ///< What all entries on the way allow.
};

/// Virtual memory [first, last] that is known to be one physical piece.
struct LinearPiece {
  VirtAddr first, last;
  PhysAddr physical; ///< Of `first`.
};

/// Reads virtual addresses through one root. Never by arithmetic: what the
/// tables do not map is an error, and so is what the root does not translate
/// at all (Coverage.h). The one exception is a piece that place() names, and
/// there only where a table is not in the dump. Safe from several threads.
class AddressSpace {
public:
  /// \p memory must outlive this object; the mode is copied. A task's root has
  /// the mode ofLowerRoot(). \p order is that of what is read; tables have
  /// their own.
  AddressSpace(const PhysicalMemory &memory, const PagingMode &mode,
               PhysAddr root, ByteOrder order = ByteOrder::little)
      : memory_(&memory), mode_(mode), root_(root), order_(order) {}

  const PhysicalMemory &physical() const { return *memory_; }
  const PagingMode &mode() const { return mode_; }
  PhysAddr root() const { return root_; }
  ByteOrder order() const { return order_; }

  /// Where a table is missing on the way to an address in \p piece, it is read
  /// where the piece lies.
  void place(const LinearPiece &piece) { placed_ = piece; }

  /// The way to a page through the tables, or why there is none.
  Translation find(VirtAddr at) const {
    return vmpt::translate(*memory_, mode_, root_, at);
  }
  /// The physical address behind a virtual one: LookupError if nothing maps
  /// it, MemoryError if a table on the way is not in the dump.
  llvm::Expected<PhysAddr> translate(VirtAddr at) const;

  /// All of the bytes, or an error; may cross pages.
  llvm::Error read(VirtAddr at, llvm::MutableArrayRef<uint8_t> out) const;

  template <class T> llvm::Expected<T> readNumber(VirtAddr at) const {
    uint8_t raw[sizeof(T)];
    if (llvm::Error error = read(at, raw))
      return error;
    return loadUnaligned<T>(raw, order_);
  }
  /// Bytes up to the first NUL; an error if there is none in \p limit bytes.
  llvm::Expected<std::string> readString(VirtAddr at, size_t limit) const;

  /// Whatever [first, last] maps, ascending, physical neighbours with equal
  /// permissions joined; only canonical addresses, so a page that has aliases
  /// by a tag is there once. At most \p limit runs: tables can be hostile.
  std::vector<MappedRun> mappedRuns(VirtAddr first, VirtAddr last,
                                    size_t limit = 1 << 16) const;

private:
  /// The physical address of \p at in the placed piece.
  std::optional<PhysAddr> findPlaced(VirtAddr at) const {
    if (!placed_ || at < placed_->first || at > placed_->last)
      return std::nullopt;
    return placed_->physical + (at - placed_->first);
  }
  /// Of addresses that are all covered.
  void addRuns(VirtAddr first, VirtAddr last, size_t limit, size_t &steps,
               CachedTranslation &tables, std::vector<MappedRun> &runs) const;

  const PhysicalMemory *memory_;
  PagingMode mode_;
  PhysAddr root_;
  ByteOrder order_;
  std::optional<LinearPiece> placed_;
};

} // namespace vmpt
