#include "paging/TableUse.h"

#include "paging/modes/Arm64.h"
#include "paging/modes/I386.h"
#include "paging/modes/LoongArch64.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/X86_64.h"
#include "support/PageTableBuilder.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr VirtAddr start(0x400000), lastUser(0x7fffffffffff);
constexpr uint64_t page = 4096, hugePage = uint64_t(2) << 20;

class TableUseTest : public ::testing::Test {
protected:
  TableUse count(VirtAddr first = VirtAddr(0), VirtAddr last = lastUser) {
    return countTableUse(memory, x86_64::fourLevel, tables.root(), first, last);
  }
  uint64_t pointer(PhysAddr table) {
    return tables.encode(table) | x86_64::presentBit;
  }
  SparseMemory memory;
  PageTableBuilder tables{memory, x86_64::fourLevel};
};

TEST_F(TableUseTest, NothingIsMapped) {
  TableUse use = count();
  EXPECT_EQ(use.tables, 0u) << "the root is not counted";
  EXPECT_EQ(use.mappedBytes, 0u);
  EXPECT_FALSE(use.isCut);
}

TEST_F(TableUseTest, ADirectWindowHasNoTables) {
  const PagingMode &mode = loongarch64::page16K3;
  PageTableBuilder built(memory, mode, PhysAddr(0x8000000));
  const VirtAddr vmalloc(0xffff800000008000);
  built.map(vmalloc, PhysAddr(0x40004000), built.leafBits(2), 2);
  EXPECT_EQ(
      countTableUse(memory, mode, built.root(), vmalloc, vmalloc).physicalEnd,
      0x40008000u);
  const TableUse use =
      countTableUse(memory, mode, built.root(), VirtAddr(0x9000000000000000),
                    VirtAddr(0x9000ffffffffffff));
  EXPECT_EQ(use.tables, 0u);
  EXPECT_EQ(use.mappedBytes, 0u);
  EXPECT_EQ(use.physicalEnd, 0u);
}

TEST_F(TableUseTest, PagesAndTheTablesAboveThem) {
  tables.mapRange(start, PhysAddr(0x200000), tables.leafBits(3), 3, 3);
  TableUse use = count();
  EXPECT_EQ(use.tables, 3u);
  EXPECT_EQ(use.tableBytes, 3 * page);
  EXPECT_EQ(use.mappedBytes, 3 * page);
  EXPECT_EQ(use.absentTables, 0u);
}

TEST_F(TableUseTest, NoAddressIsBetweenLastAndFirst) {
  tables.mapRange(start, PhysAddr(0x200000), tables.leafBits(3), 3, 3);
  EXPECT_EQ(count(start + hugePage, start).mappedBytes, 0u);
  EXPECT_EQ(count(lastUser, VirtAddr(0)).tables, 0u);
}

TEST_F(TableUseTest, EqualNeighboursAreNotJoined) {
  tables.mapRange(start, PhysAddr(0x200000), tables.leafBits(3), 3, 512);
  tables.mapRange(start + hugePage, PhysAddr(0x200000), tables.leafBits(3), 3,
                  512);
  EXPECT_EQ(count().mappedBytes, 1024 * page);
}

TEST_F(TableUseTest, HugePagesCountAsWhatTheyCover) {
  tables.map(start, PhysAddr(0x40000000), tables.leafBits(2), 2);
  tables.map(VirtAddr(uint64_t(1) << 40), PhysAddr(0x40000000),
             tables.leafBits(1), 1);
  TableUse use = count();
  EXPECT_EQ(use.tables, 3u);
  EXPECT_EQ(use.mappedBytes, hugePage + (uint64_t(1) << 30));
}

TEST_F(TableUseTest, TheHighestByteThatIsMapped) {
  tables.map(start, PhysAddr(0x7000), tables.leafBits(3), 3);
  EXPECT_EQ(count().physicalEnd, 0x8000u);
  // Bit 12 of a large page's entry is PAT, no address.
  tables.map(start + hugePage, PhysAddr(0x40000000),
             tables.leafBits(2) | bit(12), 2);
  EXPECT_EQ(count().physicalEnd, 0x40000000u + hugePage);
  tables.setEntry(start + page, 3, bit(8) | 0x80000000); // PROT_NONE
  EXPECT_EQ(count().physicalEnd, 0x40000000u + hugePage);
}

TEST_F(TableUseTest, WhatIsNotPresentMapsNothing) {
  tables.map(start, PhysAddr(0x200000), tables.leafBits(3), 3);
  tables.setEntry(start + page, 3, bit(8) | 0x5000);            // PROT_NONE
  tables.setEntry(start + 2 * page, 3, bits(58, 9) & ~bit(10)); // swapped
  EXPECT_EQ(count().mappedBytes, page);
}

TEST_F(TableUseTest, OnlyTheRangeThatWasAskedFor) {
  tables.mapRange(start, PhysAddr(0x200000), tables.leafBits(3), 3, 16);
  tables.map(VirtAddr(0xffff888000000000), PhysAddr(0x200000),
             tables.leafBits(3), 3);
  EXPECT_EQ(count().mappedBytes, 16 * page);
  EXPECT_EQ(count(start + page, start + 3 * page - 1).mappedBytes, 2 * page);
}

TEST_F(TableUseTest, ATableBehindTwoEntriesCountsTwice) {
  tables.mapRange(start, PhysAddr(0x200000), tables.leafBits(3), 3, 5);
  PhysAddr shared = tables.tableOf(start, 3);
  tables.setEntry(start + hugePage, 2, pointer(shared));
  TableUse use = count();
  EXPECT_EQ(use.tables, 4u);
  EXPECT_EQ(use.mappedBytes, 10 * page);
}

TEST_F(TableUseTest, SoDoTheTablesBelowIt) {
  tables.mapRange(start, PhysAddr(0x200000), tables.leafBits(3), 3, 5);
  PhysAddr shared = tables.tableOf(start, 2);
  for (uint64_t i : {1, 2, 3})
    tables.setEntry(VirtAddr(i << 30), 1, pointer(shared));
  TableUse use = count();
  EXPECT_EQ(use.tables, 1u + 4 * 2);
  EXPECT_EQ(use.mappedBytes, 4 * 5 * page);
}

TEST_F(TableUseTest, ATableThatIsNotInTheDump) {
  tables.map(start, PhysAddr(0x200000), tables.leafBits(3), 3);
  tables.map(start + hugePage, PhysAddr(0x200000), tables.leafBits(3), 3);
  memory.setAbsent(tables.tableOf(start, 3), Absence::OutsideRam);
  TableUse use = count();
  EXPECT_EQ(use.absentTables, 1u);
  EXPECT_EQ(use.tables, 4u) << "an entry says that it is there";
  EXPECT_EQ(use.mappedBytes, page);
}

TEST_F(TableUseTest, AnAbsentRoot) {
  memory.setAbsent(tables.root(), Absence::OutsideRam);
  TableUse use = count();
  EXPECT_EQ(use.absentTables, 1u);
  EXPECT_EQ(use.tables, 0u);
}

/// One entry of the root that points to the root is a table at each level, as
/// BSD and Windows have it: finite, since levels are.
TEST_F(TableUseTest, ASelfMapEndsByItself) {
  tables.map(start, PhysAddr(0x200000), tables.leafBits(3), 3);
  tables.setEntry(VirtAddr(uint64_t(5) << 39), 0, pointer(tables.root()));
  TableUse use = count();
  EXPECT_FALSE(use.isCut);
  // The tree's own three; the root as level 1, 2, 3, and below each what the
  // entries of the level above come to.
  EXPECT_EQ(use.tables, 3u + 3u + 2u + 1u);
  // As pages: the root's two entries, the entry of level 1, that of level 2,
  // and the page itself.
  EXPECT_EQ(use.mappedBytes, 5 * page);
}

/// All entries point to their own table: 512^3 tables, were there no budget.
TEST_F(TableUseTest, ATableOfItselfEndsByTheBudget) {
  for (uint64_t i = 0; i < 512; ++i)
    memory.writeNumber<uint64_t>(tables.root() + 8 * i, pointer(tables.root()));
  TableUse use = countTableUse(memory, x86_64::fourLevel, tables.root(),
                               VirtAddr(0), lastUser, 5000);
  EXPECT_TRUE(use.isCut);
  EXPECT_GT(use.tables, 5000u);
  // Each level on the way still has the rest of its entries.
  EXPECT_LT(use.tables, 5000u + 3 * 512);
}

/// What the MMU sees is the same in all modes.
TEST(TableUse, EachMode) {
  const PagingMode *modes[] = {
      &x86_64::fourLevel, &x86_64::fiveLevel, &i386::twoLevel, &i386::pae,
      &riscv64::sv39,     &riscv64::sv48,     &riscv64::sv57};
  for (const PagingMode *mode : modes) {
    SparseMemory memory;
    PageTableBuilder tables(memory, *mode);
    const unsigned last = mode->lastLevel();
    tables.mapRange(start, PhysAddr(0x800000), tables.leafBits(last), last, 3);
    TableUse use = countTableUse(memory, *mode, tables.root(), VirtAddr(0),
                                 VirtAddr(0x7fffffff));
    EXPECT_EQ(use.tables, last) << mode->name.str();
    EXPECT_EQ(use.mappedBytes, 3 * bit(mode->pageShift)) << mode->name.str();
  }
}

} // namespace
