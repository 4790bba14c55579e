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
  /// Since 6.9: the areas are those of \p count nodes, by turns.
  void makeNodes(unsigned count) {
    make(true);
    const VirtAddr nodes = objects().allocate(count * nodeBytes),
                   pointer = objects().allocate(8),
                   countAt = objects().allocate(8);
    objects().setWord(pointer, nodes.value);
    objects().setWord(countAt, count);
    pages.symbols.erase("vmap_area_list");
    pages.symbols.erase("purge_vmap_area_list");
    pages.symbols["vmap_nodes"] = pointer;
    pages.symbols["nr_vmap_nodes"] = countAt;
    for (unsigned i = 0; i < count; ++i) {
      const VirtAddr node = nodes + i * nodeBytes;
      nodesAt.push_back(node);
      for (unsigned pool = 0; pool < 256; ++pool)
        makeEmpty(node + pool * 24);
      makeEmpty(node + busyHead);
      makeEmpty(node + busyHead + 32);
      VirtAddr last = node + busyHead;
      for (size_t j = i; j < areas.size(); j += count) {
        objects().setWord(node + busyHead - 8, (areas[j] + 16).value);
        const VirtAddr link = areas[j] + 40;
        objects().setWord(last, link.value);
        objects().setWord(link + 8, last.value);
        objects().setWord(link, (node + busyHead).value);
        objects().setWord(node + busyHead + 8, link.value);
        last = link;
      }
    }
  }
  void makeEmpty(VirtAddr head) {
    objects().setWord(head, head.value);
    objects().setWord(head + 8, head.value);
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
  std::vector<VirtAddr> areas, structs, nodesAt;
  /// The lock of the pools takes a word, an rb_list four.
  static constexpr uint64_t busyHead = 256 * 24 + 16, nodeBytes = 6304;
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

TEST_F(LearnedVmallocTest, NodesOfNewKernels) {
  makeNodes(3);
  VmallocList list = valueOf(read());
  EXPECT_EQ(list.areas[1].start, VirtAddr(first + 0x30000)) << "of node 0";
  llvm::sort(list.areas, [](auto &a, auto &b) { return a.start < b.start; });
  expectAreas(list);
  EXPECT_TRUE(list.problems.empty());
}

TEST_F(LearnedVmallocTest, OneNodeIsEnough) {
  makeNodes(1);
  expectAreas(valueOf(read()));
}

// Where nothing ever changes vmap_nodes, there is no such variable.
TEST_F(LearnedVmallocTest, TheOneNodeOfSmallMachinesHasANameOfItsOwn) {
  makeNodes(1);
  pages.symbols.erase("vmap_nodes");
  pages.symbols["single"] = nodesAt[0];
  expectAreas(valueOf(read()));
}

TEST_F(LearnedVmallocTest, WithoutThatNameEitherItIsAskedFor) {
  makeNodes(1);
  pages.symbols.erase("vmap_nodes");
  EXPECT_THAT(textOf(read()), HasSubstr("no symbol 'single'"));
}

TEST_F(LearnedVmallocTest, AreasThatWereGivenBackAreOnTheNodesOtherList) {
  makeNodes(2);
  const VirtAddr head = nodesAt[1] + busyHead + 32,
                 area = objects().allocate(80), link = area + 40;
  objects().setWord(area, first + 0x900000);
  objects().setWord(area + 8, first + 0x902000);
  objects().setWord(head - 8, (area + 16).value);
  for (VirtAddr at : {head, head + 8})
    objects().setWord(at, link.value);
  for (VirtAddr at : {link, link + 8})
    objects().setWord(at, head.value);
  const VmallocList list = valueOf(read());
  ASSERT_EQ(list.areas.size(), 11u);
  EXPECT_EQ(list.areas.back().kind, VmallocArea::Lazy);
  EXPECT_EQ(list.areas.back().sizeBytes, 0x2000u);
}

TEST_F(LearnedVmallocTest, ANodeThatIsNoneIsNotBelieved) {
  makeNodes(3);
  objects().setWord(nodesAt[2] + 24 * 100, first);
  EXPECT_THAT(textOf(read()), HasSubstr("no size of a vmap_node fits all 3"));
  objects().setWord(nodesAt[0] + 24, first);
  EXPECT_THAT(textOf(read()), HasSubstr("has 1 pools"));
}

TEST_F(LearnedVmallocTest, MoreNodesThanAnyKernelHas) {
  makeNodes(1);
  objects().setWord(pages.symbols["nr_vmap_nodes"], 0xffffffff);
  EXPECT_THAT(textOf(read()), HasSubstr("nr_vmap_nodes are not those"));
}

TEST_F(LearnedVmallocTest, NoAreaOnTheList) {
  make(true);
  objects().setWord(areas[2] + 8, first);
  EXPECT_THAT(textOf(read()), HasSubstr("on the list of vmalloc areas"));
}

} // namespace
