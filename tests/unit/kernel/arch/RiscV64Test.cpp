//===- RiscV64Test.cpp - finding RISC-V kernels in built memories ---------===//
#include "paging/modes/RiscV64.h"
#include "paging/modes/Modes.h"

#include "support/BuiltKernel.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr VirtAddr imageAt(0xffffffff80000000);
constexpr PhysAddr physicalAt(0x80200000);

class EveryRiscV64Mode : public ::testing::TestWithParam<const PagingMode *> {};

TEST_P(EveryRiscV64Mode, TheFixedPointAloneFindsRootAndMode) {
  BuiltKernel built(*GetParam(), imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info("6.1.176");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, GetParam()->name);
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_NE(sourceOf(kernel, "root table").find("found"), std::string::npos);
}

TEST_P(EveryRiscV64Mode, NeitherNoteNorContainerNameAreNeeded) {
  BuiltKernel built(*GetParam(), imageAt, physicalAt);
  built.dump.machine.arch.reset();
  built.memory->writeString(PhysAddr(0x90000000), built.info("6.1.176"));
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.arch->arch, Arch::RiscV64);
  EXPECT_EQ(kernel.mode.name, GetParam()->name);
  EXPECT_EQ(kernel.root, built.tables.root());
}

TEST_P(EveryRiscV64Mode, IsFoundByFormulaWhereVmcoreinfoHasTheKeys) {
  BuiltKernel built(*GetParam(), imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info(
      "6.12.0", "NUMBER(VA_BITS)=" + std::to_string(GetParam()->virtualBits) +
                    "\nNUMBER(va_kernel_pa_offset)=" +
                    hex(imageAt.value - physicalAt.value) + "\n");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, GetParam()->name);
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_NE(sourceOf(kernel, "root table").find("va_kernel_pa_offset"),
            std::string::npos);
  EXPECT_NE(sourceOf(kernel, "paging mode").find("VA_BITS"), std::string::npos);
}

TEST_P(EveryRiscV64Mode, SatpTellsTheMode) {
  BuiltKernel built(*GetParam(), imageAt, physicalAt);
  const uint64_t satp = uint64_t(GetParam()->levelCount + 5) << 60 | 0x80300;
  built.dump.vmcoreinfo = built.info(
      "7.2.0", "NUMBER(satp)=" + hex(satp) + "\nNUMBER(va_kernel_pa_offset)=" +
                   hex(imageAt.value - physicalAt.value) + "\n");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, GetParam()->name);
  EXPECT_NE(sourceOf(kernel, "paging mode").find("satp"), std::string::npos);
}

/// Where the tables that would confirm the root are cut off, all modes look
/// alike but for the pointers in the image.
TEST_P(EveryRiscV64Mode, PointersTellTheModeOfAnUnconfirmedRoot) {
  const uint64_t directMap = GetParam()->levelCount == 5   ? 0xff60000000000000
                             : GetParam()->levelCount == 4 ? 0xffffaf8000000000
                                                           : 0xffffffd800000000;
  for (bool hasPointers : {true, false}) {
    BuiltKernel built(*GetParam(), imageAt, physicalAt);
    built.dump.vmcoreinfo = built.info(
        "6.1.176", "SYMBOL(init_uts_ns)=" +
                       hex(imageAt + BuiltKernel::dataOffset).substr(2) + "\n");
    built.memory->writeString(physicalAt + BuiltKernel::dataOffset, "Linux");
    built.memory->writeString(physicalAt + BuiltKernel::dataOffset + 130,
                              "6.1.176");
    built.memory->setAbsent(physicalAt + BuiltKernel::imageBytes,
                            Absence::Truncated);
    for (uint64_t i = 0; hasPointers && i < 100; ++i)
      built.addWord<uint64_t>(BuiltKernel::dataOffset + 0x1000 + 8 * i,
                              directMap + i * 0x12340);
    KernelImage kernel = valueOf(built.find());
    EXPECT_NE(kernel.rootDoubt.find("unconfirmed"), std::string::npos);
    // The short tables of Sv39 are none of the other modes'.
    EXPECT_EQ(kernel.rootDoubt.find("is a guess") != std::string::npos,
              !hasPointers && GetParam()->levelCount > 3);
    if (!hasPointers)
      continue;
    EXPECT_EQ(kernel.mode.name, GetParam()->name);
    EXPECT_NE(sourceOf(kernel, "paging mode").find("100 pointers"),
              std::string::npos);
    // They tell the architecture, too, where the container does not.
    built.dump.machine.arch.reset();
    EXPECT_EQ(valueOf(built.find()).mode.name, GetParam()->name);
  }
}

std::string nameOf(const ::testing::TestParamInfo<const PagingMode *> &info) {
  return "Sv" + std::to_string(info.param->virtualBits);
}
INSTANTIATE_TEST_SUITE_P(All, EveryRiscV64Mode,
                         ::testing::ValuesIn(getModes(Arch::RiscV64)), nameOf);

/// What 6.0 and 6.5 added to VMCOREINFO, for programs that want it.
TEST(RiscV64Kernel, LaterKeysAreWhatWasFound) {
  BuiltKernel built(riscv64::sv48, imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info("5.17.0", "NUMBER(VA_BITS)=48\n");
  KernelImage kernel = valueOf(built.find());
  const uint64_t pageOffset = 0xffffaf8000000000;
  const std::string keys =
      kernel.arch->laterKeys(kernel, pageOffset - 0x80000000);
  auto has = [&](const char *line) {
    return keys.find(line) != std::string::npos;
  };
  EXPECT_FALSE(has("VA_BITS")) << "is there already";
  EXPECT_TRUE(has("NUMBER(phys_ram_base)=2147483648\n")) << keys;
  EXPECT_TRUE(has("NUMBER(PAGE_OFFSET)=0xffffaf8000000000\n")) << keys;
  EXPECT_TRUE(has("NUMBER(VMALLOC_END)=0xffffaf8000000000\n")) << keys;
  EXPECT_TRUE(has("NUMBER(va_kernel_pa_offset)=0xfffffffeffe00000\n")) << keys;
}

TEST(RiscV64Kernel, AFalseFormulaIsNotBelieved) {
  BuiltKernel built(riscv64::sv48, imageAt, physicalAt);
  built.dump.vmcoreinfo =
      built.info("6.12.0", "NUMBER(VA_BITS)=39\n"
                           "NUMBER(va_kernel_pa_offset)=0xffffffff00000000\n");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, riscv64::sv48.name);
  EXPECT_EQ(kernel.root, built.tables.root());
}

/// Writes address_markers[] of two sections into the image.
void addMarkerArray(BuiltKernel &built) {
  const uint64_t array = BuiltKernel::dataOffset + 0x448;
  const char *names[] = {"Fixmap start", "Fixmap end"};
  for (unsigned i = 0; i < 2; ++i) {
    VirtAddr name = built.addString(0x2001 + i * 0x40, names[i]);
    built.addWord<uint64_t>(array + i * 16, 0xffffffc6fea00000 + i * 0x600000);
    built.addWord<uint64_t>(array + i * 16 + 8, name.value);
  }
  built.addWord<uint64_t>(array + 32, ~uint64_t(0));
}

TEST(RiscV64Kernel, ItsOwnMarkersAndFormatStringsAreRead) {
  for (bool isNew : {false, true}) {
    BuiltKernel built(riscv64::sv39, imageAt, physicalAt);
    built.dump.vmcoreinfo = built.info("6.6.0");
    addMarkerArray(built);
    built.addString(0x3000, isNew ? "RSW(%d)" : "RSW");
    KernelImage kernel = valueOf(built.find());
    EXPECT_EQ(markerText(kernel), "0xffffffc6fea00000 Fixmap start\n"
                                  "0xffffffc6ff000000 Fixmap end\n");
    ASSERT_TRUE(kernel.dumper);
    EXPECT_EQ(kernel.dumper->wordsRswAsNumber, isNew);
  }
}

TEST(RiscV64Kernel, AKernelInTheLinearMapIsSearchedToo) { // up to 5.12
  BuiltKernel built(riscv64::sv39, VirtAddr(0xffffffe000000000), physicalAt);
  built.dump.vmcoreinfo = built.info("5.10.0");
  addMarkerArray(built);
  EXPECT_EQ(valueOf(built.find()).markers.size(), 2u);
}

std::string markersByFormula(const PagingMode &mode, llvm::StringRef release,
                             llvm::StringRef keys) {
  BuiltKernel built(mode, imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info(release, keys);
  KernelImage kernel = valueOf(built.find());
  EXPECT_FALSE(kernel.dumper);
  return markerText(kernel);
}

// The starts are those of the kernels' own arrays in captured dumps, but for
// the modules', which need the image's end.
TEST(RiscV64Kernel, MarkersOfAKernelWithoutPtdumpByFormula) {
  EXPECT_EQ(markersByFormula(riscv64::sv39, "6.1.0", "SIZE(page)=56\n"),
            "0xffffffc6fea00000 Fixmap start\n"
            "0xffffffc6ff000000 Fixmap end\n"
            "0xffffffc6ff000000 PCI I/O start\n"
            "0xffffffc700000000 PCI I/O end\n"
            "0xffffffc700000000 vmemmap start\n"
            "0xffffffc800000000 vmemmap end\n"
            "0xffffffc800000000 vmalloc() area\n"
            "0xffffffd800000000 vmalloc() end\n"
            "0xffffffd800000000 Linear mapping\n"
            "0xffffffff00000000 Modules/BPF mapping\n"
            "0xffffffff80000000 Kernel mapping\n");
  std::string sv57 =
      markersByFormula(riscv64::sv57, "6.1.0", "SIZE(page)=64\n");
  EXPECT_EQ(sv57.substr(0, sv57.find("0xffffffff")),
            "0xff1bfffffea00000 Fixmap start\n"
            "0xff1bffffff000000 Fixmap end\n"
            "0xff1bffffff000000 PCI I/O start\n"
            "0xff1c000000000000 PCI I/O end\n"
            "0xff1c000000000000 vmemmap start\n"
            "0xff20000000000000 vmemmap end\n"
            "0xff20000000000000 vmalloc() area\n"
            "0xff60000000000000 vmalloc() end\n"
            "0xff60000000000000 Linear mapping\n");
}

TEST(RiscV64Kernel, VmcoreinfosNumbersGoBeforeTheFormulas) {
  EXPECT_EQ(markersByFormula(riscv64::sv48, "7.2.0",
                             "NUMBER(PAGE_OFFSET)=0xffffaf8000000000\n"
                             "NUMBER(VMALLOC_START)=0xffff8f8000000000\n"
                             "NUMBER(VMALLOC_END)=0xffffaf8000000000\n"
                             "NUMBER(VMEMMAP_START)=0xffff8d8000000000\n"
                             "NUMBER(VMEMMAP_END)=0xffff8f8000000000\n"
                             "NUMBER(MODULES_VADDR)=0xffffffff00ace000\n"
                             "NUMBER(KERNEL_LINK_ADDR)=0xffffffff80000000\n"
                             "KERNELOFFSET=1e00000\n"),
            "0xffff8d7ffea00000 Fixmap start\n"
            "0xffff8d7fff000000 Fixmap end\n"
            "0xffff8d7fff000000 PCI I/O start\n"
            "0xffff8d8000000000 PCI I/O end\n"
            "0xffff8d8000000000 vmemmap start\n"
            "0xffff8f8000000000 vmemmap end\n"
            "0xffff8f8000000000 vmalloc() area\n"
            "0xffffaf8000000000 vmalloc() end\n"
            "0xffffaf8000000000 Linear mapping\n"
            "0xffffffff00ace000 Modules/BPF mapping\n"
            "0xffffffff81e00000 Kernel mapping\n");
}

TEST(RiscV64Kernel, HostileNumbersEndInAnErrorOrAListing) {
  for (const char *keys :
       {"SIZE(page)=18446744073709551615\n", "NUMBER(VA_BITS)=64\n",
        "NUMBER(satp)=0xffffffffffffffff\n",
        "NUMBER(va_kernel_pa_offset)=-1\nSYMBOL(_stext)=0\n",
        "SYMBOL(_stext)=ffffffffffffffff\n"}) {
    BuiltKernel built(riscv64::sv39, imageAt, physicalAt);
    built.dump.vmcoreinfo = built.info("6.12.0", keys);
    EXPECT_EQ(valueOf(built.find()).root, built.tables.root()) << keys;
  }
}

} // namespace
