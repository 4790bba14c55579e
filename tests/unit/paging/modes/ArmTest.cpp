#include "paging/modes/Arm.h"
#include "paging/AddressSpace.h"
#include "paging/Translate.h"

#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

Translation translateShort(const PageTableBuilder &tables,
                           const SparseMemory &memory, uint64_t at) {
  return translate(memory, arm::shortDescriptors, tables.root(), VirtAddr(at));
}

// linux v6.12 arch/arm/include/asm/pgtable-2level.h: two tables of Linux's,
// then two of the MMU's, to which the first level points.
TEST(ArmMode, LinuxsEntriesAreTwoKibibytesBeforeTheMmus) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm::shortDescriptors);
  const uint64_t page = 0x300000;
  memory.addZeros(PhysAddr(page), 4096);
  tables.setEntry(VirtAddr(0xc8800000), 0, page + 0x800 + 1);
  tables.setEntry(VirtAddr(0xc8900000), 0, page + 0xc00 + 1);
  memory.writeNumber<uint32_t>(PhysAddr(page + 4), 0x41234643);
  memory.writeNumber<uint32_t>(PhysAddr(page + 0x400 + 8), 0x45678643);
  EXPECT_EQ(translateShort(tables, memory, 0xc8801010).address,
            PhysAddr(0x41234010));
  EXPECT_EQ(translateShort(tables, memory, 0xc8902020).address,
            PhysAddr(0x45678020));
  EXPECT_FALSE(translateShort(tables, memory, 0xc8802000).isMapped());
}

TEST(ArmMode, SectionsAndSupersections) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm::shortDescriptors);
  tables.setEntry(VirtAddr(0xc0100000), 0, 0x4010041e);
  // [armv7/arm] Figure B3-4: bits 23:20 are address bits 35:32.
  for (uint64_t at = 0xd0000000; at < 0xd1000000; at += 0x100000)
    tables.setEntry(VirtAddr(at), 0, 0x12000000 | 0xa << 20 | 1 << 18 | 2);
  tables.setEntry(VirtAddr(0xe0000000), 0, 0x12000000 | 1 << 18 | 1 << 5 | 2);
  EXPECT_EQ(translateShort(tables, memory, 0xc0123456).address,
            PhysAddr(0x40123456));
  const Translation super = translateShort(tables, memory, 0xd0f12345);
  EXPECT_EQ(super.address, PhysAddr(0xa'12f12345));
  EXPECT_EQ(super.pageBytes, bit(24));
  EXPECT_EQ(translateShort(tables, memory, 0xe0000000).outcome,
            Translation::Outcome::Reserved)
      << "bits 8:5 would be address bits 39:36, which Linux never sets";
}

TEST(ArmMode, EachEntryOfASupersectionSpeaksForItself) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm::shortDescriptors);
  for (uint64_t at = 0xd0000000; at < 0xd0400000; at += 0x100000)
    tables.setEntry(VirtAddr(at), 0, 0x12000000 | 1 << 18 | 2);
  const AddressSpace space(memory, arm::shortDescriptors, tables.root());
  const std::vector<MappedRun> runs =
      space.mappedRuns(VirtAddr(0xd0000000), VirtAddr(0xd0ffffff));
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].size, 0x400000u) << "the rest of its entries are missing";
  EXPECT_FALSE(space.find(VirtAddr(0xd0400000)).isMapped());
}

TEST(ArmMode, APageThatNobodyMayAccessIsNone) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm::shortDescriptors);
  tables.setEntry(VirtAddr(0x1000), 1, 0x41234000 | bit(11) | bit(1) | 1);
  EXPECT_EQ(translateShort(tables, memory, 0x1000).outcome,
            Translation::Outcome::NotPresent);
  EXPECT_EQ(arm::shortDescriptors.pageAddress(0x41234803, 1),
            PhysAddr(0x41234000));
}

// One bit is "execute never" in a section and part of the type in Linux's page.
TEST(ArmMode, SectionsAndPagesHaveRightsOfTheirOwn) {
  const PagingMode &mode = arm::shortDescriptors;
  EXPECT_EQ(PageRights::without(mode.deniedBy(0x4010041e, 0)),
            (PageRights{true, false, false}));
  EXPECT_EQ(PageRights::without(mode.deniedBy(0x4010841e & ~0x10u, 0)),
            (PageRights{false, true, false}));
  EXPECT_EQ(PageRights::without(mode.deniedBy(0x4123411f, 1)),
            (PageRights{true, true, true}));
  EXPECT_EQ(PageRights::without(mode.deniedBy(0x412346df, 1)),
            (PageRights{false, false, false}));
}

TEST(ArmMode, ALongRootHasFourEntriesAndNeedNoPage) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm::lpae);
  EXPECT_EQ(arm::lpae.tableBytes(0), 32u);
  EXPECT_EQ(arm::lpae.rootIn(0x43aa3bc0), PhysAddr(0x43aa3bc0));
  tables.map(VirtAddr(0xc0200000), PhysAddr(0x8'40200000), 1, 1);
  tables.setEntry(VirtAddr(0xbf000000), 2, 0x41234003 | bit(53) << 3);
  EXPECT_EQ(
      translate(memory, arm::lpae, tables.root(), VirtAddr(0xc0212345)).address,
      PhysAddr(0x8'40212345));
  EXPECT_EQ(
      translate(memory, arm::lpae, tables.root(), VirtAddr(0xbf000123)).address,
      PhysAddr(0x41234123));
}

} // namespace
