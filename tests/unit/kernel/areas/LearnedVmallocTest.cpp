#include "kernel/areas/LearnedVmalloc.h"

#include "kernel/areas/Vmalloc.h"
#include "support/PageObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

constexpr uint64_t first = 0xffffc90000000000;

/// A 6.1 kernel of which VMCOREINFO alone is known, with vmalloc areas whose
/// vm_struct has a page_order, or has none.
class LearnedVmallocTest : public ::testing::Test {
protected:
  void make(bool hasOrder, unsigned count = 10) {
    pages.more = "OFFSET(vmap_area.va_start)=0\nOFFSET(vmap_area.list)=40\n";
    pages.symbols["vmap_area_list"] = head = pages.objects.allocate(16);
    pages.symbols["purge_vmap_area_list"] = purge = pages.objects.allocate(16);
    objects().setWord(purge, purge.value);
    objects().setWord(purge + 8, purge.value);
    countAt = hasOrder ? 44 : 40;
    for (unsigned i = 0; i < count; ++i)
      add(first + i * 0x10000, 0x5000, 4);
    ring();
  }
  KernelObjects &objects() { return pages.objects; }
  void add(uint64_t start, uint64_t bytes, uint32_t pageCount) {
    const VirtAddr area = objects().allocate(80), vm = objects().allocate(64);
    objects().setWord(area, start);
    objects().setWord(area + 8, start + bytes);
    objects().setWord(area + 56, vm.value);
    objects().setWord(vm + 8, start);
    objects().setWord(vm + 16, bytes);
    objects().setWord(vm + 24, VmAlloc);
    objects().setWord(vm + 32, 0xffff888000001000);
    objects().memory.writeNumber<uint32_t>(objects().physical(vm + countAt),
                                           pageCount);
    objects().setWord(vm + 56, start); // code in a module, perhaps
    areas.push_back(area);
    structs.push_back(vm);
  }
  void ring() {
    VirtAddr last = head;
    for (VirtAddr area : areas) {
      objects().setWord(last, (area + 40).value);
      objects().setWord(area + 48, last.value);
      last = area + 40;
    }
    objects().setWord(last, head.value);
    objects().setWord(head + 8, last.value);
  }
  void expectAreas(const VmallocList &list) {
    ASSERT_EQ(list.areas.size(), 10u);
    EXPECT_EQ(list.areas[3].start, VirtAddr(first + 0x30000));
    EXPECT_EQ(list.areas[3].pageCount, 4u);
    EXPECT_EQ(list.areas[3].flags, uint64_t(VmAlloc));
    EXPECT_THAT(list.learnedFrom, HasSubstr("the 10 vmalloc areas"));
  }
  llvm::Expected<VmallocList> read() { return readVmallocList(pages.kernel()); }

  PageObjects pages{"6.1.0", 16};
  VirtAddr head, purge;
  uint64_t countAt = 40;
  std::vector<VirtAddr> areas, structs;
};

TEST_F(LearnedVmallocTest, WithAnOrder) {
  make(true);
  expectAreas(valueOf(read()));
}

TEST_F(LearnedVmallocTest, WithoutAnOrder) {
  make(false);
  expectAreas(valueOf(read()));
}

TEST_F(LearnedVmallocTest, AFewAreasCouldFitByChance) {
  make(true, 3);
  EXPECT_THAT(textOf(read()), HasSubstr("only 3 areas"));
}

TEST_F(LearnedVmallocTest, AnAreaThatDoesNotRepeatItsRange) {
  make(true);
  objects().setWord(structs[4] + 8, first);
  EXPECT_THAT(textOf(read()), HasSubstr("0 layouts fit all 10 areas"));
}

TEST_F(LearnedVmallocTest, MorePagesThanThereIsRoomFor) {
  make(true);
  objects().memory.writeNumber<uint32_t>(
      objects().physical(structs[4] + countAt), 6);
  EXPECT_THAT(textOf(read()), HasSubstr("0 layouts"));
}

TEST_F(LearnedVmallocTest, NodesOfNewKernelsAreNotLearned) {
  make(true);
  pages.symbols["vmap_nodes"] = head;
  EXPECT_THAT(textOf(read()), HasSubstr("vmap_node"));
}

TEST_F(LearnedVmallocTest, NoAreaOnTheList) {
  make(true);
  objects().setWord(areas[2] + 8, first);
  EXPECT_THAT(textOf(read()), HasSubstr("on the list of vmalloc areas"));
}

} // namespace
