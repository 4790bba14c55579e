// The state machine of arch/x86/mm/dump_pagetables.c on built tables. The
// expected text is written after the kernel's source, by hand; real listings
// are compared in tests/kernels.

#include "paging/modes/X86_64.h"
#include "kernel/find/KernelArch.h"
#include "support/ListTables.h"
#include "support/PageTableBuilder.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t present = 1, writable = 2, user = 4, writeThrough = 8,
                   cacheDisable = 0x10, accessed = 0x20, dirty = 0x40,
                   large = 0x80, global = 0x100, noExecute = uint64_t(1) << 63;
constexpr uint64_t table = present | writable | user | accessed | dirty;
constexpr uint64_t normal = present | writable | accessed | dirty | noExecute;
constexpr uint64_t directMap = 0xffff888000000000;
const std::string pad(30, ' ');

class X86_64Listing : public ::testing::Test {
protected:
  explicit X86_64Listing(const PagingMode &mode = x86_64::fourLevel)
      : tables(memory, mode) {
    tables.setTableBits(table);
    kernel.arch = findKernelArch(Arch::X86_64);
    kernel.mode = mode;
    kernel.root = tables.root();
    kernel.vmcoreinfo = Vmcoreinfo::parse("OSRELEASE=6.1.0\n");
    kernel.markers = {{0, "User Space", 0},
                      {uint64_t(1) << 63, "Kernel Space", 0},
                      {directMap, "Low Kernel Mapping", 0}};
  }
  std::string list(uint64_t maxLines = 1000000) {
    return listText(valueOf(planKernelListing(kernel)), memory, &result,
                    maxLines);
  }
  /// The lines of the listing from that section on.
  std::string section(const std::string &name) {
    std::string all = list();
    size_t at = all.find("---[ " + name + " ]---\n");
    return at == std::string::npos ? "no such section in:\n" + all
                                   : all.substr(at);
  }

  SparseMemory memory;
  PageTableBuilder tables;
  KernelImage kernel;
  ListingResult result;
};

TEST_F(X86_64Listing, EmptyRootIsTheUserHoleAndTheKernelHole) {
  // The canonical hole and the guard hole are never visited: the run that was
  // open goes on over them, and the last line ends at 2^64.
  EXPECT_EQ(list(), "---[ User Space ]---\n"
                    "0x0000000000000000-0xffff880000000000    16777096T " +
                        pad +
                        "pgd\n"
                        "---[ Kernel Space ]---\n"
                        "0xffff880000000000-0xffff888000000000         512G " +
                        pad +
                        "pgd\n"
                        "---[ Low Kernel Mapping ]---\n"
                        "0xffff888000000000-0x0000000000000000      122368G " +
                        pad + "pgd\n");
}

TEST_F(X86_64Listing, EveryFlagHasItsColumn) {
  VirtAddr at(directMap);
  const uint64_t flags[] = {
      present | user | writable | writeThrough | cacheDisable | global,
      present | large | noExecute, // bit 7 of a pte is PAT
      present};
  for (uint64_t f : flags)
    tables.map(at, PhysAddr(0x1000), f, 3), at += 0x1000;
  EXPECT_THAT(
      section("Low Kernel Mapping"),
      ::testing::StartsWith("---[ Low Kernel Mapping ]---\n"
                            "0xffff888000000000-0xffff888000001000           "
                            "4K USR RW PWT PCD         GLB x  pte\n"
                            "0xffff888000001000-0xffff888000002000           "
                            "4K     ro             PAT     NX pte\n"
                            "0xffff888000002000-0xffff888000003000           "
                            "4K     ro                     x  pte\n"));
}

TEST_F(X86_64Listing, LargePagesOfBothSizes) {
  tables.map(VirtAddr(directMap), PhysAddr(0x40000000), normal | large, 1);
  tables.map(VirtAddr(directMap + 0x40000000), PhysAddr(0x200000),
             normal | large, 2);
  EXPECT_THAT(
      section("Low Kernel Mapping"),
      ::testing::StartsWith("---[ Low Kernel Mapping ]---\n"
                            "0xffff888000000000-0xffff888040000000           "
                            "1G     RW         PSE         NX pud\n"
                            "0xffff888040000000-0xffff888040200000           "
                            "2M     RW         PSE         NX pmd\n"));
}

TEST_F(X86_64Listing, BitsThatAreNotShownEndALine) {
  tables.map(VirtAddr(directMap), PhysAddr(0x1000), normal, 3);
  tables.map(VirtAddr(directMap + 0x1000), PhysAddr(0x2000), normal & ~dirty,
             3);
  tables.map(VirtAddr(directMap + 0x2000), PhysAddr(0x9000), normal & ~dirty,
             3);
  EXPECT_THAT(
      section("Low Kernel Mapping"),
      ::testing::StartsWith("---[ Low Kernel Mapping ]---\n"
                            "0xffff888000000000-0xffff888000001000           "
                            "4K     RW                     NX pte\n"
                            "0xffff888000001000-0xffff888000003000           "
                            "8K     RW                     NX pte\n"));
}

TEST_F(X86_64Listing, RightsOfThePathEndALineButAreNotShown) {
  // The same pte flags on both sides of a 2 MiB border; above one of the
  // tables stands NX.
  VirtAddr border(directMap + 0x200000);
  tables.map(border - 0x1000, PhysAddr(0x1000), normal & ~noExecute, 3);
  tables.map(border, PhysAddr(0x2000), normal & ~noExecute, 3);
  tables.setEntry(border, 2,
                  tables.encode(tables.tableOf(border, 3)) | table | noExecute);
  EXPECT_THAT(
      section("Low Kernel Mapping"),
      ::testing::HasSubstr("0xffff8880001ff000-0xffff888000200000           4K "
                           "    RW                     x  pte\n"
                           "0xffff888000200000-0xffff888000201000           4K "
                           "    RW                     x  pte\n"));
}

TEST_F(X86_64Listing, ProtectionNoneKeepsALineOfBlanks) {
  tables.map(VirtAddr(directMap), PhysAddr(0x1000), normal, 3);
  tables.map(VirtAddr(directMap + 0x1000), PhysAddr(0x2000),
             (normal & ~present) | global, 3);
  EXPECT_THAT(section("Low Kernel Mapping"),
              ::testing::HasSubstr(
                  "0xffff888000001000-0xffff888000002000           4K " + pad +
                  "pte\n"
                  "0xffff888000002000-0xffff888000200000        2040K " +
                  pad + "pte\n"));
}

TEST_F(X86_64Listing, AMarkerIsSeenAtTheNextEntryAndOnlyOneAtATime) {
  kernel.markers.push_back({directMap, "Second at the same place", 0});
  kernel.markers.push_back({directMap + 0x800, "Inside a page", 0});
  tables.map(VirtAddr(directMap), PhysAddr(0x1000), normal, 3);
  tables.map(VirtAddr(directMap + 0x1000), PhysAddr(0x2000), normal, 3);
  tables.map(VirtAddr(directMap + 0x2000), PhysAddr(0x3000), normal, 3);
  EXPECT_THAT(
      section("Low Kernel Mapping"),
      ::testing::StartsWith("---[ Low Kernel Mapping ]---\n"
                            "0xffff888000000000-0xffff888000001000           "
                            "4K     RW                     NX pte\n"
                            "---[ Second at the same place ]---\n"
                            "0xffff888000001000-0xffff888000002000           "
                            "4K     RW                     NX pte\n"
                            "---[ Inside a page ]---\n"
                            "0xffff888000002000-0xffff888000003000           "
                            "4K     RW                     NX pte\n"));
}

TEST_F(X86_64Listing, ASectionWithALimitSaysWhatItSkipped) {
  kernel.markers.back().maxLines = 2;
  kernel.markers.push_back({directMap + 0x200000, "Next", 0});
  for (uint64_t i = 0; i < 8; i += 2) // page, hole, page, hole, ...
    tables.map(VirtAddr(directMap + i * 0x1000), PhysAddr(0x1000), normal, 3);
  EXPECT_THAT(section("Low Kernel Mapping"),
              ::testing::StartsWith(
                  "---[ Low Kernel Mapping ]---\n"
                  "0xffff888000000000-0xffff888000001000           4K     RW   "
                  "                  NX pte\n"
                  "0xffff888000001000-0xffff888000002000           4K " +
                  pad +
                  "pte\n"
                  "... 6 entries skipped ... \n"
                  "---[ Next ]---\n"));
}

TEST_F(X86_64Listing, ABadTopLevelEntryIsAHole) {
  // p4d_bad(): a cache attribute in an entry that points to a table.
  tables.map(VirtAddr(directMap), PhysAddr(0x1000), normal, 3);
  tables.setEntry(VirtAddr(directMap), 0,
                  tables.encode(tables.tableOf(VirtAddr(directMap), 1)) |
                      table | cacheDisable);
  EXPECT_THAT(section("Low Kernel Mapping"), ::testing::HasSubstr("pgd\n"));
  EXPECT_THAT(section("Low Kernel Mapping"),
              ::testing::Not(::testing::HasSubstr("pte")));
}

TEST_F(X86_64Listing, AMiddleEntryThatIsNeitherEmptyNorPresentIsPassedOver) {
  // walk_pmd_range() goes on without a note: the run before goes on, too.
  tables.map(VirtAddr(directMap), PhysAddr(0x200000), normal | large, 2);
  tables.setEntry(VirtAddr(directMap + 0x200000), 2, 0x1000 | writable);
  tables.map(VirtAddr(directMap + 0x400000), PhysAddr(0x400000), normal | large,
             2);
  EXPECT_THAT(
      section("Low Kernel Mapping"),
      ::testing::HasSubstr("0xffff888000000000-0xffff888000600000           6M "
                           "    RW         PSE         NX pmd\n"));
}

TEST_F(X86_64Listing, AnAbsentTableIsShownInItsPlace) {
  tables.map(VirtAddr(directMap), PhysAddr(0x1000), normal, 3);
  tables.setEntry(VirtAddr(directMap + 0x200000), 2, 0x7777000 | table);
  tables.map(VirtAddr(directMap + 0x400000), PhysAddr(0x400000), normal | large,
             2);
  EXPECT_THAT(section("Low Kernel Mapping"),
              ::testing::HasSubstr(
                  "0xffff888000200000-0xffff888000400000           2M not in "
                  "the dump: pte table at 0x7777000 (outside RAM)\n"
                  "0xffff888000400000-0xffff888000600000           2M     RW   "
                  "      PSE         NX pmd\n"));
  EXPECT_EQ(result.absentTableCount, 1u);
  ASSERT_EQ(result.absentTables.size(), 1u);
  EXPECT_EQ(result.absentTables[0].table, PhysAddr(0x7777000));
}

/// x86 prints a header at a break, one of them. What would have broken the
/// lines is not there, and the sections are all the same.
TEST_F(X86_64Listing, AnAbsentTableIsDividedAmongItsSections) {
  kernel.markers.push_back({directMap + 0x100000, "Second", 0});
  kernel.markers.push_back({directMap + 0x180000, "Third", 0});
  kernel.markers.push_back({directMap + 0x200000, "Fourth", 0});
  tables.setEntry(VirtAddr(directMap), 2, 0x7777000 | table);
  tables.map(VirtAddr(directMap + 0x200000), PhysAddr(0x400000), normal | large,
             2);
  const std::string absent =
      " not in the dump: pte table at 0x7777000 (outside RAM)\n";
  EXPECT_THAT(section("Low Kernel Mapping"),
              ::testing::HasSubstr(
                  "---[ Low Kernel Mapping ]---\n"
                  "0xffff888000000000-0xffff888000100000           1M" +
                  absent +
                  "---[ Second ]---\n"
                  "0xffff888000100000-0xffff888000180000         512K" +
                  absent +
                  "---[ Third ]---\n"
                  "0xffff888000180000-0xffff888000200000         512K" +
                  absent +
                  "---[ Fourth ]---\n"
                  "0xffff888000200000-0xffff888000400000           2M     RW"));
  EXPECT_EQ(result.absentTableCount, 1u);
}

TEST_F(X86_64Listing, AnAbsentRootIsAnError) {
  kernel.root = PhysAddr(0x99999000);
  TextPrinter printer(Wording{}, PrintContext{}, llvm::nulls());
  EXPECT_EQ(textOf(runListing(valueOf(planKernelListing(kernel)), memory,
                              printer, 10)),
            "physical address 0x99999000 is not in the dump (outside RAM)");
}

TEST_F(X86_64Listing, TheEncryptionBitSplitsLinesAndIsNoAddress) {
  kernel.encryptionMask = uint64_t(1) << 47;
  kernel.mode = withoutAddressBits(kernel.mode, kernel.encryptionMask);
  tables.map(VirtAddr(directMap), PhysAddr(0x1000), normal, 3);
  tables.map(VirtAddr(directMap + 0x1000), PhysAddr(0x2000),
             normal | kernel.encryptionMask, 3);
  EXPECT_THAT(
      section("Low Kernel Mapping"),
      ::testing::HasSubstr("0xffff888000001000-0xffff888000002000           4K "
                           "    RW                     NX pte\n"));
}

// A table that points to itself is one at every level: all of its entries
// are pages in the end, and all alike.
TEST_F(X86_64Listing, ASelfMapOfOneKindIsOneLine) {
  const uint64_t self = tables.root().value | table;
  for (unsigned i = 0; i < 512; ++i)
    tables.setEntry(VirtAddr(uint64_t(i) << 39), 0, self);
  EXPECT_EQ(list(), "---[ User Space ]---\n"
                    "0x0000000000000000-0xffff880000000000    16777096T USR RW "
                    "                    x  pte\n"
                    "---[ Kernel Space ]---\n"
                    "0xffff880000000000-0xffff888000000000         512G USR RW "
                    "                    x  pte\n"
                    "---[ Low Kernel Mapping ]---\n"
                    "0xffff888000000000-0x0000000000000000      122368G USR RW "
                    "                    x  pte\n");
  EXPECT_LE(result.tableCount, 4u);
}

TEST_F(X86_64Listing, SharedTablesCostWhatTheirDistinctTablesCost) {
  // As KASAN's shadow: every entry of every level leads to one page of ptes.
  VirtAddr shadow(0xffffec0000000000);
  PhysAddr ptes = tables.newTable(3), pmds = tables.newTable(2),
           puds = tables.newTable(1);
  for (unsigned i = 0; i < 512; ++i) {
    memory.writeNumber<uint64_t>(ptes + i * 8, 0x5000 | normal);
    memory.writeNumber<uint64_t>(pmds + i * 8, ptes.value | table);
    memory.writeNumber<uint64_t>(puds + i * 8, pmds.value | table);
  }
  for (uint64_t i = 0; i < 32; ++i)
    tables.setEntry(shadow + (i << 39), 0, puds.value | table);
  EXPECT_THAT(list(), ::testing::HasSubstr(
                          "0xffffec0000000000-0xfffffc0000000000          16T  "
                          "   RW                     NX pte\n"));
  EXPECT_LT(result.tableCount, 40u);
}

TEST_F(X86_64Listing, AMarkerInsideASharedTableIsSeen) {
  VirtAddr shadow(0xffffec0000000000);
  kernel.markers.push_back({shadow.value + 0x345678000, "Inside", 0});
  PhysAddr ptes = tables.newTable(3), pmds = tables.newTable(2),
           puds = tables.newTable(1);
  for (unsigned i = 0; i < 512; ++i) {
    memory.writeNumber<uint64_t>(ptes + i * 8, 0x5000 | normal);
    memory.writeNumber<uint64_t>(pmds + i * 8, ptes.value | table);
    memory.writeNumber<uint64_t>(puds + i * 8, pmds.value | table);
  }
  tables.setEntry(shadow, 0, puds.value | table);
  EXPECT_THAT(list(), ::testing::HasSubstr(
                          "0xffffec0000000000-0xffffec0345678000    13720032K  "
                          "   RW                     NX pte\n"
                          "---[ Inside ]---\n"
                          "0xffffec0345678000-0xffffec8000000000   523150880K  "
                          "   RW                     NX pte\n"));
}

TEST_F(X86_64Listing, BillionsOfLinesEndAtTheLimit) {
  // A self-map with a hole between: at the last level every second page.
  const uint64_t self = tables.root().value | table;
  for (unsigned i = 272; i < 512; i += 2)
    tables.setEntry(VirtAddr(0xffff000000000000 + (uint64_t(i) << 39)), 0,
                    self);
  std::string text = list(5000);
  EXPECT_TRUE(result.isCut);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 5010);
}

class X86_64FiveLevelListing : public X86_64Listing {
protected:
  X86_64FiveLevelListing() : X86_64Listing(x86_64::fiveLevel) {}
};

TEST_F(X86_64FiveLevelListing, HolesAreNamedAfterTheirLevel) {
  kernel.markers.pop_back();
  tables.map(VirtAddr(0xff11000000000000), PhysAddr(0x40000000), normal | large,
             2);
  EXPECT_EQ(list(), "---[ User Space ]---\n"
                    "0x0000000000000000-0xff10000000000000       16324P " +
                        pad +
                        "pgd\n"
                        "---[ Kernel Space ]---\n"
                        "0xff10000000000000-0xff11000000000000         256T " +
                        pad +
                        "pgd\n"
                        "0xff11000000000000-0xff11000040000000           1G    "
                        " RW         PSE         NX pud\n"
                        "0xff11000040000000-0xff11008000000000         511G " +
                        pad +
                        "pud\n"
                        "0xff11008000000000-0xff12000000000000      261632G " +
                        pad +
                        "p4d\n"
                        "0xff12000000000000-0x0000000000000000       60928T " +
                        pad + "pgd\n");
}

} // namespace
