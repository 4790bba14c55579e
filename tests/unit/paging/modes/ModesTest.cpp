#include "paging/modes/Modes.h"
#include "paging/PagingMode.h"
#include "paging/Translate.h"

#include "support/EveryMode.h"
#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Every mode there is, by itself.
class EveryMode : public ::testing::TestWithParam<const PagingMode *> {
protected:
  const PagingMode &mode = *GetParam();
  SparseMemory memory;
  PageTableBuilder tables{memory, mode};
  const VirtAddr first = mode.coverage.first();
  const VirtAddr lastPage = mode.coverage.last() - lowBits(mode.pageShift);

  Translation at(VirtAddr address) {
    return translate(memory, mode, tables.root(), address);
  }
};

TEST_P(EveryMode, IsConsistentAndFoundByItsName) {
  EXPECT_TRUE(isConsistent(mode));
  EXPECT_EQ(findMode(mode.name), &mode);
}

TEST_P(EveryMode, MapsAPageAtEachLevelThatAllowsIt) {
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    if (!mode.mayMapPage(level))
      continue;
    SCOPED_TRACE(level);
    SparseMemory fresh;
    PageTableBuilder built(fresh, mode);
    const uint64_t span = mode.entrySpan(level);
    // Entry 2; 1 where there are but two; the upper of two halves.
    const VirtAddr where = mode.levels[level].indexBits > 1
                               ? first + 2 * span
                               : lastPage - lowBits(mode.levels[level].shift) +
                                     lowBits(mode.pageShift);
    built.map(where, built.highestPage(level), built.leafBits(level), level);
    Translation found = translate(fresh, mode, built.root(), where + 0x123);
    ASSERT_TRUE(found.isMapped());
    EXPECT_EQ(found.address, built.highestPage(level) + 0x123);
    EXPECT_EQ(found.pageBytes, span);
    EXPECT_EQ(found.steps.size(), level + 1u);
    found = translate(fresh, mode, built.root(), where + (span - 1));
    EXPECT_EQ(found.address, built.highestPage(level) + (span - 1));
    // Its neighbours are not mapped.
    EXPECT_FALSE(translate(fresh, mode, built.root(), where - 1).isMapped());
    if (mode.levels[level].indexBits > 1) {
      EXPECT_FALSE(
          translate(fresh, mode, built.root(), where + span).isMapped());
    }
  }
}

TEST_P(EveryMode, AHoleAtEachLevelSaysHowMuchIsNotMapped) {
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    SCOPED_TRACE(level);
    tables.tableOf(lastPage, level);
    Translation found = at(lastPage);
    EXPECT_EQ(found.outcome, Translation::Outcome::NotPresent);
    EXPECT_EQ(found.pageBytes, mode.entrySpan(level));
    EXPECT_EQ(found.steps.size(), level + 1u);
  }
}

TEST_P(EveryMode, AnEntryThatIsNotPresentMapsNothingWhateverElseItHolds) {
  const uint64_t all = mode.entryBytes == 8 ? ~uint64_t(0) : 0xffffffff;
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    SparseMemory fresh;
    PageTableBuilder built(fresh, mode);
    const EntryPattern &hole =
        *mode.levels[level].entries.plain(EntryMeaning::Hole);
    built.setEntry(lastPage, level, (all & ~hole.mask) | hole.bits);
    Translation found = translate(fresh, mode, built.root(), lastPage);
    EXPECT_EQ(found.outcome, Translation::Outcome::NotPresent) << level;
  }
}

TEST_P(EveryMode, MapsTheLastPageOfTheAddressSpace) {
  tables.map(lastPage, PhysAddr(bit(mode.pageShift)),
             tables.leafBits(mode.lastLevel()), mode.lastLevel());
  Translation found = at(mode.coverage.last());
  ASSERT_TRUE(found.isMapped());
  EXPECT_EQ(found.address, PhysAddr(2 * bit(mode.pageShift) - 1));
}

TEST_P(EveryMode, EachAddressBitThatAnEntryHoldsIsUsed) {
  const unsigned level = mode.lastLevel();
  const uint64_t highest = tables.highestPage(level).value;
  for (unsigned n = mode.pageShift; n < 64; ++n) {
    if (!(highest >> n & 1))
      continue;
    tables.map(first, PhysAddr(bit(n)), tables.leafBits(level), level);
    EXPECT_EQ(at(first).address, PhysAddr(bit(n))) << n;
  }
  // There is no gap in them.
  EXPECT_EQ(highest & (highest + bit(mode.pageShift)), 0u) << hex(highest);
}

TEST_P(EveryMode, TableAddressesUseTheSameBits) {
  PageTableBuilder high(memory, mode,
                        PhysAddr(tables.highestPage(mode.lastLevel()).value -
                                 (uint64_t(1) << 24)));
  high.map(lastPage, PhysAddr(0), high.leafBits(mode.lastLevel()),
           mode.lastLevel());
  Translation found = translate(memory, mode, high.root(), lastPage);
  EXPECT_TRUE(found.isMapped());
}

TEST_P(EveryMode, AnAbsentTableIsNamed) {
  PhysAddr slot = tables.entryAddress(lastPage, mode.lastLevel());
  memory.setAbsent(slot, Absence::Truncated);
  Translation found = at(lastPage);
  ASSERT_EQ(found.outcome, Translation::Outcome::TableAbsent);
  EXPECT_EQ(found.absent.address, slot);
  EXPECT_EQ(found.absent.absence, Absence::Truncated);
  EXPECT_EQ(found.steps.size(), mode.levelCount - 1u);
}

INSTANTIATE_TEST_SUITE_P(All, EveryMode, ::testing::ValuesIn(allModes()),
                         nameOfMode);

} // namespace
