//===- X86_64Test.cpp - finding x86-64 kernels in built memories ----------===//
#include "paging/modes/X86_64.h"
#include "paging/modes/Modes.h"

#include "support/BuiltKernel.h"
#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

constexpr uint64_t startKernelMap = 0xffffffff80000000;
constexpr uint64_t linkOffset = 0x1000000;

class EveryX86_64Mode : public ::testing::TestWithParam<const PagingMode *> {
protected:
  /// Linked at 16 MiB, and loaded \p physBase away from there.
  static BuiltKernel build(int64_t physBase = 0) {
    return BuiltKernel(*GetParam(), VirtAddr(startKernelMap + linkOffset),
                       PhysAddr(linkOffset + uint64_t(physBase)));
  }
  static bool hasFiveLevels() { return GetParam()->levelCount == 5; }
};

TEST_P(EveryX86_64Mode, IsNamedByVmcoreinfo) {
  BuiltKernel built = build();
  built.dump.vmcoreinfo =
      built.info("6.1.0", "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=" +
                              std::to_string(hasFiveLevels()) + "\n");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, GetParam()->name);
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_THAT(sourceOf(kernel, "paging mode"), HasSubstr("pgtable_l5_enabled"));
}

TEST_P(EveryX86_64Mode, IsNamedByCr4) {
  BuiltKernel built = build();
  CpuRegisters cpu;
  cpu.system = {{"cr4", hasFiveLevels() ? 0x10f0 : 0xf0}};
  built.dump.machine.cpus = {cpu};
  built.dump.vmcoreinfo = built.info("6.1.0", "NUMBER(phys_base)=0\n");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, GetParam()->name);
  EXPECT_THAT(sourceOf(kernel, "paging mode"), HasSubstr("CR4.LA57"));
}

TEST_P(EveryX86_64Mode, PhysBaseMayBeNegative) {
  for (int64_t physBase : {-0x800000, 0x200000}) {
    BuiltKernel built = build(physBase);
    built.dump.vmcoreinfo =
        built.info("6.1.0", "NUMBER(phys_base)=" + std::to_string(physBase) +
                                "\nNUMBER(pgtable_l5_enabled)=" +
                                std::to_string(hasFiveLevels()) + "\n");
    KernelImage kernel = valueOf(built.find());
    EXPECT_EQ(kernel.root, built.tables.root());
    EXPECT_THAT(sourceOf(kernel, "root table"), HasSubstr("phys_base"));
  }
}

TEST_P(EveryX86_64Mode, TheUserHalfEndsWhereTheModeSays) {
  BuiltKernel built = build();
  built.dump.vmcoreinfo = built.info(
      "6.1.0",
      "NUMBER(pgtable_l5_enabled)=" + std::to_string(hasFiveLevels()) + "\n");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(
      kernel.arch->lastUserAddress(kernel),
      VirtAddr(hasFiveLevels() ? 0x00ffffffffffffff : 0x00007fffffffffff));
}

INSTANTIATE_TEST_SUITE_P(All, EveryX86_64Mode,
                         ::testing::ValuesIn(getModes(Arch::X86_64)),
                         [](const auto &info) {
                           return std::to_string(info.param->levelCount) +
                                  "Level";
                         });

TEST(X86_64Kernel, TheEncryptionBitIsNoAddressBit) {
  BuiltKernel built(x86_64::fourLevel, VirtAddr(startKernelMap + linkOffset),
                    PhysAddr(linkOffset));
  built.dump.vmcoreinfo = built.info(
      "6.1.0", "NUMBER(phys_base)=0\nNUMBER(sme_mask)=140737488355328\n");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.rootAddressBits().all(), bits(51, 12) & ~bit(47));
}

} // namespace
