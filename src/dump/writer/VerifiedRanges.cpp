#include "dump/writer/VerifiedRanges.h"

#include "memory/MemoryScan.h"
#include "support/Bits.h"

namespace vmpt {

namespace {

/// Calls \p visit(start, size, bytes, absence) for each page of \p piece, or
/// part of one: with its bytes, or with why there are none. What needs no look
/// is one visit, of zeros with no bytes.
template <class Visit>
void visitPages(const PhysicalMemory &memory, const MemoryPiece &piece,
                uint64_t pageBytes, Visit visit) {
  if (piece.absence || piece.isZeros)
    return visit(piece.start, piece.size, nullptr, piece.absence);
  std::vector<uint8_t> page(pageBytes);
  for (uint64_t at = 0; at < piece.size;) {
    const PhysAddr start = piece.start + at;
    const uint64_t size =
        std::min(piece.size - at, pageBytes - (start.value & (pageBytes - 1)));
    const uint8_t *bytes = memory.tryView(start, size);
    std::optional<Absence> absence;
    if (!bytes) {
      bytes = page.data();
      if (auto absent = memory.tryRead(
              start, llvm::MutableArrayRef<uint8_t>(page).take_front(size)))
        absence = absent->absence;
    }
    visit(start, size, bytes, absence);
    at += size;
  }
}

/// Has all threads make a \p Result of each piece of the memory, and hands the
/// results to \p take in the order of addresses.
template <class Result, class Make, class Take>
void visitPieces(const PhysicalMemory &memory, Diagnostics &diagnostics,
                 Make make, Take take) {
  ScanProgress progress(diagnostics, memory, "checking pages");
  MemoryBehind behind(memory);
  MemoryPieces pieces(memory, /*all=*/true);
  inOrder<MemoryPiece, Result>(
      diagnostics.threads(),
      [&](MemoryPiece &piece) { return pieces.next(piece); },
      [&](unsigned, const MemoryPiece &piece, Result &result) {
        make(piece, result);
      },
      [&](const MemoryPiece &piece, const Result &result) {
        progress.reach(piece.passed);
        if (!piece.absence && !piece.isZeros)
          behind.pass(piece.start, piece.size);
        take(result);
        return true;
      });
}

} // namespace

std::vector<MemoryRange> verifyRanges(const PhysicalMemory &memory,
                                      Diagnostics &diagnostics) {
  using Ranges = std::vector<MemoryRange>;
  constexpr uint64_t pageBytes = 4096;
  Ranges result;
  visitPieces<Ranges>(
      memory, diagnostics,
      [&](const MemoryPiece &piece, Ranges &ranges) {
        visitPages(memory, piece, pageBytes,
                   [&](PhysAddr start, uint64_t size, const uint8_t *,
                       std::optional<Absence> absence) {
                     appendRange(ranges, {start, size, absence});
                   });
      },
      [&](const Ranges &ranges) {
        for (const MemoryRange &range : ranges)
          appendRange(result, range);
      });
  return result;
}

VerifiedBytes verifyBytes(const PhysicalMemory &memory, uint64_t pageBytes,
                          Diagnostics &diagnostics) {
  VerifiedBytes counts;
  visitPieces<VerifiedBytes>(
      memory, diagnostics,
      [&](const MemoryPiece &piece, VerifiedBytes &part) {
        visitPages(memory, piece, pageBytes,
                   [&](PhysAddr, uint64_t size, const uint8_t *bytes,
                       std::optional<Absence> absence) {
                     if (absence) {
                       part.absent[size_t(*absence)] += size;
                       return;
                     }
                     part.present += size;
                     if (!bytes || isZero({bytes, size}))
                       part.zero += size;
                   });
      },
      [&](const VerifiedBytes &part) {
        counts.present += part.present;
        counts.zero += part.zero;
        for (size_t i = 0; i < counts.absent.size(); ++i)
          counts.absent[i] += part.absent[i];
      });
  return counts;
}

} // namespace vmpt
