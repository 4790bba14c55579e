#include "kernel/pages/PageCensus.h"

#include "paging/modes/X86_64.h"
#include "support/EveryMode.h"
#include "support/PageTableBuilder.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

const PagingMode &mode = x86_64::fourLevel;
constexpr uint64_t page = 4096, hugePage = uint64_t(2) << 20;
constexpr VirtAddr start(0x7f0000000000);
constexpr uint64_t swapped = bits(58, 9) & ~(uint64_t(5) << 9);
constexpr uint64_t protNone = (~uint64_t(0x5000) & bits(51, 12)) | bit(8);

class PageCensusTest : public ::testing::Test {
protected:
  PageCensus count(uint64_t bytes) {
    PageCounter counter(memory, mode, getNonPresentRules(mode, {6, 12}),
                        tables.root());
    PageCensus census = counter.count(start, start + bytes);
    isExhausted = counter.isExhausted();
    uint64_t sum = 0;
    for (uint64_t pages : census.byKind)
      sum += pages;
    EXPECT_EQ(sum, census.pageCount);
    EXPECT_EQ(census.pageCount, bytes / page);
    return census;
  }

  SparseMemory memory;
  PageTableBuilder tables{memory, mode};
  bool isExhausted = false;
};

TEST_F(PageCensusTest, NothingIsUntouched) {
  EXPECT_EQ(count(10 * page).of(EntryKind::Untouched), 10u);
}

TEST_F(PageCensusTest, EachKindIsCounted) {
  tables.mapRange(start, PhysAddr(0x200000), tables.leafBits(3), 3, 4);
  tables.setEntry(start + 4 * page, 3, protNone);
  tables.setEntry(start + 6 * page, 3, swapped);
  PageCensus census = count(10 * page);
  EXPECT_EQ(census.of(EntryKind::Present), 4u);
  EXPECT_EQ(census.of(EntryKind::ProtNone), 1u);
  EXPECT_EQ(census.of(EntryKind::Swapped), 1u);
  EXPECT_EQ(census.of(EntryKind::Untouched), 4u);
  EXPECT_EQ(census.presentByLevel[3], 4u);
}

TEST_F(PageCensusTest, HugePagesCountAsWhatTheyCover) {
  tables.map(start, PhysAddr(0x40000000), tables.leafBits(2), 2);
  tables.setEntry(start + hugePage, 2,
                  (~uint64_t(0x40000000) & bits(51, 21)) | bit(7) | bit(8));
  tables.map(start + 2 * hugePage, PhysAddr(0x200000), tables.leafBits(3), 3);
  PageCensus census = count(3 * hugePage);
  EXPECT_EQ(census.of(EntryKind::Present), 513u);
  EXPECT_EQ(census.presentByLevel[2], 512u);
  EXPECT_EQ(census.of(EntryKind::ProtNone), 512u);
  EXPECT_EQ(census.of(EntryKind::Untouched), 511u);
}

TEST_F(PageCensusTest, ARangeInsideAHugePageCountsItsPart) {
  tables.map(start, PhysAddr(0x40000000), tables.leafBits(2), 2);
  EXPECT_EQ(count(16 * page).of(EntryKind::Present), 16u);
}

/// A migrating huge page has an entry without the PSE bit.
TEST_F(PageCensusTest, AHugeEntryWithoutAPageIsNoTable) {
  tables.setEntry(start, 2, uint64_t(28) << 59 | swapped);
  EXPECT_EQ(count(hugePage).of(EntryKind::Migrating), 512u);
}

TEST_F(PageCensusTest, ATableThatIsAbsentIsNoHole) {
  tables.map(start, PhysAddr(0x200000), tables.leafBits(3), 3);
  memory.setAbsent(tables.tableOf(start, 3), Absence::Excluded);
  PageCensus census = count(hugePage + 3 * page);
  EXPECT_EQ(census.of(EntryKind::TableAbsent), 512u);
  EXPECT_EQ(census.of(EntryKind::Untouched), 3u);
}

/// What the MMU takes for a fault is no page, at whatever level it stands.
TEST(PageCensus, ReservedEntriesAreNotPresent) {
  for (const PagingMode *each : allModes())
    for (unsigned level = 0; level < each->levelCount; ++level)
      for (unsigned n = 0; n < each->entryBytes * 8; ++n) {
        SparseMemory memory;
        PageTableBuilder tables(memory, *each);
        const uint64_t entry = bit(0) | bit(n) | (level ? 0 : bit(7));
        if (each->decode(entry, level).meaning != EntryMeaning::Reserved)
          continue;
        const VirtAddr first = each->coverage.first();
        tables.setEntry(first, level, entry);
        PageCounter counter(memory, *each, getNonPresentRules(*each, {6, 12}),
                            tables.root());
        PageCensus census = counter.count(first, first + bit(each->pageShift));
        EXPECT_EQ(census.of(EntryKind::Unknown), 1u)
            << each->name.str() << ' ' << hex(entry);
      }
}

/// Each top entry leads back to the top: 2^27 ways down, each ending in
/// entries that take turns.
TEST_F(PageCensusTest, TablesInCirclesEnd) {
  for (unsigned i = 0; i < 512; i += 2)
    memory.writeNumber<uint64_t>(tables.root() + i * 8,
                                 tables.root().value | 1);
  PageCounter counter(memory, mode, getNonPresentRules(mode, {6, 12}),
                      tables.root());
  PageCensus census = counter.count(VirtAddr(0), VirtAddr(bit(47)));
  EXPECT_TRUE(counter.isExhausted());
  EXPECT_EQ(census.pageCount, bit(35));
  EXPECT_GT(census.of(EntryKind::Unknown), 0u);
}

} // namespace
