#include "paging/modes/S390x.h"
#include "paging/Translate.h"

#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t protect = 0x200, noExecute = 0x100;

Translation ask(const SparseMemory &memory, const PageTableBuilder &tables,
                VirtAddr at) {
  return translate(memory, tables.mode(), tables.root(), at);
}

TEST(S390xMode, AnEmptyEntryIsNoZero) {
  for (const PagingMode *mode : s390x::modes)
    for (unsigned level = 0; level < mode->levelCount; ++level) {
      const uint64_t empty = mode->levels[level].empty;
      EXPECT_NE(empty, 0u);
      EXPECT_TRUE(mode->isHole(empty, level));
      EXPECT_FALSE(mode->zerosAreEmpty(level));
    }
  const PagingMode &mode = s390x::regionFirst;
  EXPECT_EQ(mode.levels[0].empty, 0x2cu);
  EXPECT_EQ(mode.levels[1].empty, 0x28u);
  EXPECT_EQ(mode.levels[2].empty, 0x24u);
  EXPECT_EQ(mode.levels[3].empty, 0x20u);
  EXPECT_EQ(mode.levels[4].empty, 0x400u);
}

TEST(S390xMode, AZeroPageTableEntryIsPageZero) {
  const DecodedEntry found = s390x::regionThird.decode(0, 2);
  EXPECT_TRUE(found.isPage());
  EXPECT_EQ(found.address, PhysAddr(0));
}

TEST(S390xMode, TheDesignationTypeIsTheDepth) {
  EXPECT_EQ(s390x::modeOf(0x889f007).levelCount, 3u);
  EXPECT_EQ(s390x::modeOf(0x889f00b).levelCount, 4u);
  EXPECT_EQ(s390x::modeOf(0x889f1cf).levelCount, 5u);
  EXPECT_EQ(s390x::modeOf(0x889f1c3).levelCount, 2u);
  EXPECT_EQ(s390x::regionThird.rootIn(0x889f1c7), PhysAddr(0x889f000));
}

TEST(S390xMode, LargePagesOfTwoSizes) {
  SparseMemory memory;
  PageTableBuilder tables(memory, s390x::regionSecond);
  tables.setEntry(VirtAddr(0x100000), 2, 0x1234500000 | 0x400 | 0x303);
  tables.setEntry(VirtAddr(0x80000000), 1, 0x280000000 | 0x400 | 4 | 3);
  Translation segment = ask(memory, tables, VirtAddr(0x1abcde));
  ASSERT_TRUE(segment.isMapped());
  EXPECT_EQ(segment.address, PhysAddr(0x12345abcde));
  EXPECT_EQ(segment.pageBytes, 0x100000u);
  Translation region = ask(memory, tables, VirtAddr(0x80000000 + 0x12345678));
  ASSERT_TRUE(region.isMapped());
  EXPECT_EQ(region.address, PhysAddr(0x292345678));
  EXPECT_EQ(region.pageBytes, 0x80000000u);
}

TEST(S390xMode, PageTablesStandAtMultiplesOf2KiB) {
  SparseMemory memory;
  PageTableBuilder tables(memory, s390x::regionThird);
  memory.addZeros(PhysAddr(0x900000), 4096);
  tables.setEntry(VirtAddr(0), 1, 0x900800);
  memory.writeNumber<uint64_t>(PhysAddr(0x900808), byteSwap(uint64_t(0x77000)));
  Translation found = ask(memory, tables, VirtAddr(0x1010));
  ASSERT_TRUE(found.isMapped());
  EXPECT_EQ(found.address, PhysAddr(0x77010));
}

TEST(S390xMode, AnEntryOfAnotherLevelIsReserved) {
  SparseMemory memory;
  PageTableBuilder tables(memory, s390x::regionSecond);
  // A region-third entry in a region-second table.
  tables.setEntry(VirtAddr(0), 0, 0x900000 | 4 | 3);
  EXPECT_EQ(ask(memory, tables, VirtAddr(0)).outcome,
            Translation::Outcome::Reserved);
  // Bit 11 of a page table entry.
  EXPECT_EQ(s390x::regionThird.decode(0x77800, 2).meaning,
            EntryMeaning::Reserved);
}

TEST(S390xMode, RightsOfTablesAndPagesAddUp) {
  SparseMemory memory;
  PageTableBuilder tables(memory, s390x::regionThird);
  tables.map(VirtAddr(0), PhysAddr(0x77000), noExecute, 2);
  tables.map(VirtAddr(0x1000), PhysAddr(0x77000), protect, 2);
  PageRights rights =
      ask(memory, tables, VirtAddr(0)).rights(s390x::regionThird);
  EXPECT_TRUE(rights.writable);
  EXPECT_FALSE(rights.executable);
  EXPECT_FALSE(rights.user);
  rights = ask(memory, tables, VirtAddr(0x1000)).rights(s390x::regionThird);
  EXPECT_FALSE(rights.writable);
  EXPECT_TRUE(rights.executable);
  tables.setTableBits(protect);
  tables.map(VirtAddr(0x100000), PhysAddr(0x77000), 0, 2);
  rights = ask(memory, tables, VirtAddr(0x100000)).rights(s390x::regionThird);
  EXPECT_FALSE(rights.writable);
}

/// linux v6.12 arch/s390/include/asm/pgtable.h, the table of pte bits.
TEST(S390xMode, APageThatIsOnlyOldIsThereForAProcess) {
  const PagingMode mode = s390x::ofProcess(s390x::regionThird, {});
  const uint64_t readOnlyOld = 0x77611, protNone = 0x77601, swap = 0x77600,
                 none = 0x400, young = 0x77215;
  EXPECT_TRUE(mode.decode(readOnlyOld, 2).isPage());
  EXPECT_TRUE(mode.decode(young, 2).isPage());
  for (uint64_t hole : {protNone, swap, none})
    EXPECT_TRUE(mode.isHole(hole, 2)) << hole;
  EXPECT_TRUE(s390x::regionThird.isHole(readOnlyOld, 2));
  const PageRights rights =
      PageRights::without(mode.deniedBy(young | noExecute, 2));
  EXPECT_TRUE(rights.user);
  EXPECT_FALSE(rights.executable);
}

TEST(S390xMode, FiveLevelsSpanAllAddresses) {
  SparseMemory memory;
  PageTableBuilder tables(memory, s390x::regionFirst);
  const VirtAddr last(~uint64_t(0) - 0xfff);
  tables.map(last, PhysAddr(0x77000), 0, 4);
  EXPECT_EQ(ask(memory, tables, last + 0xfff).address, PhysAddr(0x77fff));
  EXPECT_FALSE(s390x::regionThird.coverage.covers(VirtAddr(bit(42))));
}

} // namespace
