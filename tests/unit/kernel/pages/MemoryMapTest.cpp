#include "kernel/pages/MemoryMap.h"

#include "support/PageObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

TEST(MemoryMapTest, FramesAndTheirPages) {
  const VirtAddr low(0xffffea0000000000), high(0xffffea0000001000);
  MemoryMap map({{0, 10, high}, {100, 50, low}}, 64, 200);
  EXPECT_EQ(map.findPage(0), high);
  EXPECT_EQ(map.findPage(9), high + 9 * 64);
  EXPECT_EQ(map.findPage(10), std::nullopt);
  EXPECT_EQ(map.findPage(99), std::nullopt);
  EXPECT_EQ(map.findPage(149), low + 49 * 64);
  EXPECT_EQ(map.findPage(150), std::nullopt);
  EXPECT_EQ(map.findFrame(high + 9 * 64), 9u);
  EXPECT_EQ(map.findFrame(high + 10 * 64), std::nullopt);
  EXPECT_EQ(map.findFrame(low + 64), 101u);
  EXPECT_EQ(map.findFrame(low + 65), std::nullopt);
  EXPECT_EQ(map.findFrame(VirtAddr(0)), std::nullopt);
}

TEST(MemoryMapTest, NoSectionsAtAll) {
  MemoryMap map({}, 64, 0);
  EXPECT_EQ(map.findPage(0), std::nullopt);
  EXPECT_EQ(map.findFrame(VirtAddr(64)), std::nullopt);
}

TEST(MemoryMapTest, AFlatMap) {
  PageObjects pages("6.1.0", 32);
  MemoryMap map = valueOf(MemoryMap::create(pages.kernel(), 64));
  ASSERT_THAT(map.sections(), SizeIs(1));
  EXPECT_EQ(map.frameCount(), 32u);
  EXPECT_EQ(map.findPage(31), pages.page(31));
  EXPECT_THAT(map.source(), HasSubstr("mem_map"));
}

/// Sections of mem_section: a root table, roots of 4096/16 sections each.
class SectionsTest : public ::testing::Test {
protected:
  SectionsTest() {
    for (const char *name : {"mem_map", "contig_page_data"})
      pages.symbols.erase(name);
    table = pages.objects.allocate(4096, 4096);
    root = pages.objects.allocate(4096, 4096);
    pages.objects.setWord(table, root.value);
    pages.more = "SYMBOL(mem_section)=" + hex(table).substr(2) +
                 "\nSIZE(mem_section)=16\nOFFSET(mem_section.section_mem_map)"
                 "=0\nNUMBER(SECTION_SIZE_BITS)=27\nNUMBER(MAX_PHYSMEM_BITS)="
                 "46\nLENGTH(mem_section)=512\n";
    pages.objects.setWord(pages.maxFrame, 0x9000);
  }
  /// \p number's struct pages would lie at \p at.
  void setSection(uint64_t number, VirtAddr at, uint64_t flags = 7,
                  uint64_t usage = 0) {
    const VirtAddr where = root + number * 16;
    pages.objects.setWord(where, (at.value - (number << 15) * 64) | flags);
    pages.objects.setWord(where + 8, usage);
  }
  MemoryMap create() { return valueOf(MemoryMap::create(pages.kernel(), 64)); }

  PageObjects pages{"6.1.0", 32};
  VirtAddr table, root;
};

TEST_F(SectionsTest, OnlineSections) {
  setSection(0, VirtAddr(0xffffea0000000000));
  setSection(1, VirtAddr(0xffffea0000200000), 3); // not online
  setSection(2, VirtAddr(0xffffea0000400000));
  MemoryMap map = create();
  EXPECT_EQ(map.findPage(1), VirtAddr(0xffffea0000000040));
  EXPECT_EQ(map.findPage(0x8000), std::nullopt);
  EXPECT_EQ(map.findPage(0x10001), VirtAddr(0xffffea0000400040));
  EXPECT_EQ(map.findFrame(VirtAddr(0xffffea0000400040)), 0x10001u);
  EXPECT_EQ(map.frameCount(), 0x10000u); // max_pfn, up to a whole section
  EXPECT_THAT(map.problems(), IsEmpty());
}

TEST_F(SectionsTest, SubsectionsThatTheSectionLacks) {
  VirtAddr usage = pages.objects.allocate(16);
  pages.objects.setWord(usage, 0x5);
  setSection(0, VirtAddr(0xffffea0000000000), 7, usage.value);
  MemoryMap map = create();
  ASSERT_THAT(map.sections(), SizeIs(2));
  EXPECT_NE(map.findPage(511), std::nullopt);
  EXPECT_EQ(map.findPage(512), std::nullopt);
  EXPECT_EQ(map.findPage(1024), VirtAddr(0xffffea0000010000));
  EXPECT_EQ(map.findPage(1536), std::nullopt);
}

TEST_F(SectionsTest, TheSubsectionsBehindAnRcuHead) {
  VirtAddr usage = pages.objects.allocate(32);
  pages.objects.setWord(usage + 16, 0x2);
  setSection(0, VirtAddr(0xffffea0000000000), 7, usage.value);
  MemoryMap map = create();
  EXPECT_EQ(map.findPage(0), std::nullopt);
  EXPECT_NE(map.findPage(512), std::nullopt);
}

TEST_F(SectionsTest, ARootThatIsNotInTheDumpIsNamed) {
  setSection(0, VirtAddr(0xffffea0000000000));
  pages.objects.setWord(table + 8, KernelObjects::nowhere().value);
  MemoryMap map = create();
  EXPECT_NE(map.findPage(0), std::nullopt);
  EXPECT_THAT(map.problems(),
              Contains(HasSubstr("memory sections from 0x100 on")));
}

TEST_F(SectionsTest, NothingLeadsToStructPages) {
  pages.more.clear();
  EXPECT_THAT(textOf(MemoryMap::create(pages.kernel(), 64)),
              HasSubstr("'mem_section' is unknown"));
}

TEST_F(SectionsTest, NoSectionIsOnline) {
  EXPECT_THAT(textOf(MemoryMap::create(pages.kernel(), 64)),
              HasSubstr("no struct page was found"));
}

TEST_F(SectionsTest, ASectionOfNoPossibleSize) {
  pages.more += "SIZE(mem_section)=0\n";
  EXPECT_THAT(textOf(MemoryMap::create(pages.kernel(), 64)),
              HasSubstr("0x0 bytes"));
}

} // namespace
