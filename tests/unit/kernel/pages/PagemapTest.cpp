#include "kernel/pages/Pagemap.h"

#include "support/PageObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

constexpr uint64_t present = bit(PmPresent), file = bit(PmFile),
                   exclusive = bit(PmExclusive), swap = bit(PmSwap),
                   softDirty = bit(PmSoftDirty);
constexpr uint64_t anonymous = 0xffff888000000001;
constexpr uint64_t vmPfnMap = 0x400, vmHugetlb = 0x400000,
                   vmSoftDirty = 0x8000000;

class PagemapTest : public ::testing::Test {
protected:
  PagemapTest()
      : tables(pages.objects.memory, x86_64::fourLevel, PhysAddr(0x20000000)) {
    pages.objects.setWord(pages.zeroFrame, 1000);
  }
  /// A page table entry of [at, at + 4096).
  void map(uint64_t at, uint64_t frame, uint64_t more = 0) {
    tables.map(VirtAddr(at), PhysAddr(frame << 12), 0x25 | more, 3);
  }
  void read(uint64_t start, uint64_t end, uint64_t vmFlags = 0,
            bool isGuess = false) {
    PageFlags flags = pages.flags();
    PagemapReader reader(pages.kernel(), flags);
    reader.read(
        PagemapArea{VirtAddr(start), VirtAddr(end), vmFlags, isGuess},
        tables.root(),
        [&](const PagemapRun &run) {
          for (uint64_t i = 0; i < run.pageCount; ++i)
            entries.push_back(run.entry);
          if (!run.problem.empty())
            gaps.push_back(run.problem.str());
        },
        problems);
  }

  PageObjects pages{"6.1.200", 1024};
  PageTableBuilder tables;
  std::vector<uint64_t> entries;
  std::vector<std::string> gaps, problems;
};

TEST_F(PagemapTest, PagesAndHoles) {
  pages.setNumber(5, "_mapcount", 0);
  pages.setWord(5, "mapping", anonymous);
  pages.setNumber(6, "_mapcount", 1);
  map(0x400000, 5);
  map(0x402000, 6);
  read(0x400000, 0x404000);
  EXPECT_THAT(entries,
              ElementsAre(present | exclusive | 5, 0, present | file | 6, 0));
}

TEST_F(PagemapTest, AnAreaThatIsAllSoftDirty) {
  map(0x400000, 5, bit(11));
  read(0x400000, 0x402000, vmSoftDirty);
  EXPECT_THAT(entries, ElementsAre(present | file | softDirty | 5, softDirty));
}

TEST_F(PagemapTest, DeviceMemoryIsPassedOver) {
  map(0x400000, 5);
  read(0x400000, 0x401000, vmPfnMap | vmSoftDirty);
  EXPECT_THAT(entries, ElementsAre(softDirty));
}

TEST_F(PagemapTest, TheZeroPageBelongsToNobody) {
  map(0x400000, 1000, bit(9));
  read(0x400000, 0x401000);
  EXPECT_THAT(entries, ElementsAre(present | 1000));
}

TEST_F(PagemapTest, WithoutAreasASpecialEntryIsNoPage) {
  map(0x400000, 1000, bit(9));
  map(0x401000, 7, bit(9));
  read(0x400000, 0x402000, 0, true);
  EXPECT_THAT(entries, ElementsAre(present | 1000, 0));
}

TEST_F(PagemapTest, SwappedPagesAndPagesNobodyMayTouch) {
  // Type 1, offset 0x123; the offset stands inverted.
  const uint64_t entry =
      uint64_t(1) << 59 | (~uint64_t(0x123) << 9 & bits(58, 9));
  tables.setEntry(VirtAddr(0x400000), 3, entry | bit(1));
  pages.setNumber(5, "_mapcount", 0);
  tables.setEntry(VirtAddr(0x401000), 3,
                  (~uint64_t(5 << 12) & bits(51, 12)) | bit(8) | bit(63));
  read(0x400000, 0x402000);
  EXPECT_THAT(entries, ElementsAre(swap | softDirty | 1 | 0x123 << 5,
                                   present | file | exclusive | 5));
}

TEST_F(PagemapTest, AccessedAndDirtyAloneAreNoEntry) {
  tables.setEntry(VirtAddr(0x400000), 3, 0x60);
  read(0x400000, 0x401000);
  EXPECT_THAT(entries, ElementsAre(0));
}

TEST_F(PagemapTest, AHugePageInParts) {
  pages.makeCompound(512, 9, {"PG_head", "PG_lru"});
  pages.setWord(512, "mapping", anonymous);
  pages.setEntireMapCount(512, 0);
  tables.map(VirtAddr(0x400000), PhysAddr(512 << 12), 0xe5, 2);
  read(0x401000, 0x403000);
  EXPECT_THAT(entries, ElementsAre(present | exclusive | 513,
                                   present | exclusive | 514));
}

TEST_F(PagemapTest, AHugePageOfAFileByVersion) {
  pages.makeCompound(512, 9, {"PG_head", "PG_lru"});
  pages.setEntireMapCount(512, 3);
  tables.map(VirtAddr(0x400000), PhysAddr(512 << 12), 0xe5, 2);
  read(0x400000, 0x401000);
  EXPECT_THAT(entries, ElementsAre(present | file | 512));
  EXPECT_FALSE(getPagemapRules(x86_64::fourLevel, {6, 1, 90}).hugeIsFile);
  EXPECT_TRUE(getPagemapRules(x86_64::fourLevel, {6, 1, 0}).hugeIsFile);
  EXPECT_FALSE(getPagemapRules(x86_64::fourLevel, {6, 8, 9}).hugeIsFile);
}

TEST_F(PagemapTest, AHugetlbPageThatIsNotThereSaysNothing) {
  tables.setEntry(VirtAddr(0x400000), 2, uint64_t(1) << 59 | 0x200);
  read(0x400000, 0x402000, vmHugetlb | vmSoftDirty);
  EXPECT_THAT(entries, ElementsAre(softDirty, softDirty));
}

TEST_F(PagemapTest, ATableThatIsNotInTheDump) {
  tables.setEntry(VirtAddr(0x400000), 2, 0x7000'0000 | 0x67);
  read(0x400000, 0x402000);
  EXPECT_THAT(entries, ElementsAre(0, 0));
  EXPECT_THAT(gaps, ElementsAre(HasSubstr("0x70000000 is not in the dump")));
}

TEST_F(PagemapTest, AStructPageThatIsNotInTheDump) {
  pages.objects.setWord(pages.memMap, KernelObjects::nowhere().value);
  map(0x400000, 5);
  read(0x400000, 0x401000);
  EXPECT_THAT(entries, ElementsAre(present | 5));
  EXPECT_THAT(gaps, ElementsAre(HasSubstr("is not mapped")));
}

TEST_F(PagemapTest, TablesThatLeadInCirclesEnd) {
  // The root is its own table at each level.
  for (unsigned i = 0; i < 256; ++i)
    tables.setEntry(VirtAddr(uint64_t(i) << 39), 0, tables.root().value | 0x67);
  read(0, uint64_t(1) << 47);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("lead in circles")));
}

TEST_F(PagemapTest, AnAreaBeyondTheTables) {
  read(uint64_t(1) << 47, uint64_t(1) << 52);
  EXPECT_THAT(problems, ElementsAre(HasSubstr("beyond the page tables")));
}

} // namespace
