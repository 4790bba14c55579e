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

/// Gives back what a look through a large memory takes of this machine's. In
/// large parts: each makes all cores that work for the process forget
/// addresses.
class MemoryBehind {
public:
  explicit MemoryBehind(const PhysicalMemory &memory)
      : memory_(memory), isWorthIt_(isWorthForgetting(memory)) {}
  ~MemoryBehind() { forget(); }
  MemoryBehind(const MemoryBehind &) = delete;
  MemoryBehind &operator=(const MemoryBehind &) = delete;

  /// [\p start, \p start + \p size) was looked at; it may be a large one.
  void pass(PhysAddr start, uint64_t size) {
    if (!isWorthIt_ || !size)
      return;
    if (start < start_ || start - start_ >= step || size >= step)
      forget();
    if (!size_)
      start_ = start;
    size_ = start - start_ + size;
    if (size_ >= step)
      forget();
  }

private:
  static constexpr uint64_t step = uint64_t(32) << 20;
  void forget() {
    if (size_)
      memory_.forget(start_, size_);
    size_ = 0;
  }

  const PhysicalMemory &memory_;
  const bool isWorthIt_;
  PhysAddr start_{0};
  uint64_t size_ = 0;
};

/// A look at a few bytes of each page takes no time: there are not many, and
/// none takes its own.
bool isQuickToScan(const PhysicalMemory &memory);

/// Has \p make(piece, result) called for each piece of \p memory, by the
/// threads that \p diagnostics allow, and \p take(result) in the order of
/// addresses, by the caller's; false ends the scan. Says how far it is.
template <class Result, class Make, class Take>
void scanMemory(const PhysicalMemory &memory, Diagnostics &diagnostics,
                llvm::StringRef what, Make make, Take take) {
  ScanProgress progress(diagnostics, memory, what);
  MemoryBehind behind(memory);
  const uint64_t most =
      memory.presentBytes() / MemoryPieces::pieceBytes + memory.ranges().size();
  MemoryPieces pieces(memory, /*all=*/false);
  inOrder<MemoryPiece, Result>(
      unsigned(std::min<uint64_t>(diagnostics.threads(), most)),
      [&](MemoryPiece &piece) { return pieces.next(piece); },
      [&](unsigned, const MemoryPiece &piece, Result &result) {
        make(piece, result);
      },
      [&](const MemoryPiece &piece, Result &result) {
        progress.reach(piece.passed);
        behind.pass(piece.start, piece.size);
        return take(result);
      });
}

} // namespace vmpt
