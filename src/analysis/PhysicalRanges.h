//===- PhysicalRanges.h - what several mappings say of one place ----------===//
#pragma once

#include "support/Address.h"

#include "llvm/ADT/ArrayRef.h"

#include <vector>

namespace vmpt {

/// Of bytes, the last one included.
struct PhysicalRange {
  PhysAddr first, last;
  bool operator==(const PhysicalRange &) const = default;
};

/// Ascending, and joined where they overlap.
std::vector<PhysicalRange> mergeRanges(std::vector<PhysicalRange> ranges);

/// Ranges of several kinds, of which those places are asked that are covered by
/// two kinds. Parts are sorted each for itself, by several threads, and merged.
class MixedRanges {
public:
  static constexpr unsigned kindBits = 3;
  /// Whole pages of 4 KiB.
  void add(PhysicalRange range, unsigned kind);
  /// Once all is added.
  void sort();
  /// All are sorted; the sum is, too.
  static MixedRanges merge(std::vector<MixedRanges> parts);
  size_t edgeCount() const { return edges_.size(); }
  /// Of sorted ones.
  std::vector<PhysicalRange> find() const;

private:
  /// The page, then: does a range start with it or end with it, then the kind.
  /// So sorted, what ends with a page still covers it.
  using Edge = uint64_t;
  static constexpr unsigned endBit = kindBits, frameShift = kindBits + 1,
                            pageShift = 12;
  static Edge makeEdge(PhysAddr at, bool isEnd, unsigned kind) {
    return at.value >> pageShift << frameShift | uint64_t(isEnd) << endBit |
           kind;
  }

  void takeIn(const MixedRanges &other);

  std::vector<Edge> edges_;
};

} // namespace vmpt
