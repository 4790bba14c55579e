//===- I386Test.cpp - what 32-bit x86 kernels print -----------------------===//
//
// The expected text is written from linux v6.1 arch/x86/mm/dump_pagetables.c.
//
#include "paging/modes/I386.h"

#include "support/BuiltListing.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t present = bit(0), writable = bit(1), user = bit(2),
                   accessed = bit(5), dirty = bit(6), large = bit(7),
                   global = bit(8), noExecute = bit(63);
constexpr uint64_t table = present | writable | accessed | dirty;
constexpr uint64_t kernelStart = 0xc0000000;

const std::string blank(30, ' ');

BuiltListing built(const PagingMode &mode, llvm::StringRef release = "6.1.0") {
  BuiltListing listing(mode, release);
  listing.image.markers = {{0, "User Space"}, {kernelStart, "Kernel Mapping"}};
  return listing;
}

TEST(I386Listing, PaeHasNoExecuteAndTwoMebibytePages) {
  BuiltListing listing = built(i386::pae);
  PageTableBuilder &tables = listing.tables;
  tables.map(VirtAddr(kernelStart), PhysAddr(0),
             table | large | global | noExecute, 1);
  tables.map(VirtAddr(0xc0200000), PhysAddr(0x200000), table | global, 2);
  tables.map(VirtAddr(0xc0201000), PhysAddr(0x201000), table | noExecute, 2);
  tables.map(VirtAddr(0xfffff000), PhysAddr(0x202000), present | user, 2);
  EXPECT_EQ(listing.text(), "---[ User Space ]---\n"
                            "0x00000000-0xc0000000           3G " +
                                blank +
                                "pgd\n"
                                "---[ Kernel Mapping ]---\n"
                                "0xc0000000-0xc0200000           2M     RW     "
                                "    PSE     GLB NX pmd\n"
                                "0xc0200000-0xc0201000           4K     RW     "
                                "            GLB x  pte\n"
                                "0xc0201000-0xc0202000           4K     RW     "
                                "                NX pte\n"
                                "0xc0202000-0xc0400000        2040K " +
                                blank +
                                "pte\n"
                                "0xc0400000-0xffe00000        1018M " +
                                blank +
                                "pmd\n"
                                "0xffe00000-0xfffff000        2044K " +
                                blank +
                                "pte\n"
                                "0xfffff000-0x00000000           4K USR ro     "
                                "                x  pte\n");
}

TEST(I386Listing, TwoLevelsHaveFourMebibytePagesAndAlwaysX) {
  BuiltListing listing = built(i386::twoLevel);
  PageTableBuilder &tables = listing.tables;
  tables.map(VirtAddr(kernelStart), PhysAddr(0), table | large | global, 0);
  tables.map(VirtAddr(0xc0400000), PhysAddr(0xfffff000), present | user, 1);
  // Bit 12 of a large page is PAT; from 5.6 on it is masked.
  tables.map(VirtAddr(0xc0800000), PhysAddr(0x800000), table | large | bit(12),
             0);
  tables.map(VirtAddr(0xc0c00000), PhysAddr(0xc00000), table | large, 0);
  EXPECT_EQ(listing.text(), "---[ User Space ]---\n"
                            "0x00000000-0xc0000000           3G " +
                                blank +
                                "pgd\n"
                                "---[ Kernel Mapping ]---\n"
                                "0xc0000000-0xc0400000           4M     RW     "
                                "    PSE     GLB x  pmd\n"
                                "0xc0400000-0xc0401000           4K USR ro     "
                                "                x  pte\n"
                                "0xc0401000-0xc0800000        4092K " +
                                blank +
                                "pte\n"
                                "0xc0800000-0xc1000000           8M     RW     "
                                "    PSE         x  pmd\n"
                                "0xc1000000-0x00000000        1008M " +
                                blank + "pgd\n");
}

TEST(I386Listing, PaeRootsGrantNothingSoOnlyNoExecuteOfThePathEndsLines) {
  BuiltListing listing = built(i386::pae);
  PageTableBuilder &tables = listing.tables;
  // Equal ptes below a read-only, a writable and a no-execute pmd.
  const uint64_t pmdBits[] = {present, table, table | noExecute};
  for (unsigned i = 0; i < 3; ++i) {
    tables.setTableBits(present);
    tables.tableOf(VirtAddr(kernelStart), 1);
    tables.setTableBits(pmdBits[i]);
    tables.mapRange(VirtAddr(kernelStart + i * 0x200000),
                    PhysAddr(0x1000000 + i * 0x200000), table | global, 2, 512);
  }
  EXPECT_EQ(
      listing.lines(kernelStart, 0xc05fffff),
      "0xc0000000-0xc0400000           4M     RW                 GLB x  pte\n"
      "0xc0400000-0xc0600000           2M     RW                 GLB x  pte\n");
}

TEST(I386Listing, PmdNoneLooksAtTheLowWordAlone) {
  BuiltListing listing = built(i386::pae);
  listing.tables.setEntry(VirtAddr(kernelStart), 1, bit(40) | accessed);
  listing.tables.map(VirtAddr(0xc0200000), PhysAddr(0), table | large, 1);
  EXPECT_EQ(listing.lines(kernelStart, 0xc03fffff),
            "0xc0000000-0xc0200000           2M " + blank +
                "pmd\n"
                "0xc0200000-0xc0400000           2M     RW         PSE         "
                "x  pmd\n");
}

TEST(I386Listing, AHighFrameIsNoFlag) {
  BuiltListing listing = built(i386::pae);
  listing.tables.map(VirtAddr(kernelStart), PhysAddr(0x1000), table, 2);
  listing.tables.map(VirtAddr(0xc0001000), PhysAddr(0xf'ffff'ffff'f000), table,
                     2);
  EXPECT_EQ(
      listing.lines(kernelStart, 0xc0001fff),
      "0xc0000000-0xc0002000           8K     RW                     x  pte\n");
}

} // namespace
