// What the walker does for many tables, counted: the numbers depend on no
// machine, and grow as the tables do.

#include "paging/Walker.h"
#include "paging/modes/X86_64.h"
#include "support/PageTableBuilder.h"

#include "gmock/gmock.h"

#include <set>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Where a DenseSet that holds \p count tables of 4 KiB, one behind the other,
/// starts to look for them: how many places these are.
size_t countStarts(uint64_t count, unsigned levelsBelow) {
  // A DenseMap is filled up to three quarters.
  const uint64_t buckets = std::bit_ceil(count * 4 / 3 + 1);
  std::set<uint64_t> starts;
  for (uint64_t i = 0; i < count; ++i)
    starts.insert(llvm::DenseMapInfo<uint64_t>::getHashValue(makeTableKey(
                      PhysAddr(0x10000000 + i * 4096), levelsBelow)) &
                  (buckets - 1));
  return starts.size();
}

// A hash that loses the low bits puts all into one start of 4096; then each
// insertion takes as many steps as there are tables.
TEST(TableKey, KeepsTablesApartInSets) {
  for (uint64_t count : {1000, 4096, 65536})
    for (unsigned levelsBelow : {0, 3})
      EXPECT_GE(countStarts(count, levelsBelow), count / 2)
          << count << " tables, " << levelsBelow;
}

TEST(TableKey, OfOneTableAtEachLevelDiffers) {
  std::set<uint64_t> keys;
  for (unsigned level = 0; level < 5; ++level)
    for (uint64_t at : {0x1000, 0x2000, 0x1000000})
      keys.insert(makeTableKey(PhysAddr(at), level));
  EXPECT_EQ(keys.size(), 15u);
}

/// Counts its notes.
class CountingSink {
public:
  using State = uint64_t;

  uint64_t inherit(uint64_t inherited, unsigned, uint64_t) { return inherited; }
  State leafState(uint64_t, unsigned, uint64_t entry) { return entry & 0xfff; }
  State upperState(uint64_t, unsigned, uint64_t entry) { return entry & 0xfff; }
  State holeState(unsigned) { return 0; }
  void note(VirtAddr, uint64_t, const State &) { ++notes; }
  uint64_t nextBoundary() const { return ~uint64_t(0); }
  uint64_t alikeMask() const { return 0xfff; }
  void unreadable(VirtAddr, unsigned, PhysAddr, AbsentByte) { ADD_FAILURE(); }
  void emptyTable(PhysAddr) { ADD_FAILURE(); }
  bool isFull() const { return false; }

  uint64_t notes = 0;
};

struct Work {
  uint64_t notes = 0, loads = 0, tables = 0;
};

/// Of a walk through \p tableCount tables of the last level, whose entries are
/// all alike or all different from their neighbours.
Work walkTables(unsigned tableCount, bool differ) {
  constexpr VirtAddr start(0xffff888000000000);
  SparseMemory memory;
  const PagingMode &mode = x86_64::fourLevel;
  PageTableBuilder tables(memory, mode);
  for (unsigned i = 0; i < tableCount * 512; ++i)
    tables.map(start + i * uint64_t(4096), PhysAddr(i * uint64_t(4096)),
               tables.leafBits(3) | (differ && i % 2 ? 0x10 : 0), 3);
  CountingSink sink;
  Walker<CountingSink, HardwareRules> walker(memory, mode, HardwareRules(mode),
                                             sink);
  walker.walk(tables.root(), start, start + (bit(39) - 1), 0);
  return {sink.notes, walker.getLoadCount(), walker.getTableCount()};
}

TEST(Walker, WorkGrowsAsTheTablesDo) {
  constexpr unsigned above = 3; // in one table each up to 512
  for (bool differ : {false, true}) {
    const Work small = walkTables(16, differ), large = walkTables(64, differ);
    EXPECT_EQ(small.loads, 16u + above);
    EXPECT_EQ(large.loads, 64u + above);
    // The root is walked in part, and not kept.
    EXPECT_EQ(large.tables - small.tables, 48u);
    // Of entries that are alike, 16 at a time are compared and not noted.
    const uint64_t grown = large.notes - small.notes;
    if (differ)
      EXPECT_EQ(grown, 48u * (512 - 1)); // each was a hole in the table above
    else
      EXPECT_LE(grown, 48u * 2);
  }
}

} // namespace
