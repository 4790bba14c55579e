#include "analysis/PhysicalRanges.h"

#include "support/Bits.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <array>

namespace vmpt {

std::vector<PhysicalRange> mergeRanges(std::vector<PhysicalRange> ranges) {
  llvm::sort(ranges, [](auto &a, auto &b) { return a.first < b.first; });
  std::vector<PhysicalRange> merged;
  for (const PhysicalRange &range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last)
      merged.back().last = std::max(merged.back().last, range.last);
    else
      merged.push_back(range);
  }
  return merged;
}

void MixedRanges::add(PhysicalRange range, unsigned kind) {
  const Edge start = makeEdge(range.first, false, kind);
  const Edge end = makeEdge(range.last, true, kind);
  // What goes on where the last one ended is the same range.
  if (!edges_.empty() && edges_.back() == makeEdge(range.first - 1, true, kind))
    edges_.back() = end;
  else
    edges_.insert(edges_.end(), {start, end});
}

void MixedRanges::sort() { llvm::sort(edges_); }

void MixedRanges::takeIn(const MixedRanges &other) {
  std::vector<Edge> all(edges_.size() + other.edges_.size());
  std::merge(edges_.begin(), edges_.end(), other.edges_.begin(),
             other.edges_.end(), all.begin());
  edges_ = std::move(all);
}

MixedRanges MixedRanges::merge(std::vector<MixedRanges> parts) {
  for (size_t step = 1; step < parts.size(); step *= 2)
    for (size_t i = 0; i + step < parts.size(); i += 2 * step)
      parts[i].takeIn(parts[i + step]);
  return parts.empty() ? MixedRanges() : std::move(parts.front());
}

std::vector<PhysicalRange> MixedRanges::find() const {
  std::array<uint64_t, 1 << kindBits> open = {};
  unsigned openKinds = 0;
  std::vector<PhysicalRange> mixed;
  PhysAddr start;
  for (const Edge edge : edges_) {
    const PhysAddr at(edge >> frameShift << pageShift);
    const unsigned kind = edge & lowBits(kindBits);
    if (!(edge & bit(endBit))) {
      if (!open[kind]++ && ++openKinds == 2)
        start = at;
    } else if (!--open[kind] && openKinds-- == 2) {
      mixed.push_back({start, at + lowBits(pageShift)});
    }
  }
  return mixed; // Ascending and disjoint, as the edges are.
}

} // namespace vmpt
