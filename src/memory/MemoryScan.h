//===- MemoryScan.h - a look through all of memory, by all threads --------===//
//
// Memory is looked at in pieces, each by one thread, and what they find is
// taken in the order of addresses. What is known to be zeros is passed over,
// and what a look at a large file takes of this machine's memory is given back
// behind it.
//
#pragma once

#include "memory/ScanProgress.h"
#include "support/Parallel.h"

namespace vmpt {

/// What one thread looks at. No 64 KiB at a multiple of their size are in two.
struct MemoryPiece {
  PhysAddr start;
  uint64_t size = 0;
  /// How many bytes of memory there are up to its end.
  uint64_t passed = 0;
  /// Of what needs no look: why it is not there, or that it is zeros.
  std::optional<Absence> absence = {};
  bool isZeros = false;
};

/// The pieces of all that a memory has or lacks, ascending. What needs no look
/// may be a large one.
class MemoryPieces {
public:
  static constexpr uint64_t pieceBytes = 1 << 20;

  /// \p memory must outlive the object. Without \p all only those to look at.
  MemoryPieces(const PhysicalMemory &memory, bool all)
      : memory_(memory), ranges_(memory.ranges()), all_(all) {}

  /// False: there are no more.
  bool next(MemoryPiece &piece);

private:
  MemoryPiece cut(const MemoryRange &range);

  const PhysicalMemory &memory_;
  llvm::ArrayRef<MemoryRange> ranges_; ///< The first is looked at.
  const bool all_;
  uint64_t done_ = 0;   ///< Of the first range.
  uint64_t passed_ = 0; ///< In ranges before.
  /// What was found behind that: zeros, and then bytes.
  uint64_t zeroBytes_ = 0, storedBytes_ = 0;
};

/// Whatever the size of the memory, a look through it leaves little more of a
/// mapped file resident.
inline bool isWorthForgetting(const PhysicalMemory &memory) {
  constexpr uint64_t mayStay = uint64_t(128) << 20;
  return memory.presentBytes() > mayStay;
}

/// A look at a few bytes of each page takes no time: there are not many, and
/// none has to be decompressed.
bool isQuickToScan(const PhysicalMemory &memory);

/// Has \p make(piece, result) called for each piece of \p memory, by the
/// threads that \p diagnostics allow, and \p take(result) in the order of
/// addresses, by the caller's; false ends the scan. Says how far it is.
template <class Result, class Make, class Take>
void scanMemory(const PhysicalMemory &memory, Diagnostics &diagnostics,
                llvm::StringRef what, Make make, Take take) {
  ScanProgress progress(diagnostics, memory, what);
  const bool forgets = isWorthForgetting(memory);
  const uint64_t most =
      memory.presentBytes() / MemoryPieces::pieceBytes + memory.ranges().size();
  MemoryPieces pieces(memory, /*all=*/false);
  inOrder<MemoryPiece, Result>(
      unsigned(std::min<uint64_t>(diagnostics.threads(), most)),
      [&](MemoryPiece &piece) { return pieces.next(piece); },
      [&](unsigned, const MemoryPiece &piece, Result &result) {
        make(piece, result);
        if (forgets)
          memory.forget(piece.start, piece.size);
      },
      [&](const MemoryPiece &piece, Result &result) {
        progress.reach(piece.passed);
        return take(result);
      });
}

} // namespace vmpt
