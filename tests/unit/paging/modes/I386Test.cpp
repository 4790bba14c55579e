#include "paging/modes/I386.h"
#include "paging/Translate.h"

#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t present = bit(0), accessed = bit(5), large = bit(7);

TEST(I386Mode, ALargePageHasAddressBits39To32InBits20To13) {
  SparseMemory memory;
  PageTableBuilder tables(memory, i386::twoLevel);
  // [intel/vol3] Table 4-4: bits 20:13 are address bits 39:32.
  tables.setEntry(VirtAddr(0xc0000000), 0,
                  0x00400000 | 0xa5 << 13 | present | large);
  EXPECT_EQ(
      translate(memory, i386::twoLevel, tables.root(), VirtAddr(0xc0123456))
          .address,
      PhysAddr(0xa5'00523456));
}

TEST(I386Mode, ATablesAddressHasThemInPlace) {
  SparseMemory memory;
  PageTableBuilder tables(memory, i386::twoLevel, PhysAddr(0x1fe000));
  tables.map(VirtAddr(0x12345000), PhysAddr(0xfffff000), present, 1);
  EXPECT_EQ(
      translate(memory, i386::twoLevel, tables.root(), VirtAddr(0x12345678))
          .address,
      PhysAddr(0xfffff678));
}

// [intel/vol3] Table 4-8: bits 8:5 of a PDPTE are reserved, so bit 7 makes a
// fault there, not a page. The accessed bit that QEMU sets is passed over.
TEST(I386Mode, ARootEntryOfPaeMapsNoPage) {
  SparseMemory memory;
  PageTableBuilder tables(memory, i386::pae);
  tables.map(VirtAddr(0x40000000), PhysAddr(0x12345'6789000), present, 2);
  uint64_t entry = tables.tableOf(VirtAddr(0x40000000), 1).value;
  auto outcome = [&](uint64_t bits) {
    tables.setEntry(VirtAddr(0x40000000), 0, entry | present | bits);
    return translate(memory, i386::pae, tables.root(), VirtAddr(0x40000123))
        .outcome;
  };
  EXPECT_EQ(outcome(accessed), Translation::Outcome::Mapped);
  EXPECT_EQ(outcome(large), Translation::Outcome::Reserved);
}

TEST(I386Mode, ARootInARegisterIsAlignedToItsSize) {
  EXPECT_EQ(i386::pae.rootIn(0x1d160ff), PhysAddr(0x1d160e0));
  EXPECT_EQ(i386::twoLevel.rootIn(0x1d160ff), PhysAddr(0x1d16000));
}

} // namespace
