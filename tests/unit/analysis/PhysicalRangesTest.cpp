#include "analysis/PhysicalRanges.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

/// In pages.
PhysicalRange range(uint64_t first, uint64_t last) {
  return {PhysAddr(first << 12), PhysAddr(last << 12 | 0xfff)};
}

struct OfKind {
  PhysicalRange range;
  unsigned kind;
};

MixedRanges sorted(std::vector<OfKind> ranges) {
  MixedRanges mixed;
  for (const OfKind &one : ranges)
    mixed.add(one.range, one.kind);
  mixed.sort();
  return mixed;
}

TEST(MixedRanges, AreWhereTwoKindsOverlap) {
  EXPECT_EQ(
      sorted({{range(0, 99), 1}, {range(50, 149), 2}, {range(149, 160), 1}})
          .find(),
      (std::vector<PhysicalRange>{range(50, 99), range(149, 149)}));
  EXPECT_TRUE(sorted({{range(0, 99), 1}, {range(100, 149), 2}}).find().empty());
  EXPECT_TRUE(sorted({{range(0, 99), 1}, {range(0, 99), 1}}).find().empty());
}

TEST(MixedRanges, WhatGoesOnIsOneRange) {
  const MixedRanges mixed =
      sorted({{range(8, 9), 1}, {range(10, 11), 1}, {range(12, 12), 2}});
  EXPECT_EQ(mixed.edgeCount(), 4u);
}

TEST(MixedRanges, ReachToTheLastAddress) {
  const uint64_t last = ~uint64_t(0) >> 12;
  EXPECT_EQ(sorted({{range(last, last), 0}, {range(last - 1, last), 7}}).find(),
            std::vector<PhysicalRange>{range(last, last)});
}

TEST(MixedRanges, TheOrderOfThePartsChangesNothing) {
  const std::vector<OfKind> all = {{range(0, 7), 0},   {range(4, 5), 1},
                                   {range(5, 9), 2},   {range(20, 29), 3},
                                   {range(29, 30), 4}, {range(31, 40), 3},
                                   {range(33, 33), 5}};
  const std::vector<PhysicalRange> expected = sorted(all).find();
  EXPECT_EQ(expected, (std::vector<PhysicalRange>{range(4, 7), range(29, 29),
                                                  range(33, 33)}));
  for (size_t first = 0; first < all.size(); ++first)
    for (size_t parts = 1; parts <= all.size(); ++parts) {
      std::vector<std::vector<OfKind>> split(parts);
      for (size_t i = 0; i < all.size(); ++i)
        split[i % parts].push_back(all[(first + i) % all.size()]);
      std::vector<MixedRanges> merged;
      for (const std::vector<OfKind> &part : split)
        merged.push_back(sorted(part));
      EXPECT_EQ(MixedRanges::merge(merged).find(), expected)
          << first << " " << parts;
    }
}

TEST(MixedRanges, NothingIsMixedInNothing) {
  EXPECT_TRUE(MixedRanges::merge({}).find().empty());
}

} // namespace
