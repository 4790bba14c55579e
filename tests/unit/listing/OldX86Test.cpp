//===- OldX86Test.cpp - what x86 kernels before 5.6 print -----------------===//
//
// The expected text is written from linux v4.9, v4.14, v4.19 and v5.4
// arch/x86/mm/dump_pagetables.c. Each test has a newer kernel beside the old,
// so that it shows the difference.
//
#include "paging/modes/I386.h"
#include "paging/modes/X86_64.h"

#include "support/BuiltListing.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t present = bit(0), writable = bit(1), accessed = bit(5),
                   dirty = bit(6), large = bit(7), global = bit(8),
                   noExecute = bit(63);
constexpr uint64_t table = present | writable | accessed | dirty;
constexpr uint64_t page = table | global | noExecute;
constexpr uint64_t directMap = 0xffff888000000000;

const std::string blank(30, ' ');

BuiltListing built(llvm::StringRef release,
                   const PagingMode &mode = x86_64::fourLevel) {
  BuiltListing listing(mode, release);
  listing.image.markers = {{0, "User Space"},
                           {0x8000000000000000, "Kernel Space"},
                           {directMap, "Low Kernel Mapping"}};
  return listing;
}

TEST(OldX86Listing, EverySlotOfTheTopTableIsNoted) {
  BuiltListing listing = built("5.4.0");
  listing.tables.map(VirtAddr(directMap), PhysAddr(0), page, 3);
  EXPECT_EQ(listing.text(),
            "---[ User Space ]---\n"
            "0x0000000000000000-0xffff800000000000    16777088T " +
                blank +
                "pgd\n"
                "---[ Kernel Space ]---\n"
                "0xffff800000000000-0xffff888000000000        8704G " +
                blank +
                "pgd\n"
                "---[ Low Kernel Mapping ]---\n"
                "0xffff888000000000-0xffff888000001000           4K     RW     "
                "        "
                "    GLB NX pte\n"
                "0xffff888000001000-0xffff888000200000        2044K " +
                blank +
                "pte\n"
                "0xffff888000200000-0xffff888040000000        1022M " +
                blank +
                "pmd\n"
                "0xffff888040000000-0xffff890000000000         511G " +
                blank +
                "pud\n"
                "0xffff890000000000-0x0000000000000000         119T " +
                blank + "pgd\n");
  listing.image.vmcoreinfo = Vmcoreinfo::parse("OSRELEASE=5.6.0\n");
  EXPECT_EQ(listing.lines(0, 0),
            "0x0000000000000000-0xffff880000000000    16777096T " + blank +
                "pgd\n")
      << "two ranges, without the guard hole";
}

TEST(OldX86Listing, TheGuardHoleIsNotLookedAt) {
  // From 4.20 on at the start of the kernel's half; before, the 16 slots
  // below the direct map, wherever it is.
  for (const char *release : {"5.4.0", "4.14.0"}) {
    SCOPED_TRACE(release);
    BuiltListing listing = built(release);
    const uint64_t randomMap = 0xffffa00000000000;
    listing.image.markers[2].start = randomMap;
    listing.tables.map(VirtAddr(0xffff800000000000), PhysAddr(0), page, 3);
    listing.tables.map(VirtAddr(randomMap - 0x1000), PhysAddr(0), page, 3);
    const bool isFixed = release[0] == '5';
    EXPECT_EQ(listing.lines(0xffff800000000000, 0xffff800000000000),
              isFixed
                  ? "0xffff800000000000-0xffff9f8000000000       32256G " +
                        blank + "pgd\n"
                  : "0xffff800000000000-0xffff800000001000           4K     "
                    "RW                 GLB NX pte\n");
    EXPECT_EQ(listing.lines(randomMap - 0x1000, randomMap - 0x1000),
              isFixed ? "0xffff9ffffffff000-0xffffa00000000000           4K  "
                        "   RW                 GLB NX pte\n"
                      : "");
  }
}

TEST(OldX86Listing, TheGuardHoleIsFixedWhereTheLdtLiesBelowTheDirectMap) {
  BuiltListing listing = built("4.19.200");
  listing.tables.map(VirtAddr(0xffff800000000000), PhysAddr(0), page, 3);
  listing.image.markers[2].start = 0xffffa00000000000;
  EXPECT_NE(listing.text().find("GLB"), std::string::npos);
  listing.image.markers.insert(listing.image.markers.begin() + 2,
                               {0xffff880000000000, "LDT remap"});
  EXPECT_EQ(listing.text().find("GLB"), std::string::npos);
}

/// A pmd and a pte that are neither empty nor present.
std::string linesOfAbsentEntries(llvm::StringRef release) {
  BuiltListing listing = built(release);
  listing.tables.setEntry(VirtAddr(directMap), 2, writable | 0x5000);
  listing.tables.setEntry(VirtAddr(directMap + 0x200000), 3, global | writable);
  listing.tables.map(VirtAddr(directMap + 0x201000), PhysAddr(0), page, 3);
  return listing.lines(directMap, directMap + 0x201fff);
}

TEST(OldX86Listing, EntriesThatAreNotPresentAreNotedToo) {
  const std::string last =
      "0xffff888000201000-0xffff888000202000           4K     RW              "
      "   GLB NX pte\n";
  // Up to 4.14, with their flags, as only 0 is "not present".
  EXPECT_EQ(linesOfAbsentEntries("4.14.0"),
            "0xffff888000000000-0xffff888000200000           2M     RW        "
            "             x  pmd\n"
            "0xffff888000200000-0xffff888000201000           4K     RW        "
            "         GLB x  pte\n" +
                last);
  EXPECT_EQ(linesOfAbsentEntries("5.4.0"),
            "0xffff888000000000-0xffff888000200000           2M " + blank +
                "pmd\n"
                "0xffff888000200000-0xffff888000201000           4K " +
                blank + "pte\n" + last);
  // From 5.6 on the pmd is passed over: the pgd's hole before it goes on.
  EXPECT_EQ(linesOfAbsentEntries("5.6.0"),
            "0xffff888000200000-0xffff888000201000           4K " + blank +
                "pte\n" + last);
}

TEST(OldX86Listing, LateFourteensAskForThePresentBit) {
  BuiltListing listing = built("4.14.200");
  listing.tables.setEntry(VirtAddr(directMap), 3, global | writable);
  EXPECT_EQ(listing.lines(directMap, directMap),
            "0xffff888000000000-0xffff888000001000           4K     RW        "
            "         GLB x  pte\n");
  listing.image.markers.push_back({0xfffffe0000000000, "CPU entry Area"});
  EXPECT_EQ(listing.lines(directMap, directMap),
            "0xffff888000000000-0xffff888000001000           4K " + blank +
                "pte\n");
}

std::string linesOfLargePages(llvm::StringRef release) {
  BuiltListing listing = built(release);
  listing.tables.map(VirtAddr(directMap), PhysAddr(0), page | large | bit(12),
                     2);
  listing.tables.map(VirtAddr(directMap + 0x200000), PhysAddr(0x200000),
                     page | large, 2);
  listing.tables.map(VirtAddr(directMap + 0x40000000), PhysAddr(0x40000000),
                     page | large | bit(12), 1);
  return listing.lines(directMap, directMap + 0x3fffff) +
         listing.lines(directMap + 0x40000000, directMap + 0x40000000);
}

TEST(OldX86Listing, PatOfLargePagesIsSeen) {
  EXPECT_EQ(linesOfLargePages("5.4.0"),
            "0xffff888000000000-0xffff888000200000           2M     RW        "
            " PSE PAT GLB NX pmd\n"
            "0xffff888000200000-0xffff888000400000           2M     RW        "
            " PSE     GLB NX pmd\n"
            "0xffff888040000000-0xffff888080000000           1G     RW        "
            " PSE PAT GLB NX pud\n");
  EXPECT_EQ(linesOfLargePages("5.6.0"),
            "0xffff888000000000-0xffff888000400000           4M     RW        "
            " PSE     GLB NX pmd\n"
            "0xffff888040000000-0xffff888080000000           1G     RW        "
            " PSE     GLB NX pud\n");
}

/// An empty table under NX beside one that is not under NX, and equal pages
/// below a read-only and a writable pmd.
std::string linesOfPaths(llvm::StringRef release) {
  BuiltListing listing = built(release);
  PageTableBuilder &tables = listing.tables;
  tables.setTableBits(table);
  tables.tableOf(VirtAddr(directMap), 2);
  const uint64_t pmdBits[] = {table, table | noExecute, present, table};
  for (unsigned i = 0; i < 4; ++i) {
    tables.setTableBits(pmdBits[i]);
    VirtAddr at(directMap + i * 0x200000);
    tables.tableOf(at, 3);
    if (i >= 2)
      tables.mapRange(at, PhysAddr(0x1000000), page, 3, 512);
  }
  return listing.lines(directMap, directMap + 0x7fffff);
}

TEST(OldX86Listing, RightsOfThePathCountFrom4_17On) {
  const std::string empty = blank + "pte\n";
  const std::string mapped = "    RW                 GLB NX pte\n";
  EXPECT_EQ(linesOfPaths("4.16.0"),
            "0xffff888000000000-0xffff888000400000           4M " + empty +
                "0xffff888000400000-0xffff888000800000           4M " + mapped);
  // A zero pte has the NX of its path until 5.5.
  EXPECT_EQ(linesOfPaths("4.17.0"),
            "0xffff888000000000-0xffff888000200000           2M " + empty +
                "0xffff888000200000-0xffff888000400000           2M " + empty +
                "0xffff888000400000-0xffff888000600000           2M " + mapped +
                "0xffff888000600000-0xffff888000800000           2M " + mapped);
  EXPECT_EQ(linesOfPaths("5.6.0"),
            "0xffff888000000000-0xffff888000400000           4M " + empty +
                "0xffff888000400000-0xffff888000600000           2M " + mapped +
                "0xffff888000600000-0xffff888000800000           2M " + mapped);
}

TEST(OldX86Listing, AddressBitsAbove46AreFlagsUpTo4_16) {
  for (const char *release : {"4.14.0", "4.17.0"}) {
    BuiltListing listing = built(release);
    listing.tables.map(VirtAddr(directMap), PhysAddr(0), page, 3);
    listing.tables.map(VirtAddr(directMap + 0x1000), PhysAddr(bit(46)), page,
                       3);
    const bool splits = llvm::StringRef(release) == "4.14.0";
    EXPECT_EQ(listing.lines(directMap + 0x1000, directMap + 0x1000).empty(),
              !splits)
        << release;
  }
}

TEST(OldX86Listing, ABrokenEntryIsWalked) {
  // A reserved bit in the top table: "bad", hence a hole, from 5.6 on.
  for (const char *release : {"5.4.0", "5.6.0"}) {
    BuiltListing listing = built(release);
    listing.tables.setTableBits(table | global);
    listing.tables.map(VirtAddr(directMap), PhysAddr(0), page, 3);
    EXPECT_EQ(listing.text().find("GLB") != std::string::npos,
              llvm::StringRef(release) == "5.4.0")
        << release;
  }
}

TEST(OldX86Listing, FourMebibytePagesWithoutPaeAreThePgds) {
  BuiltListing listing(i386::twoLevel, "5.4.0");
  listing.image.markers = {{0, "User Space"}};
  listing.tables.map(VirtAddr(0), PhysAddr(0), table | large | bit(12), 0);
  EXPECT_EQ(
      listing.text(),
      "---[ User Space ]---\n"
      "0x00000000-0x00400000           4M     RW         PSE         x  pgd\n"
      "0x00400000-0x00000000        4092M " +
          blank + "pgd\n");
}

TEST(OldX86Listing, PaeRootsGrantEverything) {
  for (const char *release : {"5.4.0", "5.6.0"}) {
    BuiltListing listing(i386::pae, release);
    listing.image.markers = {{0, "User Space"}};
    listing.tables.setTableBits(present);
    listing.tables.tableOf(VirtAddr(0), 1);
    listing.tables.mapRange(VirtAddr(0), PhysAddr(0), table, 2, 512);
    listing.tables.setTableBits(table);
    listing.tables.mapRange(VirtAddr(0x200000), PhysAddr(0), table, 2, 512);
    const std::string text = "     RW                     x  pte\n";
    EXPECT_EQ(listing.lines(0, 0x3fffff),
              llvm::StringRef(release) == "5.4.0"
                  ? "0x00000000-0x00200000           2M" + text +
                        "0x00200000-0x00400000           2M" + text
                  : "0x00000000-0x00400000           4M" + text);
  }
}

} // namespace
