#include "kernel/pages/PageFlags.h"

#include "support/PageObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace {

constexpr uint64_t kpf(PageBit number) { return bit(number); }

class PageFlagsTest : public ::testing::Test {
protected:
  uint64_t at(uint64_t frame) {
    if (!flags_)
      flags_.emplace(pages.flags());
    return flags_->flags(flags_->look(frame));
  }
  uint64_t countAt(uint64_t frame) {
    if (!flags_)
      flags_.emplace(pages.flags());
    return flags_->count(flags_->look(frame));
  }

  PageObjects pages{"6.1.0", 1024};
  std::optional<PageFlags> flags_;
};

TEST_F(PageFlagsTest, FlagsAreCopied) {
  pages.setFlags(5, {"PG_locked", "PG_dirty", "PG_lru", "PG_reserved"});
  EXPECT_EQ(at(5),
            kpf(KpfLocked) | kpf(KpfDirty) | kpf(KpfLru) | kpf(KpfReserved));
  EXPECT_EQ(at(6), 0u);
}

TEST_F(PageFlagsTest, AFrameWithoutStructPage) {
  EXPECT_EQ(at(1024), kpf(KpfNoPage));
  EXPECT_EQ(at(~uint64_t(0)), kpf(KpfNoPage));
  EXPECT_EQ(countAt(1024), 0u);
}

TEST_F(PageFlagsTest, ANewKernelSaysNothingOfAFrameWithoutStructPage) {
  pages.symbols["snapshot_page"] = pages.map;
  EXPECT_EQ(at(1024), 0u);
}

TEST_F(PageFlagsTest, AStructPageThatIsNotInTheDump) {
  pages.objects.setWord(pages.memMap, KernelObjects::nowhere().value);
  PageFlags flags = pages.flags();
  PageFacts facts = flags.look(7);
  EXPECT_EQ(facts.state, PageFacts::State::Absent);
  EXPECT_THAT(facts.problem, HasSubstr("is not mapped"));
}

TEST_F(PageFlagsTest, AnonymousAndKsm) {
  pages.setWord(1, "mapping", 0xffff888000000001);
  pages.setWord(2, "mapping", 0xffff888000000003);
  EXPECT_EQ(at(1), kpf(KpfAnon));
  EXPECT_EQ(at(2), kpf(KpfAnon) | kpf(KpfKsm));
}

TEST_F(PageFlagsTest, SwapCacheCountsInSwapBackedPages) {
  pages.setFlags(1, {"PG_swapcache"});
  pages.setFlags(2, {"PG_swapcache", "PG_swapbacked"});
  EXPECT_EQ(at(1), kpf(KpfOwnerPrivate));
  EXPECT_EQ(at(2),
            kpf(KpfOwnerPrivate) | kpf(KpfSwapBacked) | kpf(KpfSwapCache));
}

TEST_F(PageFlagsTest, MappedPages) {
  pages.setNumber(1, "_mapcount", 0);
  pages.setNumber(2, "_mapcount", 4);
  EXPECT_EQ(at(1), kpf(KpfMmap));
  EXPECT_EQ(countAt(1), 1u);
  EXPECT_EQ(countAt(2), 5u);
  EXPECT_EQ(countAt(3), 0u);
}

TEST_F(PageFlagsTest, AFreeBlockHasAllItsPages) {
  pages.setNumber(8, "_mapcount", ~0x80u);
  pages.setWord(8, "private", 2);
  for (uint64_t frame = 8; frame < 12; ++frame)
    EXPECT_EQ(at(frame), kpf(KpfBuddy)) << frame;
  EXPECT_EQ(at(12), 0u);
  EXPECT_EQ(countAt(8), 0u);
}

TEST_F(PageFlagsTest, AnAbsurdOrderFreesNothingBehindIt) {
  pages.setNumber(8, "_mapcount", ~0x80u);
  pages.setWord(8, "private", 63);
  EXPECT_EQ(at(8), kpf(KpfBuddy));
  pages.setNumber(100, "_refcount", 1);
  EXPECT_EQ(at(100), 0u);
}

TEST_F(PageFlagsTest, PageTables) {
  pages.setNumber(3, "_mapcount", ~0x200u);
  EXPECT_EQ(at(3), kpf(KpfPgTable));
  EXPECT_EQ(countAt(3), 0u);
}

TEST_F(PageFlagsTest, AHugePage) {
  pages.makeCompound(16, 4, {"PG_head", "PG_lru"});
  pages.setWord(16, "mapping", 0xffff888000000001);
  pages.setEntireMapCount(16, 0);
  EXPECT_EQ(at(16), kpf(KpfLru) | kpf(KpfMmap) | kpf(KpfAnon) |
                        kpf(KpfCompoundHead) | kpf(KpfThp));
  EXPECT_EQ(at(31),
            kpf(KpfMmap) | kpf(KpfAnon) | kpf(KpfCompoundTail) | kpf(KpfThp));
  EXPECT_EQ(countAt(31), 1u);
}

TEST_F(PageFlagsTest, APartOfAHugePageIsMapped) {
  pages.makeCompound(16, 4);
  pages.setNumber(30, "_mapcount", 0);
  EXPECT_EQ(at(17), kpf(KpfMmap) | kpf(KpfCompoundTail));
  EXPECT_EQ(countAt(17), 0u);
  EXPECT_EQ(countAt(30), 1u);
}

TEST_F(PageFlagsTest, AHeadWhereItsOrderCannotPutItIsNotSearched) {
  pages.makeCompound(17, 4);
  pages.setNumber(20, "_mapcount", 0);
  EXPECT_EQ(at(18), kpf(KpfCompoundTail));
}

TEST_F(PageFlagsTest, AHugetlbPage) {
  pages.makeCompound(16, 4);
  pages.objects.memory.writeNumber<uint8_t>(
      pages.objects.physical(pages.page(17) + 16), 2);
  EXPECT_EQ(at(16), kpf(KpfCompoundHead) | kpf(KpfHuge));
  EXPECT_EQ(at(20), kpf(KpfCompoundTail) | kpf(KpfHuge));
}

TEST_F(PageFlagsTest, TheHugeZeroPage) {
  pages.makeCompound(512, 9);
  pages.objects.setWord(pages.hugeZero, pages.page(512).value);
  EXPECT_EQ(at(513), kpf(KpfCompoundTail) | kpf(KpfThp) | kpf(KpfZeroPage));
}

TEST_F(PageFlagsTest, TheZeroPage) {
  pages.objects.setWord(pages.zeroFrame, 9);
  EXPECT_EQ(at(9), kpf(KpfZeroPage));
}

TEST_F(PageFlagsTest, ASlabWithItsTails) {
  pages.makeCompound(16, 2, {"PG_head", "PG_slab"});
  EXPECT_EQ(at(16), kpf(KpfSlab) | kpf(KpfCompoundHead));
  EXPECT_EQ(at(17), kpf(KpfSlab) | kpf(KpfCompoundTail));
  pages.setNumber(17, "_mapcount", 3);
  EXPECT_EQ(countAt(17), 0u);
}

TEST_F(PageFlagsTest, AHeadThatIsNoStructPage) {
  pages.setWord(5, "compound_head", 0x1235);
  PageFlags flags = pages.flags();
  PageFacts facts = flags.look(5);
  EXPECT_EQ(facts.state, PageFacts::State::Absent);
  EXPECT_THAT(facts.problem, HasSubstr("0x1234 is no struct page"));
}

TEST_F(PageFlagsTest, AFakeHeadOfHugetlbVmemmapOptimization) {
  // The page of struct pages from frame 64 on repeats the one before.
  pages.makeCompound(0, 7);
  for (uint64_t i = 0; i < 2; ++i)
    for (const char *member : {"flags", "compound_head"})
      pages.setWord(64 + i, member,
                    valueOf(pages.objects.reader().word(
                        pages.page(i) + pages.places.at(member))));
  EXPECT_EQ(at(64), kpf(KpfCompoundTail));
}

TEST_F(PageFlagsTest, ATailWithAMaskInsteadOfAPointer) {
  pages.places["compound_info"] = 8;
  pages.setFlags(64, {"PG_head"});
  pages.setWord(67, "compound_info", ~uint64_t(4 * 64 - 1) | 1);
  PageFlags flags = pages.flags();
  PageFacts facts = flags.look(67);
  EXPECT_TRUE(facts.isTail);
  EXPECT_EQ(facts.headFrame, 64u);
}

TEST_F(PageFlagsTest, FoliosShowTheHeadsFlagsInEachPage) {
  PageObjects folios("6.12.0", 64);
  folios.numbers = {{"PG_locked", 0},
                    {"PG_lru", 5},
                    {"PG_head", 6},
                    {"PG_large_rmappable", 9},
                    {"PG_private", 14},
                    {"PG_swapcache", 10},
                    {"PG_swapbacked", 17},
                    {"PG_hwpoison", 20},
                    {"PAGE_BUDDY_MAPCOUNT_VALUE", 0xf0000000}};
  folios.places.erase("compound_order");
  folios.places.erase("compound_dtor");
  const uint64_t head = 16;
  folios.setFlags(head, {"PG_head", "PG_lru"});
  folios.setFlags(17, {"PG_large_rmappable"});
  folios.setFlags(18, {"PG_hwpoison"});
  folios.setWord(head, "mapping", 0xffff888000000001);
  for (uint64_t frame = 17; frame < 20; ++frame)
    folios.setWord(frame, "compound_head", folios.page(head).value | 1);
  folios.objects.memory.writeNumber<uint32_t>(
      folios.objects.physical(folios.page(17) + 16), 2); // _large_mapcount
  PageFlags flags = folios.flags();
  ASSERT_TRUE(flags.isFolioModel());
  // 6.10 to 6.12 take every anonymous page for one of KSM.
  const uint64_t all =
      kpf(KpfLru) | kpf(KpfMmap) | kpf(KpfAnon) | kpf(KpfKsm) | kpf(KpfThp);
  EXPECT_EQ(flags.flags(flags.look(16)), all | kpf(KpfCompoundHead));
  EXPECT_EQ(flags.flags(flags.look(18)),
            all | kpf(KpfCompoundTail) | kpf(KpfHwPoison));
  EXPECT_EQ(flags.flags(flags.look(19)), all | kpf(KpfCompoundTail));
}

TEST_F(PageFlagsTest, FlagsByTheOrderThatVmcoreinfoAgreesWith) {
  pages.setFlags(1, {"PG_mlocked", "PG_uptodate", "PG_reclaim"});
  for (const char *name :
       {"PG_locked", "PG_referenced", "PG_uptodate", "PG_dirty", "PG_active",
        "PG_workingset", "PG_waiters", "PG_error", "PG_owner_priv_1",
        "PG_arch_1", "PG_reserved", "PG_private_2", "PG_writeback",
        "PG_mappedtodisk", "PG_reclaim", "PG_unevictable", "PG_mlocked"})
    pages.numbers.erase(name);
  pages.numbers["PG_hwpoison"] = 23;
  EXPECT_EQ(at(1), kpf(KpfMlocked) | kpf(KpfUptodate) | kpf(KpfReclaim));
  EXPECT_THAT(flags_->problems(), IsEmpty());
}

TEST_F(PageFlagsTest, FlagsThatNothingPlacesAreNamed) {
  pages.numbers = {{"PG_lru", 30}, {"PAGE_BUDDY_MAPCOUNT_VALUE", -129}};
  pages.setFlags(1, {"PG_lru"});
  EXPECT_EQ(at(1), kpf(KpfLru));
  EXPECT_THAT(flags_->problems(), Contains(HasSubstr("PG_locked, ")));
}

TEST_F(PageFlagsTest, AnUnknownZeroPageIsLearned) {
  pages.symbols.erase("zero_pfn");
  pages.setFlags(5, {"PG_reserved"});
  PageFlags flags = pages.flags();
  EXPECT_THAT(flags.problems(), Contains(HasSubstr("zero_pfn")));
  flags.learnZeroPage(5, false); // not in the dump
  EXPECT_TRUE(flags.lacksZeroPage());
  pages.objects.memory.addZeros(PhysAddr(5 * 4096), 4096);
  flags.learnZeroPage(6, false); // not reserved
  EXPECT_TRUE(flags.lacksZeroPage());
  flags.learnZeroPage(5, false);
  EXPECT_TRUE(flags.isZeroPage(5));
  EXPECT_THAT(flags.problems(), Not(Contains(HasSubstr("zero_pfn"))));
}

TEST_F(PageFlagsTest, AStructPageOfNoPossibleSize) {
  pages.sizeBytes = 4;
  EXPECT_THAT(textOf(PageLayout::create(pages.kernel())),
              HasSubstr("struct page has 0x4 bytes"));
}

TEST_F(PageFlagsTest, AMemberOutsideTheStruct) {
  pages.places["mapping"] = 60;
  EXPECT_THAT(textOf(PageLayout::create(pages.kernel())),
              HasSubstr("at offset 0x3c lies outside its 0x40 bytes"));
}

/// s390x: zero_page_mask has the bits of an address that choose one of them.
TEST_F(PageFlagsTest, TheKernelMayHaveSeveralPagesOfZeros) {
  const VirtAddr mask = pages.objects.allocate(8);
  pages.symbols["zero_page_mask"] = mask;
  pages.objects.setWord(pages.zeroFrame, 32);
  pages.objects.setWord(mask, 0x1f000);
  for (uint64_t frame : {32, 33, 63})
    EXPECT_TRUE(at(frame) & kpf(KpfZeroPage)) << frame;
  for (uint64_t frame : {31, 64})
    EXPECT_FALSE(at(frame) & kpf(KpfZeroPage)) << frame;
}

TEST_F(PageFlagsTest, AMaskOfNoSizeMarksNotAllMemory) {
  const VirtAddr mask = pages.objects.allocate(8);
  pages.symbols["zero_page_mask"] = mask;
  pages.objects.setWord(pages.zeroFrame, 0);
  pages.objects.setWord(mask, ~uint64_t(0));
  EXPECT_TRUE(at(1023) & kpf(KpfZeroPage));
  EXPECT_FALSE(flags_->isZeroPage(1024));
}

/// They come from the page allocator: 1 << order of them, at a multiple.
TEST_F(PageFlagsTest, SeveralPagesOfZerosAreLearnedFromOne) {
  pages.symbols.erase("zero_pfn");
  pages.maxZeroPageOrder = 7;
  pages.objects.memory.addZeros(PhysAddr(30 * 4096), 20 * 4096);
  for (uint64_t frame = 31; frame < 41; ++frame)
    pages.setFlags(frame, {"PG_reserved"});
  PageFlags flags = pages.flags();
  flags.learnZeroPage(37, false);
  EXPECT_FALSE(flags.lacksZeroPage());
  for (uint64_t frame = 30; frame < 50; ++frame)
    EXPECT_EQ(flags.isZeroPage(frame), frame >= 32 && frame < 40) << frame;
}

} // namespace
