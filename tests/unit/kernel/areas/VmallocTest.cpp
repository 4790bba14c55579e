#include "kernel/areas/Vmalloc.h"

#include "support/KernelObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

constexpr uint64_t first = 0xffffc90000000000;

class VmallocTest : public ::testing::Test {
protected:
  VmallocTest() {
    kernel.declare("list_head", {{"next", 8}, {"prev", 8}});
    kernel.declare("vmap_area", {{"va_start", 8},
                                 {"va_end", 8},
                                 {"list", "list_head"},
                                 {"vm", 8},
                                 {"flags", 8}});
    kernel.declare("vm_struct", {{"next", 8},
                                 {"addr", 8},
                                 {"size", 8},
                                 {"flags", 8},
                                 {"pages", 8},
                                 {"page_order", 4},
                                 {"nr_pages", 4},
                                 {"phys_addr", 8},
                                 {"caller", 8}});
    kernel.declare("rb_list", {{"root", 8}, {"head", "list_head"}});
    kernel.declare("vmap_node", {{"busy", "rb_list"}, {"lazy", "rb_list"}});
    head = kernel.allocate(16);
    purgeHead = kernel.allocate(16);
    ring(head, {});
    ring(purgeHead, {});
  }
  VirtAddr area(uint64_t start, uint64_t size, uint64_t flags = 0) {
    VirtAddr at = kernel.allocate("vmap_area");
    kernel.set(at, "vmap_area", "va_start", start);
    kernel.set(at, "vmap_area", "va_end", start + size);
    kernel.set(at, "vmap_area", "flags", flags);
    return at;
  }
  /// With a vm_struct of \p flags; its address.
  VirtAddr describe(VirtAddr areaAt, uint64_t flags) {
    VirtAddr at = kernel.allocate("vm_struct");
    kernel.setWord(at + 8, word(areaAt));
    kernel.setWord(at + 16, word(areaAt + 8) - word(areaAt));
    kernel.set(at, "vm_struct", "flags", flags);
    kernel.set(areaAt, "vmap_area", "vm", at);
    return at;
  }
  uint64_t word(VirtAddr at) { return valueOf(kernel.reader().word(at)); }
  void ring(VirtAddr start, const std::vector<VirtAddr> &areas) {
    VirtAddr last = start;
    for (VirtAddr one : areas) {
      kernel.setWord(last, (one + 16).value);
      kernel.setWord(one + 24, last.value);
      last = one + 16;
    }
    kernel.setWord(last, start.value);
    kernel.setWord(start + 8, last.value);
  }
  llvm::Expected<VmallocList> tryRead() {
    SymbolSources symbols;
    symbols.add(kernel.symbols);
    return readVmallocList(symbols, kernel.types(), kernel.reader());
  }
  VmallocList read() {
    kernel.symbols.add("vmap_area_list", head);
    kernel.symbols.add("purge_vmap_area_list", purgeHead);
    return valueOf(tryRead());
  }

  KernelObjects kernel;
  VirtAddr head, purgeHead;
};

TEST_F(VmallocTest, Empty) {
  EXPECT_THAT(read().areas, IsEmpty());
  EXPECT_THAT(read().problems, IsEmpty());
}

TEST_F(VmallocTest, WhatAnAreaHas) {
  VirtAddr one = area(first, 0x5000), two = area(first + 0x8000, 0x2000),
           ram = area(first + 0x10000, 0x4000, 1),
           dying = area(first + 0x20000, 0x4000, 0),
           lazy = area(first + 0x30000, 0x1000);
  VirtAddr structure = describe(one, VmAlloc);
  kernel.set(structure, "vm_struct", "nr_pages", 4);
  kernel.set(structure, "vm_struct", "caller", 0xffffffff81000010);
  kernel.set(structure, "vm_struct", "pages", first + 0x8000);
  structure = describe(two, VmIoremap);
  kernel.set(structure, "vm_struct", "phys_addr", 0xfed00000);
  kernel.set(structure, "vm_struct", "pages", first - 8);
  ring(head, {one, two, ram, dying});
  ring(purgeHead, {lazy});
  VmallocList list = read();
  EXPECT_THAT(list.problems, IsEmpty());
  ASSERT_EQ(list.areas.size(), 4u);
  EXPECT_EQ(list.areas[0].kind, VmallocArea::Struct);
  EXPECT_EQ(list.areas[0].start, VirtAddr(first));
  EXPECT_EQ(list.areas[0].sizeBytes, 0x5000u);
  EXPECT_EQ(list.areas[0].flags, VmAlloc);
  EXPECT_EQ(list.areas[0].pageCount, 4u);
  EXPECT_EQ(list.areas[0].caller, VirtAddr(0xffffffff81000010));
  EXPECT_TRUE(list.areas[0].hasVmallocedPages);
  EXPECT_EQ(list.areas[1].physical, PhysAddr(0xfed00000));
  EXPECT_FALSE(list.areas[1].hasVmallocedPages);
  EXPECT_EQ(list.areas[2].kind, VmallocArea::MapRam);
  EXPECT_EQ(list.areas[3].kind, VmallocArea::Lazy);
  EXPECT_EQ(list.areas[3].sizeBytes, 0x1000u);
}

TEST_F(VmallocTest, NodesOf69) {
  VirtAddr nodes = kernel.allocate(2 * 48), pointer = kernel.allocate(8),
           count = kernel.allocate(4);
  kernel.setWord(pointer, nodes.value);
  kernel.memory.writeNumber<uint32_t>(kernel.physical(count), 2);
  ring(nodes + 8, {area(first + 0x3000, 0x1000, 1)});
  ring(nodes + 32, {area(first + 0x5000, 0x1000)});
  ring(nodes + 48 + 8, {area(first, 0x1000, 1)});
  ring(nodes + 48 + 32, {});
  kernel.symbols.add("vmap_nodes", pointer);
  EXPECT_THAT(textOf(tryRead()), HasSubstr("nr_vmap_nodes"));
  kernel.symbols.add("nr_vmap_nodes", count);
  VmallocList list = read();
  EXPECT_THAT(list.problems, IsEmpty());
  std::vector<uint64_t> starts;
  for (const VmallocArea &one : list.areas)
    starts.push_back(one.start.value - first);
  EXPECT_THAT(starts, ElementsAre(0x3000, 0, 0x5000));
  kernel.memory.writeNumber<uint32_t>(kernel.physical(count), 0x20000);
  EXPECT_THAT(textOf(tryRead()), HasSubstr("nr_vmap_nodes is 0x20000"));
}

TEST_F(VmallocTest, DamagedAreasAreNamed) {
  VirtAddr backward = area(first, 0x1000), gone = area(first, 0x1000),
           good = area(first + 0x1000, 0x1000, 1);
  kernel.set(backward, "vmap_area", "va_end", first);
  kernel.set(gone, "vmap_area", "vm", 0x1000);
  ring(head, {backward, gone, good});
  VmallocList list = read();
  EXPECT_EQ(list.areas.size(), 1u);
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("it goes from "),
                                         HasSubstr("no vmalloc area at ")));
}

TEST_F(VmallocTest, WithoutTheSymbolOfTheLazyOnes) {
  kernel.symbols.add("vmap_area_list", head);
  EXPECT_THAT(valueOf(tryRead()).problems,
              ElementsAre(HasSubstr("not yet unmapped are not listed")));
}

TEST_F(VmallocTest, WithoutAnySymbol) {
  EXPECT_THAT(textOf(tryRead()), HasSubstr("vmap_area_list"));
}

/// Up to 5.10 what waits to be unmapped is on a chain, which has no head to
/// come back to.
TEST(VmallocPurgeChain, ACircleEnds) {
  KernelObjects kernel;
  kernel.declare("list_head", {{"next", 8}, {"prev", 8}});
  kernel.declare("vmap_area", {{"va_start", 8},
                               {"va_end", 8},
                               {"list", "list_head"},
                               {"vm", 8},
                               {"purge_list", 8}});
  kernel.declare("vm_struct", {{"addr", 8},
                               {"size", 8},
                               {"flags", 8},
                               {"pages", 8},
                               {"nr_pages", 4},
                               {"pad", 4},
                               {"phys_addr", 8},
                               {"caller", 8}});
  const VirtAddr head = kernel.allocate(16), chain = kernel.allocate(8),
                 area = kernel.allocate("vmap_area");
  kernel.setWord(head, head.value);
  kernel.setWord(head + 8, head.value);
  kernel.set(area, "vmap_area", "va_start", first);
  kernel.set(area, "vmap_area", "va_end", first + 0x1000);
  const VirtAddr link = area + 40;
  kernel.setWord(chain, link.value);
  kernel.setWord(link, link.value);
  kernel.symbols.add("vmap_area_list", head);
  kernel.symbols.add("vmap_purge_list", chain);
  SymbolSources symbols;
  symbols.add(kernel.symbols);
  VmallocList list =
      valueOf(readVmallocList(symbols, kernel.types(), kernel.reader()));
  EXPECT_EQ(list.areas.size(), 1u);
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("does not end")));
}

} // namespace
