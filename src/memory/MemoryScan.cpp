#include "memory/MemoryScan.h"

#include "support/Bits.h"

namespace vmpt {

/// The next piece of a range that is there.
MemoryPiece MemoryPieces::cut(const MemoryRange &range) {
  const PhysAddr at = range.start + done_;
  if (!zeroBytes_ && !storedBytes_) {
    // Holes end where blocks of the file do, which pages here need not.
    constexpr uint64_t unit = 64 << 10;
    const uint64_t left = range.size - done_;
    const MemoryRange found = memory_.nextStored(at, left);
    zeroBytes_ = found.size ? found.start - at : left;
    storedBytes_ = found.size;
    if (found.size) {
      const uint64_t before =
          std::min(zeroBytes_, found.start.value & (unit - 1));
      const uint64_t behind =
          std::min(left - zeroBytes_ - storedBytes_,
                   (0 - (found.start + found.size).value) & (unit - 1));
      zeroBytes_ -= before;
      storedBytes_ += before + behind;
    }
  }
  MemoryPiece piece{at};
  piece.isZeros = zeroBytes_;
  uint64_t &left = zeroBytes_ ? zeroBytes_ : storedBytes_;
  piece.size = left;
  if (!piece.isZeros)
    piece.size = std::min(left, pieceBytes - (at.value & (pieceBytes - 1)));
  left -= piece.size;
  return piece;
}

bool MemoryPieces::next(MemoryPiece &piece) {
  while (!ranges_.empty()) {
    const MemoryRange &range = ranges_.front();
    if (done_ == range.size || (range.absence && !all_)) {
      passed_ += range.absence ? 0 : range.size;
      ranges_ = ranges_.drop_front();
      done_ = 0;
      continue;
    }
    if (range.absence) {
      piece = {range.start, range.size, passed_, range.absence};
      done_ = range.size;
      return true;
    }
    piece = cut(range);
    done_ += piece.size;
    piece.passed = passed_ + done_;
    if (all_ || !piece.isZeros)
      return true;
  }
  return false;
}

bool isQuickToScan(const PhysicalMemory &memory) {
  constexpr uint64_t mostBytes = uint64_t(1) << 30;
  return memory.isQuickToRead() && memory.presentBytes() <= mostBytes;
}

} // namespace vmpt
