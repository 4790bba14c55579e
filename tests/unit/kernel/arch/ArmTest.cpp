//===- ArmTest.cpp - finding 32-bit Arm kernels in built memories ---------===//
#include "paging/modes/Arm.h"
#include "kernel/context/Kernel.h"
#include "kernel/pages/NonPresentEntry.h"
#include "paging/modes/Modes.h"

#include "support/BuiltKernel.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr PhysAddr ramAt(0x40000000);

/// At the start of RAM, and the text behind the top table.
BuiltKernel build(const PagingMode &mode, uint64_t pageOffset = 0xc0000000,
                  PhysAddr start = ramAt) {
  return BuiltKernel(mode, VirtAddr(pageOffset), start);
}

std::string info(const BuiltKernel &built, llvm::StringRef keys = "") {
  const uint64_t text = built.image.value + BuiltKernel::dataOffset;
  return ("OSRELEASE=6.12.0\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=" +
          hex(built.image + BuiltKernel::rootOffset).substr(2) +
          "\nSYMBOL(_stext)=" + hex(text).substr(2) + "\n" +
          (built.tables.mode().entryBytes == 8 ? "CONFIG_ARM_LPAE=y\n" : "") +
          keys)
      .str();
}

class EveryArmMode : public ::testing::TestWithParam<const PagingMode *> {};

TEST_P(EveryArmMode, IsFoundWhereverRamStarts) {
  for (uint64_t split : {0xc0000000u, 0xb0000000u, 0x80000000u, 0x40000000u})
    for (uint64_t start : {0x0u, 0x40000000u, 0x80000000u}) {
      BuiltKernel built = build(*GetParam(), split, PhysAddr(start));
      built.dump.vmcoreinfo = info(built);
      KernelImage kernel = valueOf(built.find());
      EXPECT_EQ(kernel.root, built.tables.root()) << hex(split) << hex(start);
      EXPECT_EQ(kernel.mode.name, GetParam()->name);
      EXPECT_EQ(kernel.arch->lastUserAddress(kernel),
                VirtAddr(split - 0x1000000 - 1))
          << "TASK_SIZE";
      EXPECT_EQ(kernel.findRegion(Region::DirectMap)->first, VirtAddr(split));
    }
}

TEST_P(EveryArmMode, TheTextAloneNamesTheArchitecture) {
  BuiltKernel built = build(*GetParam());
  built.dump.machine.arch.reset();
  built.memory->writeString(PhysAddr(0x40300000 + 0x100000), info(built));
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.arch->arch, Arch::Arm);
  EXPECT_EQ(kernel.root, built.tables.root());
}

TEST_P(EveryArmMode, ItsOwnMarkersAndFormatStringsAreRead) {
  BuiltKernel built = build(*GetParam());
  built.dump.vmcoreinfo = info(built);
  const uint64_t array = BuiltKernel::dataOffset + 0x448;
  const struct {
    uint64_t start;
    const char *name;
  } rows[] = {{0xbf000000, "Modules"}, {0xc0000000, "Kernel Mapping"}};
  for (unsigned i = 0; i < 2; ++i) {
    built.addWord<uint32_t>(array + i * 8, rows[i].start);
    built.addWord<uint32_t>(
        array + i * 8 + 4,
        built.addString(0x2001 + i * 0x40, rows[i].name).value);
  }
  built.addWord<uint32_t>(array + 16, ~0u);
  built.addString(0x3000, "%9lu%c %s");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(markerText(kernel),
            "0xbf000000 Modules\n0xc0000000 Kernel Mapping\n");
  ASSERT_TRUE(kernel.dumper);
  EXPECT_EQ(kernel.dumper->wordsLevel, true);
  EXPECT_EQ(kernel.dumper->wordsDomain, false);
  // One of the texts is enough.
  built.addString(0x3000, "%9lu%c Xs");
  built.addString(0x3010, "VECTORS");
  kernel = valueOf(built.find());
  EXPECT_EQ(kernel.dumper->wordsLevel, true);
  EXPECT_EQ(kernel.dumper->wordsDomain, true);
  built.addString(0x3000, "%9lu%c");
  EXPECT_EQ(valueOf(built.find()).dumper->wordsLevel, false);
}

/// The linear map ends at 3 MiB: high_memory + 8 MiB, rounded down to 8 MiB.
TEST_P(EveryArmMode, MarkersOfAKernelWithoutPtdump) {
  BuiltKernel built = build(*GetParam());
  built.dump.vmcoreinfo = info(built);
  const char *rest = "0xff800000 FDT Area\n0xffc80000 Fixmap Area\n"
                     "0xffff0000 Vectors\n0xffff2000 Vectors End\n";
  EXPECT_EQ(markerText(valueOf(built.find())),
            std::string("0xbf000000 Modules\n0xc0000000 Kernel Mapping\n"
                        "0xc0800000 vmalloc() Area\n") +
                rest);
  built.dump.vmcoreinfo = info(built, "NUMBER(VMALLOC_START)=0xc8800000\n");
  EXPECT_EQ(markerText(valueOf(built.find())),
            std::string("0xbf000000 Modules\n0xc0000000 Kernel Mapping\n"
                        "0xc8800000 vmalloc() Area\n") +
                rest);
}

std::string nameOf(const ::testing::TestParamInfo<const PagingMode *> &info) {
  return info.param->entryBytes == 8 ? "Lpae" : "Short";
}
INSTANTIATE_TEST_SUITE_P(All, EveryArmMode,
                         ::testing::ValuesIn(getModes(Arch::Arm)), nameOf);

TEST(ArmKernel, AStartOfRamThatIsNotInTheDumpIsFoundByTheFixedPoint) {
  BuiltKernel built(arm::lpae, VirtAddr(0xc8000000), PhysAddr(0x48000000));
  built.dump.vmcoreinfo = info(built);
  EXPECT_EQ(valueOf(built.find()).root, built.tables.root());
}

// Linux's entries in both formats; raw 0x8280 is of a guest with 6.1.
TEST(ArmKernel, SwapEntriesByVersion) {
  for (const PagingMode *mode : getModes(Arch::Arm)) {
    const unsigned last = mode->lastLevel();
    NonPresentEntry old = decodeNonPresent(getNonPresentRules(*mode, {6, 1}),
                                           *mode, 0x8280, last);
    EXPECT_EQ(old.kind, EntryKind::Swapped);
    EXPECT_EQ(old.swapType, 0u);
    EXPECT_EQ(old.swapOffset, 0x105u);
    NonPresentEntry exclusive = decodeNonPresent(
        getNonPresentRules(*mode, {6, 12}), *mode, 0x105 << 8 | 0x80 | 4, last);
    EXPECT_EQ(exclusive.kind, EntryKind::Swapped);
    EXPECT_EQ(exclusive.swapType, 1u);
    EXPECT_EQ(exclusive.swapOffset, 0x105u);
  }
}

/// A swap offset may have the bit that makes a present entry PROT_NONE.
TEST(ArmKernel, ProtNonePagesAreNoSwapEntries) {
  const PagingMode &mode = arm::shortDescriptors;
  const NonPresentRules rules = getNonPresentRules(mode, {6, 12});
  EXPECT_EQ(decodeNonPresent(rules, mode, 0x41234acb, 1).kind,
            EntryKind::ProtNone);
  EXPECT_EQ(decodeNonPresent(rules, mode, 0x41234acb, 1).address,
            PhysAddr(0x41234000));
  EXPECT_EQ(decodeNonPresent(rules, mode, 0x41234880, 1).kind,
            EntryKind::Swapped);
  const NonPresentRules lpae = getNonPresentRules(arm::lpae, {6, 12});
  EXPECT_EQ(decodeNonPresent(lpae, arm::lpae, bit(57) | 0x41234742, 2).kind,
            EntryKind::ProtNone);
}

} // namespace
