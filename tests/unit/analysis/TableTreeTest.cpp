#include "analysis/TableTree.h"

#include "support/EveryMode.h"
#include "support/PageTableBuilder.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

class TreeOfEveryMode : public ::testing::TestWithParam<const PagingMode *> {
protected:
  std::vector<TreeEntry> visit(unsigned levelCount = maxLevels,
                               size_t limit = 1000) {
    std::vector<TreeEntry> entries;
    rootAbsence = visitTables(memory, mode, tables.root(), levelCount,
                              [&](const TreeEntry &entry) {
                                entries.push_back(entry);
                                return entries.size() < limit;
                              });
    return entries;
  }
  void mapLast() {
    tables.map(lastPage, PhysAddr(0x800000), tables.leafBits(mode.lastLevel()),
               mode.lastLevel());
  }

  const PagingMode &mode = *GetParam();
  SparseMemory memory;
  PageTableBuilder tables{memory, mode};
  const VirtAddr lastPage = mode.coverage.last() - lowBits(mode.pageShift);
  std::optional<AbsentByte> rootAbsence;
};

TEST_P(TreeOfEveryMode, HasEachEntryOnTheWayWithItsAddresses) {
  mapLast();
  std::vector<TreeEntry> entries = visit();
  ASSERT_EQ(entries.size(), size_t(mode.levelCount));
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    EXPECT_EQ(entries[level].level, level);
    EXPECT_EQ(entries[level].index, mode.entryCount(level) - 1);
    EXPECT_EQ(entries[level].last, mode.coverage.last());
    EXPECT_EQ(entries[level].last - entries[level].first,
              mode.entrySpan(level) - 1);
  }
  EXPECT_TRUE(entries.back().decoded.isPage());
  EXPECT_EQ(entries.back().decoded.address, PhysAddr(0x800000));
}

TEST_P(TreeOfEveryMode, BeginsAtTheFirstAddress) {
  tables.map(mode.coverage.first(), PhysAddr(0x800000),
             tables.leafBits(mode.lastLevel()), mode.lastLevel());
  std::vector<TreeEntry> entries = visit();
  ASSERT_EQ(entries.size(), size_t(mode.levelCount));
  EXPECT_EQ(entries.back().first, mode.coverage.first());
}

TEST_P(TreeOfEveryMode, EndsAfterSoManyLevels) {
  mapLast();
  EXPECT_EQ(visit(1).size(), 1u);
}

TEST_P(TreeOfEveryMode, AnAbsentTableIsNamedInItsPlace) {
  mapLast();
  const PhysAddr table = tables.tableOf(lastPage, 1);
  memory.setAbsent(table, Absence::Corrupt);
  std::vector<TreeEntry> entries = visit();
  ASSERT_EQ(entries.size(), 1u);
  ASSERT_TRUE(entries[0].absence);
  EXPECT_EQ(entries[0].absence->absence, Absence::Corrupt);
  EXPECT_FALSE(entries[0].isTableExcluded);
  EXPECT_FALSE(rootAbsence);
}

TEST_P(TreeOfEveryMode, WithoutARootThereIsNothing) {
  memory.setAbsent(tables.root(), Absence::Truncated);
  EXPECT_TRUE(visit().empty());
  EXPECT_TRUE(rootAbsence);
}

TEST_P(TreeOfEveryMode, TheVisitorEndsCircles) {
  const VirtAddr first = mode.coverage.first();
  const uint64_t self = tables.encode(tables.tableOf(first, 1)) |
                        mode.levels[0].entries.plain(EntryMeaning::Table)->bits;
  if (mode.lastLevel() == 1 && mode.isHole(self, 1))
    GTEST_SKIP() << "what leads to a table is no page on the last level";
  for (unsigned i = 0; i < mode.entryCount(1); ++i)
    tables.setEntry(first + i * mode.entrySpan(1), 1, self);
  EXPECT_EQ(visit(maxLevels, 20).size(), 20u);
}

INSTANTIATE_TEST_SUITE_P(Modes, TreeOfEveryMode,
                         ::testing::ValuesIn(allModes()), nameOfMode);

} // namespace
