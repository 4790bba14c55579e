#include "dump/formats/PlainPieces.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cstring>

namespace vmpt {

void PlainPieces::compare(PhysAddr first, llvm::ArrayRef<uint8_t> one,
                          llvm::ArrayRef<uint8_t> other) {
  constexpr uint64_t pageBytes = 4096;
  for (uint64_t done = 0, size = 0; done < one.size(); done += size) {
    const PhysAddr at = first + done;
    size = std::min<uint64_t>(pageBytes - (at.value & (pageBytes - 1)),
                              one.size() - done);
    if (std::memcmp(one.data() + done, other.data() + done, size) == 0)
      continue;
    Range *last = conflicts_.empty() ? nullptr : &conflicts_.back();
    if (last && at <= last->first + last->second)
      last->second = std::max(last->second, at + size - last->first);
    else
      conflicts_.push_back({at, size});
  }
}

/// Each piece is held against the one before it that reaches furthest: so none
/// is compared often, and none that overlaps another is left out.
void PlainPieces::findConflicts() {
  llvm::stable_sort(pieces_, [](const Piece &a, const Piece &b) {
    return a.first < b.first;
  });
  const Piece *furthest = nullptr;
  for (const Piece &piece : pieces_) {
    if (furthest && piece.first <= furthest->last()) {
      const auto other =
          furthest->bytes.drop_front(piece.first - furthest->first);
      compare(
          piece.first,
          piece.bytes.take_front(std::min(other.size(), piece.bytes.size())),
          other);
    }
    if (!furthest || piece.last() > furthest->last())
      furthest = &piece;
  }
  // Of three pieces, the second comparison starts before the first has ended.
  llvm::sort(conflicts_);
  std::vector<Range> merged;
  for (const Range &next : conflicts_)
    if (!merged.empty() &&
        next.first <= merged.back().first + (merged.back().second - 1))
      merged.back().second = std::max(
          merged.back().second, next.first - merged.back().first + next.second);
    else
      merged.push_back(next);
  conflicts_ = std::move(merged);
}

/// What of it contradicts no other.
void PlainPieces::addPiece(Piece piece, ExtentMemory &memory) const {
  auto next = llvm::partition_point(conflicts_, [&](const Range &conflict) {
    return conflict.first + (conflict.second - 1) < piece.first;
  });
  for (; next != conflicts_.end() && next->first <= piece.last(); ++next) {
    const PhysAddr last = next->first + (next->second - 1);
    if (next->first > piece.first)
      memory.addData(piece.first,
                     piece.bytes.take_front(next->first - piece.first));
    if (last >= piece.last())
      return;
    piece.bytes = piece.bytes.drop_front(last + 1 - piece.first);
    piece.first = last + 1;
  }
  memory.addData(piece.first, piece.bytes);
}

const std::vector<PlainPieces::Range> &
PlainPieces::addTo(ExtentMemory &memory) {
  findConflicts();
  for (const Range &conflict : conflicts_)
    memory.addAbsent(conflict.first, conflict.second, Absence::Corrupt);
  for (const Piece &piece : pieces_)
    addPiece(piece, memory);
  return conflicts_;
}

} // namespace vmpt
