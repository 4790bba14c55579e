#include "views/Vmalloc.h"

#include "support/ModuleObjects.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

std::string print(const VmallocArea &area, bool hasNode = false) {
  ModuleObjects made(true);
  ModuleList none;
  SymbolSources symbols;
  AddressNames names(symbols, made.kernel.types(), made.kernel.reader(),
                     nullptr, none);
  std::string text;
  llvm::raw_string_ostream os(text);
  printVmallocArea(os, area, names, 8, 16, hasNode);
  return os.str();
}

TEST(VmallocViewTest, Lines) {
  VmallocArea area;
  area.start = VirtAddr(0xffffc90000000000);
  area.sizeBytes = 20480;
  area.kind = VmallocArea::MapRam;
  const std::string range = "0xffffc90000000000-0xffffc90000005000   20480";
  EXPECT_EQ(print(area), range + " vm_map_ram\n");
  area.kind = VmallocArea::Lazy;
  EXPECT_EQ(print(area), range + " unpurged vm_area\n");
  area.kind = VmallocArea::Struct;
  EXPECT_EQ(print(area), range + "\n");
  area.caller = VirtAddr(0xffffffff81000000);
  area.pageCount = 3;
  area.physical = PhysAddr(0xfed00000);
  area.flags = VmAlloc | VmMap | VmUserMap | VmDmaCoherent | VmIoremap |
               VmSparse | VmUninitialized;
  area.hasVmallocedPages = true;
  EXPECT_EQ(print(area, true),
            range + " 0xffffffff81000000 pages=3 phys=0x00000000fed00000 "
                    "ioremap sparse vmalloc vmap user dma-coherent vpages\n");
  area.flags = VmAlloc;
  area.physical = PhysAddr(0);
  area.pageOrder = 1;
  EXPECT_EQ(print(area, true), range + " 0xffffffff81000000 pages=3 vmalloc "
                                       "vpages N0=4\n");
}

} // namespace
