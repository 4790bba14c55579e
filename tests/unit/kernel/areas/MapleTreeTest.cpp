#include "kernel/areas/MapleTree.h"

#include "support/KernelObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

// linux include/linux/maple_tree.h
enum NodeType : uint8_t { leaf64 = 1, range64 = 2, arange64 = 3 };

class MapleTreeTest : public ::testing::Test {
protected:
  MapleTreeTest() {
    kernel.declare("maple_tree", {{"ma_lock", 8}, {"ma_root", 8}});
    kernel.declare("maple_range_64",
                   {{"parent", 8}, {"pivot", 8, 15}, {"slot", 8, 16}});
    kernel.declare(
        "maple_arange_64",
        {{"parent", 8}, {"pivot", 8, 9}, {"slot", 8, 10}, {"gap", 8, 10}});
    kernel.declareEnum("maple_type", {{"maple_dense", 0},
                                      {"maple_leaf_64", leaf64},
                                      {"maple_range_64", range64},
                                      {"maple_arange_64", arange64}});
    tree = kernel.allocate(std::string("maple_tree"));
  }

  struct Slot {
    uint64_t value, pivot;
  };
  /// A node; the last slot's pivot stays unset if it is 0.
  uint64_t node(NodeType type, const std::vector<Slot> &slots) {
    VirtAddr at = kernel.allocate(256, 256);
    const unsigned pivots = type == arange64 ? 9 : 15;
    kernel.setWord(at, 0x1111); // some parent
    for (size_t i = 0; i < slots.size(); ++i) {
      if (i < pivots)
        kernel.setWord(at + 8 + i * 8, slots[i].pivot);
      kernel.setWord(at + 8 + (pivots + i) * 8, slots[i].value);
    }
    return at.value | uint64_t(type) << 3 | 4;
  }
  MapleContents read(uint64_t root) {
    kernel.set(tree, "maple_tree", "ma_root",
               root ? (root & ~uint64_t(4)) | 2 : 0);
    return valueOf(MapleTree::create(kernel.types(), kernel.reader()))
        .read(tree);
  }
  /// Stands for an object: only its address matters.
  static constexpr uint64_t a = 0xffff888000001000, b = 0xffff888000002000,
                            c = 0xffff888000003000;
  KernelObjects kernel;
  VirtAddr tree;
};

TEST_F(MapleTreeTest, AnEmptyTreeHasNoEntries) {
  MapleContents contents = read(0);
  EXPECT_THAT(contents.entries, IsEmpty());
  EXPECT_THAT(contents.problems, IsEmpty());
}

TEST_F(MapleTreeTest, ALoneEntryIsAtIndexZero) {
  kernel.set(tree, "maple_tree", "ma_root", a);
  auto contents =
      valueOf(MapleTree::create(kernel.types(), kernel.reader())).read(tree);
  EXPECT_THAT(contents.entries, ElementsAre(MapleEntry{0, 0, VirtAddr(a)}));
}

TEST_F(MapleTreeTest, ALeafGivesWhatIsNotNull) {
  MapleContents contents = read(node(
      leaf64,
      {{0, 0xfff}, {a, 0x1fff}, {0, 0x4fff}, {b, 0x5fff}, {0, ~uint64_t(0)}}));
  EXPECT_THAT(contents.problems, IsEmpty());
  EXPECT_THAT(contents.entries,
              ElementsAre(MapleEntry{0x1000, 0x1fff, VirtAddr(a)},
                          MapleEntry{0x5000, 0x5fff, VirtAddr(b)}));
}

TEST_F(MapleTreeTest, AnUnsetPivotEndsTheNode) {
  MapleContents contents =
      read(node(leaf64, {{0, 0xfff}, {a, 0x1fff}, {b, 0}, {c, 0}}));
  EXPECT_THAT(contents.problems, IsEmpty());
  EXPECT_THAT(contents.entries,
              ElementsAre(MapleEntry{0x1000, 0x1fff, VirtAddr(a)},
                          MapleEntry{0x2000, ~uint64_t(0), VirtAddr(b)}));
}

TEST_F(MapleTreeTest, AFirstPivotOfZeroIsARange) {
  MapleContents contents = read(node(leaf64, {{a, 0}, {b, 0xfff}, {0, 0}}));
  EXPECT_THAT(contents.entries, ElementsAre(MapleEntry{0, 0, VirtAddr(a)},
                                            MapleEntry{1, 0xfff, VirtAddr(b)}));
}

TEST_F(MapleTreeTest, AFullLeafUsesItsLastSlot) {
  std::vector<Slot> slots;
  for (uint64_t i = 0; i < 16; ++i)
    slots.push_back({a + i * 0x1000, i * 0x1000 + 0xfff});
  MapleContents contents = read(node(leaf64, slots));
  ASSERT_EQ(contents.entries.size(), 16u);
  EXPECT_EQ(contents.entries[15],
            (MapleEntry{0xf000, ~uint64_t(0), VirtAddr(a + 0xf000)}));
}

/// What stands in the last slot of a node that is not full is no slot.
TEST_F(MapleTreeTest, BookkeepingBehindTheLastPivotIsNotRead) {
  uint64_t leaf = node(leaf64, {{a, 0xfff}, {0, 0}});
  kernel.setWord(VirtAddr(leaf & ~uint64_t(255)) + 31 * 8, 0x0201);
  EXPECT_THAT(read(leaf).problems, IsEmpty());
  EXPECT_EQ(read(leaf).entries.size(), 1u);
}

class InnerNodes : public MapleTreeTest,
                   public ::testing::WithParamInterface<NodeType> {};

TEST_P(InnerNodes, LeadToTheirLeaves) {
  uint64_t low = node(leaf64, {{0, 0xfff}, {a, 0x1fff}});
  uint64_t high = node(leaf64, {{b, 0x2fff}, {0, 0}});
  MapleContents contents =
      read(node(GetParam(), {{low, 0x1fff}, {high, ~uint64_t(0)}}));
  EXPECT_THAT(contents.problems, IsEmpty());
  EXPECT_THAT(contents.entries,
              ElementsAre(MapleEntry{0x1000, 0x1fff, VirtAddr(a)},
                          MapleEntry{0x2000, 0x2fff, VirtAddr(b)}));
}

TEST_P(InnerNodes, WithOneTornChildGiveTheOther) {
  uint64_t low = KernelObjects::nowhere().value | leaf64 << 3;
  uint64_t high = node(leaf64, {{b, 0x2fff}, {0, 0}});
  MapleContents contents = read(node(GetParam(), {{low, 0x1fff}, {high, 0}}));
  EXPECT_THAT(contents.entries,
              ElementsAre(MapleEntry{0x2000, 0x2fff, VirtAddr(b)}));
  EXPECT_THAT(contents.problems, ElementsAre(HasSubstr("cannot be read")));
}

TEST_P(InnerNodes, ThatContainThemselvesAreReadOnce) {
  uint64_t inner = node(GetParam(), {{0, 0x1fff}, {0, 0}});
  VirtAddr slots =
      VirtAddr(inner & ~uint64_t(255)) + (GetParam() == arange64 ? 10 : 16) * 8;
  kernel.setWord(slots, inner);
  kernel.setWord(slots + 8, node(leaf64, {{a, 0x2fff}, {0, 0}}));
  MapleContents contents = read(inner);
  EXPECT_THAT(contents.entries,
              ElementsAre(MapleEntry{0x2000, 0x2fff, VirtAddr(a)}));
  EXPECT_THAT(contents.problems, ElementsAre(HasSubstr("was met before")));
}

INSTANTIATE_TEST_SUITE_P(Types, InnerNodes,
                         ::testing::Values(range64, arange64));

TEST_F(MapleTreeTest, PivotsThatDescendEndTheNode) {
  MapleContents contents =
      read(node(leaf64, {{a, 0x1fff}, {b, 0xfff}, {c, 0x2fff}}));
  EXPECT_THAT(contents.entries,
              ElementsAre(MapleEntry{0, 0x1fff, VirtAddr(a)}));
  EXPECT_THAT(contents.problems, ElementsAre(HasSubstr("has pivot 0xfff")));
}

TEST_F(MapleTreeTest, ADeadNodeIsNamed) {
  uint64_t leaf = node(leaf64, {{a, 0xfff}});
  VirtAddr at(leaf & ~uint64_t(255));
  kernel.setWord(at, at.value);
  MapleContents contents = read(leaf);
  EXPECT_THAT(contents.entries, IsEmpty());
  EXPECT_THAT(contents.problems, ElementsAre(HasSubstr("is dead")));
}

TEST_F(MapleTreeTest, AnUnknownTypeIsNamed) {
  EXPECT_THAT(read(node(NodeType(9), {})).problems,
              ElementsAre(HasSubstr("unknown type 9")));
}

TEST_F(MapleTreeTest, AnEntryThatIsNoPointerIsNamed) {
  MapleContents contents =
      read(node(leaf64, {{0x406, 0xfff}, {a, 0x1fff}, {0, 0}}));
  EXPECT_THAT(contents.entries,
              ElementsAre(MapleEntry{0x1000, 0x1fff, VirtAddr(a)}));
  EXPECT_THAT(contents.problems, ElementsAre(HasSubstr("0x406")));
}

/// Each node leads to the next, deeper than any tree.
TEST_F(MapleTreeTest, DepthIsBounded) {
  uint64_t below = node(leaf64, {{a, 0}});
  for (unsigned i = 0; i < 40; ++i)
    below = node(range64, {{below, ~uint64_t(0)}});
  MapleContents contents = read(below);
  EXPECT_THAT(contents.entries, IsEmpty());
  EXPECT_THAT(contents.problems, ElementsAre(HasSubstr("too deep")));
}

TEST(MapleTreeLayout, WhatIsMissingIsNamed) {
  KernelObjects kernel;
  kernel.declare("maple_tree", {{"ma_lock", 8}});
  EXPECT_THAT(textOf(MapleTree::create(kernel.types(), kernel.reader())),
              HasSubstr("ma_root"));
}

TEST(MapleTreeLayout, ANodeThatDoesNotFitIsRefused) {
  KernelObjects kernel;
  kernel.declare("maple_tree", {{"ma_root", 8}});
  kernel.declare("maple_range_64",
                 {{"parent", 8}, {"pivot", 8, 31}, {"slot", 8, 32}});
  kernel.declareEnum("maple_type", {{"maple_leaf_64", leaf64}});
  EXPECT_THAT(textOf(MapleTree::create(kernel.types(), kernel.reader())),
              HasSubstr("no maple node we know"));
}

} // namespace
