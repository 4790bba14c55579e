#include "dump/writer/VerifiedRanges.h"

#include "support/Bits.h"
#include "support/Parallel.h"

namespace vmpt {

namespace {

/// A part of a range that one thread looks at.
struct Piece {
  PhysAddr start;
  uint64_t size = 0;
  std::optional<Absence> absence; ///< Of all of it, by the container's word.
};

/// Calls \p visit(start, size, bytes, absence) for each page of \p piece, or
/// part of one: with its bytes, or with why there are none. What is known to be
/// absent is one visit.
template <class Visit>
void visitPages(const PhysicalMemory &memory, const Piece &piece,
                uint64_t pageBytes, Visit visit) {
  if (piece.absence)
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
/// results to \p take in the order of addresses. No page is in two pieces.
template <class Result, class Make, class Take>
void visitPieces(const PhysicalMemory &memory, uint64_t pageBytes,
                 Diagnostics &diagnostics, Make make, Take take) {
  const uint64_t pieceBytes = std::max<uint64_t>(1 << 20, pageBytes);
  const unsigned threads = countCores();
  const size_t atOnce = size_t(threads) * 16;
  const uint64_t total = memory.presentBytes();
  uint64_t done = 0;
  std::vector<Piece> pieces;
  auto run = [&] {
    std::vector<Result> results(pieces.size());
    parallelFor(pieces.size(), threads,
                [&](size_t i) { make(pieces[i], results[i]); });
    for (size_t i = 0; i < pieces.size(); ++i) {
      take(results[i]);
      done += pieces[i].absence ? 0 : pieces[i].size;
    }
    pieces.clear();
    diagnostics.progress("checking pages", done, total);
  };
  for (const MemoryRange &range : memory.ranges())
    for (uint64_t at = 0; at < range.size;) {
      const PhysAddr start = range.start + at;
      const uint64_t size =
          range.absence
              ? range.size
              : std::min(range.size - at,
                         pieceBytes - (start.value & (pieceBytes - 1)));
      pieces.push_back({start, size, range.absence});
      at += size;
      if (pieces.size() == atOnce)
        run();
    }
  run();
}

} // namespace

std::vector<MemoryRange> verifyRanges(const PhysicalMemory &memory,
                                      Diagnostics &diagnostics) {
  using Ranges = std::vector<MemoryRange>;
  constexpr uint64_t pageBytes = 4096;
  Ranges result;
  visitPieces<Ranges>(
      memory, pageBytes, diagnostics,
      [&](const Piece &piece, Ranges &ranges) {
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
      memory, pageBytes, diagnostics,
      [&](const Piece &piece, VerifiedBytes &part) {
        visitPages(memory, piece, pageBytes,
                   [&](PhysAddr, uint64_t size, const uint8_t *bytes,
                       std::optional<Absence> absence) {
                     if (absence) {
                       part.absent[size_t(*absence)] += size;
                       return;
                     }
                     part.present += size;
                     if (isZero({bytes, size}))
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
