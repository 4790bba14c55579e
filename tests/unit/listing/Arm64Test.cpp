//===- Arm64Test.cpp - what each generation of arm64 kernels prints -------===//
//
// The expected text is written from the kernels' sources, column by column.
//
#include "paging/modes/Arm64.h"
#include "kernel/find/KernelArch.h"
#include "listing/Plan.h"

#include "support/Expected.h"
#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t valid = bit(0), table = bit(1), user = bit(6), ro = bit(7),
                   shared = bits(9, 8), af = bit(10), ng = bit(11),
                   gp = bit(50), cont = bit(52), pxn = bit(53), uxn = bit(54);
constexpr uint64_t type(unsigned index) { return uint64_t(index) << 2; }

class Arm64Listing : public ::testing::Test {
protected:
  void use(const PagingMode &mode, const char *release) {
    image.arch = findKernelArch(Arch::Arm64);
    image.mode = mode;
    image.vmcoreinfo =
        Vmcoreinfo::parse(std::string("OSRELEASE=") + release + "\n");
    memory = SparseMemory();
    tables.emplace(memory, mode);
    image.dumper.reset();
    image.virtualBits = 0;
    image.root = tables->root();
    base = VirtAddr(-bit(mode.virtualBits));
    image.markers = {{base.value, "Linear Mapping start"}};
  }
  /// The \p index-th page of the address space, at the last level.
  void page(unsigned index, uint64_t entry) {
    tables->setEntry(base + index * bit(image.mode.pageShift),
                     image.mode.lastLevel(), entry);
  }
  std::string print(llvm::Expected<ListingPlan> plan) {
    if (!plan) {
      ADD_FAILURE() << textOf(plan.takeError());
      return "";
    }
    std::string text;
    llvm::raw_string_ostream os(text);
    TextPrinter printer(plan->wording, plan->context, os);
    EXPECT_EQ(textOf(runListing(*plan, memory, printer, 1000)), "");
    return os.str();
  }
  std::string list() { return print(planKernelListing(image)); }
  std::string listEfi() {
    return print(planEfiListing(image, memory, image.root));
  }
  /// The line of the \p index-th page of a 39-bit space, after "PTE".
  std::string columns(unsigned index) {
    std::string text = list();
    std::string at = hex(base + index * 0x1000).substr(2);
    size_t line = text.find("0x" + at + "-");
    if (line == std::string::npos)
      return "no line at " + at + " in\n" + text;
    size_t from = text.find("PTE", line), end = text.find('\n', line);
    return text.substr(from + 3, end - from - 3);
  }

  SparseMemory memory;
  std::optional<PageTableBuilder> tables;
  KernelImage image;
  VirtAddr base;
};

TEST_F(Arm64Listing, EachColumnHasItsBit) {
  use(arm64::granule4K39, "6.1.0");
  uint64_t entries[] = {
      valid | table,
      valid | table | user,
      valid | table | ro,
      valid | table | pxn,
      valid | table | bit(8), // one of SH's two bits is not "shared"
      valid | table | shared,
      valid | table | af,
      valid | table | ng,
      valid | table | cont,
      valid,
      valid | table | uxn,
      valid | table | gp,
      table,
      valid | table | user | ro | shared | af | ng | gp | cont | pxn | uxn |
          type(1),
      bits(63, 55) | bit(51) | bit(5) | bits(49, 12), // no column: no line
  };
  for (unsigned i = 0; i < std::size(entries); ++i)
    page(i, entries[i]);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffffff8000000000-0xffffff8000001000           4K PTE"
                    "       RW x                           MEM/NORMAL\n"
                    "0xffffff8000001000-0xffffff8000002000           4K PTE"
                    "   USR RW x                           MEM/NORMAL\n"
                    "0xffffff8000002000-0xffffff8000003000           4K PTE"
                    "       ro x                           MEM/NORMAL\n"
                    "0xffffff8000003000-0xffffff8000004000           4K PTE"
                    "       RW NX                          MEM/NORMAL\n"
                    "0xffffff8000004000-0xffffff8000005000           4K PTE"
                    "       RW x                           MEM/NORMAL\n"
                    "0xffffff8000005000-0xffffff8000006000           4K PTE"
                    "       RW x  SHD                      MEM/NORMAL\n"
                    "0xffffff8000006000-0xffffff8000007000           4K PTE"
                    "       RW x      AF                   MEM/NORMAL\n"
                    "0xffffff8000007000-0xffffff8000008000           4K PTE"
                    "       RW x         NG                MEM/NORMAL\n"
                    "0xffffff8000008000-0xffffff8000009000           4K PTE"
                    "       RW x            CON            MEM/NORMAL\n"
                    "0xffffff8000009000-0xffffff800000a000           4K PTE"
                    "       RW x                BLK        MEM/NORMAL\n"
                    "0xffffff800000a000-0xffffff800000b000           4K PTE"
                    "       RW x                    UXN    MEM/NORMAL\n"
                    "0xffffff800000b000-0xffffff800000c000           4K PTE"
                    "       RW x                        GP MEM/NORMAL\n"
                    "0xffffff800000c000-0xffffff800000d000           4K PTE"
                    " F     RW x                           MEM/NORMAL\n"
                    "0xffffff800000d000-0xffffff800000e000           4K PTE"
                    "   USR ro NX SHD AF NG CON     UXN GP MEM/NORMAL-TAGGED\n"
                    "0xffffff800000e000-0xffffff8000200000        1992K PTE\n"
                    "0xffffff8000200000-0xffffff8040000000        1022M PMD\n"
                    "0xffffff8040000000-0x0000000000000000         511G PGD\n");
}

TEST_F(Arm64Listing, MemoryTypesWereRenumberedTwice) {
  const std::string blanks = "       RW x                        ";
  const std::string oldBlanks = "       RW x                    "; // no UXN, GP
  struct {
    const char *release;
    std::string blanks;
    const char *names[8];
  } rows[] = {
      {"4.19.0",
       oldBlanks.substr(0, oldBlanks.size() - 1),
       {" DEVICE/nGnRnE", " DEVICE/nGnRE", " DEVICE/GRE", " MEM/NORMAL-NC",
        " MEM/NORMAL", "", "", ""}},
      {"5.7.0",
       oldBlanks.substr(0, oldBlanks.size() - 1),
       {" DEVICE/nGnRnE", " DEVICE/nGnRE", " DEVICE/GRE", " MEM/NORMAL-NC",
        " MEM/NORMAL", "", "", ""}},
      {"5.9.1",
       blanks + "  ",
       {" DEVICE/nGnRnE", " DEVICE/nGnRE", " DEVICE/GRE", " MEM/NORMAL-NC",
        " MEM/NORMAL", "", "", ""}},
      {"5.10.262",
       blanks + "  ",
       {" MEM/NORMAL", " MEM/NORMAL-TAGGED", " MEM/NORMAL-NC", "",
        " DEVICE/nGnRnE", " DEVICE/nGnRE", " DEVICE/GRE", ""}},
      {"5.15.0",
       blanks + "  ",
       {" MEM/NORMAL", " MEM/NORMAL-TAGGED", " MEM/NORMAL-NC", " DEVICE/nGnRnE",
        " DEVICE/nGnRE", "", "", ""}},
      {"7.2.13",
       blanks + "  ",
       {" MEM/NORMAL", " MEM/NORMAL-TAGGED", " MEM/NORMAL-NC", " DEVICE/nGnRnE",
        " DEVICE/nGnRE", "", "", ""}},
  };
  for (const auto &row : rows) {
    SCOPED_TRACE(row.release);
    use(arm64::granule4K39, row.release);
    for (unsigned index = 0; index < 8; ++index)
      page(index, valid | table | type(index));
    for (unsigned index = 0; index < 8; ++index)
      EXPECT_EQ(columns(index), row.blanks + row.names[index]) << index;
  }
}

TEST_F(Arm64Listing, UxnPrintsNothingWhereClearUpTo5_7) {
  use(arm64::granule4K39, "5.7.19");
  page(0, valid | table | uxn | type(4));
  page(1, valid | table | gp | type(4)); // GP has no column yet
  EXPECT_EQ(columns(0), "       RW x                    UXN MEM/NORMAL");
  EXPECT_EQ(columns(1), "       RW x                    MEM/NORMAL");
  use(arm64::granule4K39, "5.8.0");
  page(0, valid | table | uxn | type(4));
  page(1, valid | table | gp | type(4));
  EXPECT_EQ(columns(0), "       RW x                    UXN    MEM/NORMAL");
  EXPECT_EQ(columns(1), "       RW x                        GP MEM/NORMAL");
}

TEST_F(Arm64Listing, BlkIsForValidEntriesOnlyFrom6_15On) {
  use(arm64::granule4K39, "6.12.107");
  page(0, valid);
  page(1, af);
  EXPECT_EQ(columns(0), "       RW x                BLK        MEM/NORMAL");
  EXPECT_EQ(columns(1), " F     RW x      AF        BLK        MEM/NORMAL");
  use(arm64::granule4K39, "7.2.13");
  page(0, valid);
  page(1, af);
  EXPECT_EQ(columns(0), "       RW x                BLK        MEM/NORMAL");
  EXPECT_EQ(columns(1), " F     RW x      AF                   MEM/NORMAL");
}

TEST_F(Arm64Listing, EmptyRunsHaveNoLineUpTo5_5ButSectionsAreNamed) {
  use(arm64::granule4K39, "5.4.59");
  image.markers.push_back({0xffffff8000400000, "Linear Mapping end"});
  image.markers.push_back({0xffffff8040000000, "Modules start"});
  page(1, valid | table | type(4) | uxn);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffffff8000001000-0xffffff8000002000           4K PTE"
                    "       RW x                    UXN MEM/NORMAL\n"
                    "---[ Linear Mapping end ]---\n"
                    "---[ Modules start ]---\n");
}

TEST_F(Arm64Listing, From5_6To5_14TheFirstLineStartsAt0WithoutAHeader) {
  use(arm64::granule4K48, "5.10.262");
  image.markers.push_back({0xffff800000000000, "Linear Mapping end"});
  tables->map(base, PhysAddr(0x40000000), valid | af | uxn | pxn | shared, 2);
  EXPECT_EQ(list(), "0x0000000000000000-0xffff000000000000    16776960T PGD\n"
                    "0xffff000000000000-0xffff000000200000           2M PMD"
                    "       RW NX SHD AF        BLK UXN    MEM/NORMAL\n"
                    "0xffff000000200000-0xffff000040000000        1022M PMD\n"
                    "0xffff000040000000-0xffff008000000000         511G PUD\n"
                    "0xffff008000000000-0xffff800000000000      130560G PGD\n"
                    "---[ Linear Mapping end ]---\n"
                    "0xffff800000000000-0x0000000000000000         128T PGD\n");
}

TEST_F(Arm64Listing, From5_6To5_14AHoleAtTheStartJoinsTheFirstLine) {
  use(arm64::granule4K48, "5.10.262");
  tables->map(base + bit(39), PhysAddr(0x40000000), valid | af, 1);
  EXPECT_EQ(list(), "0x0000000000000000-0xffff008000000000   17179607552G PGD\n"
                    "0xffff008000000000-0xffff008040000000           1G PUD"
                    "       RW x      AF        BLK        MEM/NORMAL\n"
                    "0xffff008040000000-0xffff010000000000         511G PUD\n"
                    "0xffff010000000000-0x0000000000000000         255T PGD\n");
}

TEST_F(Arm64Listing, ABlockInATopTableIsNamedAsConfiguredUpTo6_8) {
  // Three levels: the top one is the pud, and named PGD.
  for (const char *release : {"6.6.87", "6.12.107"}) {
    SCOPED_TRACE(release);
    use(arm64::granule4K39, release);
    tables->map(base + bit(30), PhysAddr(0), valid | af, 0);
    tables->map(base + 2 * bit(30), PhysAddr(0), valid | af, 1);
    EXPECT_EQ(list(),
              "---[ Linear Mapping start ]---\n"
              "0xffffff8000000000-0xffffff8040000000           1G PGD\n"
              "0xffffff8040000000-0xffffff8080000000           1G PGD"
              "       RW x      AF        BLK        MEM/NORMAL\n"
              "0xffffff8080000000-0xffffff8080200000           2M PMD"
              "       RW x      AF        BLK        MEM/NORMAL\n"
              "0xffffff8080200000-0xffffff80c0000000        1022M PMD\n"
              "0xffffff80c0000000-0x0000000000000000         509G PGD\n");
  }
  // Two levels: from 6.9 on the block is a PMD beside holes that are PGD.
  for (auto [release, name] :
       {std::pair("6.6.87", "PGD"), std::pair("6.12.107", "PMD")}) {
    SCOPED_TRACE(release);
    use(arm64::granule64K42, release);
    tables->map(base, PhysAddr(0), valid | af, 0);
    page(8192 + 1, valid | table | af);
    EXPECT_EQ(
        list(),
        std::string("---[ Linear Mapping start ]---\n"
                    "0xfffffc0000000000-0xfffffc0020000000         512M ") +
            name +
            "       RW x      AF        BLK        MEM/NORMAL\n"
            "0xfffffc0020000000-0xfffffc0020010000          64K PTE\n"
            "0xfffffc0020010000-0xfffffc0020020000          64K PTE"
            "       RW x      AF                   MEM/NORMAL\n"
            "0xfffffc0020020000-0xfffffc0040000000      524160K PTE\n"
            "0xfffffc0040000000-0x0000000000000000        4095G PGD\n");
  }
}

TEST_F(Arm64Listing, FiveLevelsOfLpa2NameThemAllAndShdIsAnAddressBit) {
  use(arm64::granule4K52, "7.2.13");
  image.virtualBits = 52;
  tables->map(base, PhysAddr(0x40000000), valid | table | af, 4);
  tables->map(base + 0x1000, PhysAddr(0xfffff00000000), valid | table | af, 4);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xfff0000000000000-0xfff0000000001000           4K PTE"
                    "       RW x      AF                   MEM/NORMAL\n"
                    "0xfff0000000001000-0xfff0000000002000           4K PTE"
                    "       RW x  SHD AF                   MEM/NORMAL\n"
                    "0xfff0000000002000-0xfff0000000200000        2040K PTE\n"
                    "0xfff0000000200000-0xfff0000040000000        1022M PMD\n"
                    "0xfff0000040000000-0xfff0008000000000         511G PUD\n"
                    "0xfff0008000000000-0xfff1000000000000      261632G P4D\n"
                    "0xfff1000000000000-0x0000000000000000        3840T PGD\n");
}

TEST_F(Arm64Listing, FourLevelsThatAreFiveWithoutLpa2SayPgdAtTheTop) {
  use(arm64::granule4K48, "6.12.107");
  image.virtualBits = 48;
  tables->tableOf(base, 1);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffff000000000000-0xffff008000000000         512G PUD\n"
                    "0xffff008000000000-0x0000000000000000      261632G PGD\n");
}

TEST_F(Arm64Listing, SixteenKGranules) {
  // 47 bits: the top of three levels; 48: two entries of 128T on top of them.
  use(arm64::granule16K47, "6.12.107");
  page(0, valid | table | af);
  tables->map(base + bit(25), PhysAddr(0), valid | af, 1);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffff800000000000-0xffff800000004000          16K PTE"
                    "       RW x      AF                   MEM/NORMAL\n"
                    "0xffff800000004000-0xffff800002000000       32752K PTE\n"
                    "0xffff800002000000-0xffff800004000000          32M PMD"
                    "       RW x      AF        BLK        MEM/NORMAL\n"
                    "0xffff800004000000-0xffff801000000000       65472M PMD\n"
                    "0xffff801000000000-0x0000000000000000      131008G PGD\n");
  use(arm64::granule16K48, "6.12.107");
  tables->tableOf(base, 2);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffff000000000000-0xffff001000000000          64G PMD\n"
                    "0xffff001000000000-0xffff800000000000      131008G PUD\n"
                    "0xffff800000000000-0x0000000000000000         128T PGD\n");
}

TEST_F(Arm64Listing, A52BitTableOn48BitHardwareIsWalkedWholeUpTo6_8) {
  use(arm64::granule64K52, "6.6.87");
  image.virtualBits = 48;
  tables->map(VirtAddr(0xffff000000000000), PhysAddr(0), valid | table | af, 2);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xfff0000000000000-0xffff000000000000        3840T PGD\n"
                    "0xffff000000000000-0xffff000000010000          64K PTE"
                    "       RW x      AF                   MEM/NORMAL\n"
                    "0xffff000000010000-0xffff000020000000      524224K PTE\n"
                    "0xffff000020000000-0xffff040000000000     4193792M PMD\n"
                    "0xffff040000000000-0x0000000000000000         252T PGD\n");
  image.vmcoreinfo = Vmcoreinfo::parse("OSRELEASE=6.12.107\n");
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffff000000000000-0xffff000000010000          64K PTE"
                    "       RW x      AF                   MEM/NORMAL\n"
                    "0xffff000000010000-0xffff000020000000      524224K PTE\n"
                    "0xffff000020000000-0xffff040000000000     4193792M PMD\n"
                    "0xffff040000000000-0x0000000000000000         252T PGD\n");
}

TEST_F(Arm64Listing, APmdThatIsNotPresentIsPassedOverOrALeaf) {
  struct {
    const char *release;
    uint64_t entry;
    bool isLeaf;
  } rows[] = {{"5.7.19", bit(59), false},    {"6.1.0", bit(59), true},
              {"6.1.0", bit(58), true},      {"6.12.107", bit(58), false},
              {"6.12.107", bit(59), false},  {"6.12.107", ng, true},
              {"6.1.0", ng, false},          {"6.1.0", table, false},
              {"6.12.107", table | ng, true}};
  for (const auto &row : rows) {
    SCOPED_TRACE(std::string(row.release) + " " + hex(row.entry));
    use(arm64::granule4K48, row.release);
    tables->tableOf(base, 2);
    tables->setEntry(base + bit(21), 2, row.entry | user);
    std::string text = list();
    EXPECT_EQ(text.find("0xffff000000200000-0xffff000000400000") !=
                  std::string::npos,
              row.isLeaf)
        << text;
    // Passed over: the hole before it goes on.
    EXPECT_EQ(text.find("-0xffff000040000000           1G PMD\n") !=
                  std::string::npos,
              !row.isLeaf)
        << text;
  }
}

TEST_F(Arm64Listing, APudBlockIsNoLeafWith64KPages) {
  // pud_sect() is always false there: what looks like a block of 4T is a
  // table to the walker.
  use(arm64::granule64K48, "6.1.0");
  PhysAddr below = tables->newTable(1);
  tables->map(base, below, valid | af, 0);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffff000000000000-0xffff040000000000           4T PMD\n"
                    "0xffff040000000000-0x0000000000000000         252T PGD\n");
}

TEST_F(Arm64Listing, ATopEntryThatIsNoTableIsAHole) {
  use(arm64::granule4K48, "6.1.0");
  tables->map(base, PhysAddr(0x40000000), valid | af, 0);
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffff000000000000-0x0000000000000000         256T PGD\n");
}

TEST_F(Arm64Listing, TwoHeadersCanFollowEachOther) {
  use(arm64::granule4K39, "6.1.0");
  image.markers.push_back({0xffffffc000000000, "Linear Mapping end"});
  image.markers.push_back({0xffffffc000000000, "Modules start"});
  image.markers.push_back({0xffffffc000000000, "Modules end"});
  EXPECT_EQ(list(), "---[ Linear Mapping start ]---\n"
                    "0xffffff8000000000-0xffffffc000000000         256G PGD\n"
                    "---[ Linear Mapping end ]---\n"
                    "---[ Modules start ]---\n"
                    "0xffffffc000000000-0xffffffc040000000           1G PGD\n"
                    "---[ Modules end ]---\n"
                    "0xffffffc040000000-0x0000000000000000         255G PGD\n");
}

TEST_F(Arm64Listing, TheKernelsOwnArrayGoesBeforeItsVersion) {
  // A release that says nothing true; the array tells 5.6 to 5.14.
  use(arm64::granule4K39, "9.9.9");
  image.dumper.emplace();
  image.markers.push_back({0xffffffc000000000, "BPF start"});
  EXPECT_EQ(list(), "0x0000000000000000-0xffffffc000000000   17179868928G PGD\n"
                    "---[ BPF start ]---\n"
                    "0xffffffc000000000-0x0000000000000000         256G PGD\n");
  // vmemmap before the fixmap: 6.9 or later.
  use(arm64::granule64K42, "5.4.0-vendor");
  image.dumper.emplace();
  image.markers.push_back({0xfffffffe00000000, "vmemmap start"});
  image.markers.push_back({0xffffffff00000000, "Fixmap start"});
  tables->map(base, PhysAddr(0), valid | af, 0);
  EXPECT_NE(list().find("512M PMD       RW x      AF        BLK"),
            std::string::npos);
}

TEST_F(Arm64Listing, EfiRunsFrom0ToTheTasksEnd) {
  use(arm64::granule4K48, "6.1.0");
  tables->map(VirtAddr(0x20000000), PhysAddr(0), valid | af | ng, 2);
  const std::string lines =
      "---[ UEFI runtime start ]---\n"
      "0x0000000000000000-0x0000000020000000         512M PMD\n"
      "0x0000000020000000-0x0000000020200000           2M PMD"
      "       RW x      AF NG     BLK        MEM/NORMAL\n"
      "0x0000000020200000-0x0000000040000000         510M PMD\n"
      "0x0000000040000000-0x0000008000000000         511G PUD\n";
  // The last note is at 0, behind the start of the last line.
  EXPECT_EQ(listEfi(), lines + "0x0000008000000000-0x0000000000000000   "
                               "17179868672G PGD\n");
  for (const char *release : {"6.12.110", "7.2.13"}) {
    image.vmcoreinfo =
        Vmcoreinfo::parse(std::string("OSRELEASE=") + release + "\n");
    EXPECT_EQ(listEfi(), lines + "0x0000008000000000-0x0001000000000000      "
                                 "261632G PGD\n"
                                 "---[ UEFI runtime end ]---\n");
  }
}

TEST_F(Arm64Listing, EfiWith52BitsHasItsWindowAt48) {
  use(arm64::granule64K52, "7.2.13");
  image.virtualBits = 52;
  EXPECT_EQ(listEfi(),
            "---[ UEFI runtime start ]---\n"
            "0x0000000000000000-0x0001000000000000         256T PGD\n"
            "---[ UEFI runtime end ]---\n"
            "0x0001000000000000-0x0010000000000000        3840T PGD\n");
}

} // namespace
