//===- LoongArch64Test.cpp - finding LoongArch kernels in built memories --===//
#include "paging/modes/LoongArch64.h"
#include "kernel/pages/NonPresentEntry.h"
#include "paging/modes/Modes.h"

#include "support/BuiltKernel.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t window = loongarch64::cachedWindow;
constexpr PhysAddr imageAt(0x1110000), rootAt(0x1710000);

/// Tables of nothing behind the root, as in the kernel's bss.
struct EmptyKernel {
  explicit EmptyKernel(const PagingMode &m)
      : mode(m), memory(new SparseMemory()) {
    dump.memory.reset(memory);
    dump.machine.arch = Arch::LoongArch64;
    const uint64_t tableBytes = mode.tableBytes(0);
    for (unsigned level = 0; level < mode.levelCount; ++level) {
      const PhysAddr table = tableOf(level);
      memory->addZeros(table, tableBytes);
      for (unsigned i = 0; i < mode.entryCount(level); ++i)
        memory->writeNumber<uint64_t>(table + uint64_t(i) * 8, empty(level));
    }
    memory->addZeros(imageAt, 0x4000);
    dump.vmcoreinfo =
        "OSRELEASE=6.12.0\nPAGESIZE=" + std::to_string(bit(mode.pageShift)) +
        "\nSYMBOL(swapper_pg_dir)=" + hex(window | rootAt.value).substr(2) +
        "\nSYMBOL(_stext)=" + hex(window | imageAt.value).substr(2) +
        "\nNUMBER(VMALLOC_START)=0xffff800082008000\n";
  }
  PhysAddr tableOf(unsigned level) const {
    return rootAt + level * mode.tableBytes(0);
  }
  uint64_t empty(unsigned level) const {
    return level == mode.lastLevel() ? bit(6)
                                     : window | tableOf(level + 1).value;
  }
  llvm::Expected<KernelImage> find() {
    Diagnostics diagnostics;
    return findKernel(dump, *dump.memory, {}, diagnostics);
  }

  const PagingMode mode;
  Dump dump;
  SparseMemory *memory;
};

class EveryLoongArch64Mode
    : public ::testing::TestWithParam<const PagingMode *> {};

TEST_P(EveryLoongArch64Mode, EmptyEntriesProveTheRootAndItsLevels) {
  EmptyKernel built(*GetParam());
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, GetParam()->name);
  EXPECT_EQ(kernel.root, rootAt);
  EXPECT_EQ(kernel.rootDoubt, "");
  EXPECT_NE(sourceOf(kernel, "root table").find("tables of nothing"),
            std::string::npos);
  for (unsigned level = 0; level < kernel.mode.lastLevel(); ++level) {
    EXPECT_TRUE(kernel.mode.isHole(built.empty(level), level));
    EXPECT_TRUE(kernel.mode.isEmpty(built.empty(level), level));
  }
  EXPECT_EQ(kernel.findRegion(Region::DirectMap)->first, VirtAddr(window));
}

TEST_P(EveryLoongArch64Mode, ARootWhoseEntriesDifferIsNotBelieved) {
  EmptyKernel built(*GetParam());
  for (unsigned i = 0; i < built.mode.entryCount(0); ++i)
    built.memory->writeNumber<uint64_t>(rootAt + i * 8, window | i << 16);
  EXPECT_NE(textOf(built.find()), "");
}

TEST_P(EveryLoongArch64Mode, ATableOfNothingWithAPageIsNotBelieved) {
  EmptyKernel built(*GetParam());
  const unsigned last = built.mode.lastLevel();
  built.memory->writeNumber<uint64_t>(built.tableOf(last) + 8, 0x12341d3);
  EXPECT_NE(textOf(built.find()), "");
}

INSTANTIATE_TEST_SUITE_P(All, EveryLoongArch64Mode,
                         ::testing::ValuesIn(getModes(Arch::LoongArch64)),
                         [](const auto &info) {
                           return "Page" +
                                  std::to_string(bit(info.param->pageShift)) +
                                  "Levels" +
                                  std::to_string(info.param->levelCount);
                         });

TEST(LoongArch64Kernel, TheTextAloneNamesTheArchitecture) {
  EmptyKernel built(loongarch64::page16K3);
  built.dump.machine.arch.reset();
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.arch->arch, Arch::LoongArch64);
  EXPECT_EQ(markerText(kernel), "0xffff800000000000 PCI I/O\n"
                                "0xffff800002008000 Modules\n"
                                "0xffff800082008000 vmalloc() Area\n");
}

TEST(LoongArch64Kernel, DirectWindowsNeedNoTable) {
  EmptyKernel built(loongarch64::page16K3);
  KernelImage kernel = valueOf(built.find());
  const AddressSpace space = kernel.addressSpace(*built.memory);
  for (uint64_t base : {uint64_t(8), uint64_t(9), uint64_t(10)}) {
    const Translation found = space.find(VirtAddr(base << 60 | 0x1712345));
    EXPECT_TRUE(found.isDirect());
    EXPECT_EQ(found.address, PhysAddr(0x1712345));
    EXPECT_FALSE(found.rights(kernel.mode).user);
  }
  EXPECT_EQ(space.find(VirtAddr(0x9001000000000000)).outcome,
            Translation::Outcome::NotCovered);
  EXPECT_EQ(space.find(VirtAddr(0xffff800000000000)).outcome,
            Translation::Outcome::NotPresent);
}

TEST(LoongArch64Kernel, SwapEntries) {
  const PagingMode &mode = loongarch64::page16K3;
  const NonPresentRules rules = getNonPresentRules(mode, {6, 12});
  const NonPresentEntry swapped = decodeNonPresent(
      rules, mode, uint64_t(0x105) << 24 | bit(23) | 3 << 16, 2);
  EXPECT_EQ(swapped.kind, EntryKind::Swapped);
  EXPECT_EQ(swapped.swapOffset, 0x105u);
  EXPECT_EQ(swapped.swapType, 3u);
  EXPECT_EQ(decodeNonPresent(rules, mode, 0x12344000 | bit(10), 2).kind,
            EntryKind::ProtNone);
}

} // namespace
