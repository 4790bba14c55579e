#include "paging/modes/RiscV64.h"
#include "paging/Translate.h"

#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t leaf = bits(3, 0);

TEST(RiscV64Mode, AGroupOfSixteenPagesIsOnePage) {
  SparseMemory memory;
  PageTableBuilder tables(memory, riscv64::sv39);
  const VirtAddr start(0x10000);
  for (unsigned i = 0; i < 16; ++i) // [riscv/priv] Svnapot: ppn[3:0] = 1000
    tables.setEntry(start + i * 0x1000, 2,
                    bit(63) | (0x80040000 >> 2) | bit(13) | leaf);
  for (uint64_t offset : {0x0u, 0x123u, 0x5678u, 0xffffu}) {
    Translation found =
        translate(memory, riscv64::sv39, tables.root(), start + offset);
    ASSERT_TRUE(found.isMapped());
    EXPECT_EQ(found.address, PhysAddr(0x80040000 + offset));
    EXPECT_EQ(found.pageBytes, 0x10000u);
  }
}

TEST(RiscV64Mode, OtherPatternsOfAGroupAreReserved) {
  for (uint64_t pattern : {0x0u, 0x4u, 0xcu, 0xfu}) {
    SparseMemory memory;
    PageTableBuilder tables(memory, riscv64::sv39);
    tables.setEntry(VirtAddr(0x10000), 2,
                    bit(63) | (0x80040000 >> 2) | pattern << 10 | leaf);
    Translation found =
        translate(memory, riscv64::sv39, tables.root(), VirtAddr(0x10123));
    EXPECT_EQ(found.outcome, Translation::Outcome::Reserved) << pattern;
  }
}

TEST(RiscV64Mode, AMemoryTypeIsNoAddress) {
  SparseMemory memory;
  PageTableBuilder tables(memory, riscv64::sv57);
  tables.map(VirtAddr(0), PhysAddr(0x80000000), bits(62, 61) | leaf, 4);
  EXPECT_EQ(
      translate(memory, riscv64::sv57, tables.root(), VirtAddr(8)).address,
      PhysAddr(0x80000008));
}

TEST(RiscV64Mode, AnEntryWithoutRightsIsATable) {
  SparseMemory memory;
  PageTableBuilder tables(memory, riscv64::sv39);
  tables.map(VirtAddr(0), PhysAddr(0x80000000), leaf, 2);
  EXPECT_EQ(
      translate(memory, riscv64::sv39, tables.root(), VirtAddr(0)).steps.size(),
      3u);
  // Any one of R, W and X makes it a page; W alone is reserved.
  for (unsigned n : {1, 2, 3}) {
    tables.map(VirtAddr(0x40000000), PhysAddr(0x80000000), bit(0) | bit(n), 0);
    EXPECT_EQ(
        translate(memory, riscv64::sv39, tables.root(), VirtAddr(0x40000000))
            .outcome,
        n == 2 ? Translation::Outcome::Reserved : Translation::Outcome::Mapped)
        << n;
  }
}

} // namespace
