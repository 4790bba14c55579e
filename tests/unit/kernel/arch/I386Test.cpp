//===- I386Test.cpp - finding 32-bit x86 kernels in built memories --------===//
#include "paging/modes/I386.h"
#include "kernel/context/Kernel.h"
#include "paging/modes/Modes.h"

#include "support/BuiltKernel.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t pageOffset = 0xc0000000;
constexpr PhysAddr physicalAt(0x7000000);

BuiltKernel build(const PagingMode &mode, uint64_t offset = pageOffset) {
  return BuiltKernel(mode, VirtAddr(offset + physicalAt.value), physicalAt);
}

TEST(I386Kernel, PaeIsNamedByVmcoreinfo) {
  BuiltKernel built = build(i386::pae);
  built.dump.vmcoreinfo = built.info("6.1.0", "CONFIG_X86_PAE=y\n");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, i386::pae.name);
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_EQ(kernel.wordBytes(), 4u);
  EXPECT_EQ(sourceOf(kernel, "paging mode"), "VMCOREINFO CONFIG_X86_PAE");
}

TEST(I386Kernel, WithoutPaeThereAreTwoLevels) {
  BuiltKernel built = build(i386::twoLevel);
  built.dump.vmcoreinfo = built.info("6.1.0");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, i386::twoLevel.name);
  EXPECT_EQ(kernel.root, built.tables.root());
}

TEST(I386Kernel, EachSplitOfTheAddressSpaceIsTried) {
  for (uint64_t split :
       {0xc0000000u, 0xb0000000u, 0x80000000u, 0x78000000u, 0x40000000u}) {
    for (const PagingMode *mode : getModes(Arch::I386)) {
      BuiltKernel built = build(*mode, split);
      built.dump.vmcoreinfo = built.info("6.1.0");
      KernelImage kernel = valueOf(built.find());
      EXPECT_EQ(kernel.root, built.tables.root()) << hex(split);
      EXPECT_EQ(kernel.mode.name, mode->name);
      EXPECT_NE(sourceOf(kernel, "root table").find(hex(split)),
                std::string::npos);
      EXPECT_EQ(markerText(kernel),
                "0x0 User Space\n" + hex(split) + " Kernel Mapping\n");
      EXPECT_EQ(kernel.arch->lastUserAddress(kernel), VirtAddr(split - 1));
    }
  }
}

TEST(I386Kernel, ARootAboveFourGibibytesIsFoundByTheFixedPoint) {
  BuiltKernel built(i386::pae, VirtAddr(0xc7000000), PhysAddr(0x3'07000000));
  built.dump.vmcoreinfo = built.info("6.1.0", "CONFIG_X86_PAE=y\n");
  EXPECT_EQ(valueOf(built.find()).root, built.tables.root());
}

TEST(I386Kernel, A64BitContainerIsNotBelievedAgainstTheText) {
  for (bool silent : {false, true}) {
    BuiltKernel built = build(i386::pae);
    if (silent)
      built.dump.machine.arch.reset();
    else
      built.dump.machine.arch = Arch::X86_64;
    built.dump.vmcoreinfo = built.info("6.1.0", "CONFIG_X86_PAE=y\n");
    KernelImage kernel = valueOf(built.find());
    EXPECT_EQ(kernel.arch->arch, Arch::I386);
    EXPECT_EQ(kernel.root, built.tables.root());
  }
}

TEST(I386Kernel, ItsOwnMarkersAreThreeWordsEach) {
  BuiltKernel built = build(i386::pae);
  built.dump.vmcoreinfo = built.info("6.1.0", "CONFIG_X86_PAE=y\n");
  const struct {
    const char *name;
    uint32_t start, maxLines;
  } sections[] = {{"User Space", 0, 0},
                  {"Kernel Mapping", 0xc0000000, 0},
                  {"Fixmap area", 0xffd36000, 7}};
  uint64_t at = BuiltKernel::dataOffset + 0x124, name = 0x2003;
  for (const auto &section : sections) {
    built.addWord<uint32_t>(at, section.start);
    built.addWord<uint32_t>(at + 4, built.addString(name, section.name).value);
    built.addWord<uint32_t>(at + 8, section.maxLines);
    at += 12;
    name += 0x21;
  }
  built.addWord<uint32_t>(at, 0xffffffff);
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(markerText(kernel), "0x0 User Space\n"
                                "0xc0000000 Kernel Mapping\n"
                                "0xffd36000 Fixmap area\n");
  EXPECT_EQ(kernel.markers[2].maxLines, 7u);
}

TEST(I386Kernel, ARegisterNamesARootOfThirtyTwoBytes) {
  BuiltKernel built = build(i386::pae);
  CpuRegisters cpu;
  cpu.system = {{"cr3", 0x1d160e0 | 0x18}, {"cr4", bit(5)}};
  built.dump.machine.cpus.push_back(cpu);
  built.memory->writeNumber<uint32_t>(PhysAddr(0x1d16000), 0x67);
  // Both roots map a large page at 0xc0000000.
  built.memory->writeNumber<uint64_t>(PhysAddr(0x1d160e0 + 3 * 8), 0x1000 | 1);
  built.memory->writeNumber<uint64_t>(PhysAddr(0x1000), 0xe3);
  built.memory->writeNumber<uint32_t>(PhysAddr(0x1d16000 + 0x300 * 4), 0xe3);
  KernelImage kernel = valueOf(built.find()); // there is no VMCOREINFO
  EXPECT_EQ(kernel.mode.name, i386::pae.name);
  EXPECT_EQ(kernel.root, PhysAddr(0x1d160e0));
  built.dump.machine.cpus[0].system[1].second = 0;
  kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, i386::twoLevel.name);
  EXPECT_EQ(kernel.root, PhysAddr(0x1d16000));
}

/// A task's root is not at the distance of the kernel's symbol.
TEST(I386Kernel, ATasksRootSaysNothingOfThePageOffset) {
  for (uint64_t split : {0xc0000000u, 0x80000000u}) {
    BuiltKernel built = build(i386::pae, split);
    built.dump.vmcoreinfo = built.info("6.1.0", "CONFIG_X86_PAE=y\n");
    built.memory->setAbsent(built.tables.root(), Absence::Truncated);
    CpuRegisters cpu;
    cpu.system = {{"cr3", 0x1d160e0}, {"cr4", bit(5)}};
    built.dump.machine.cpus.push_back(cpu);
    built.memory->writeNumber<uint64_t>(PhysAddr(0x1d160e0 + 3 * 8), 0x1001);
    built.memory->writeNumber<uint64_t>(PhysAddr(0x1000), 0xe3);
    const KernelImage kernel = valueOf(built.find());
    EXPECT_TRUE(kernel.rootIsOfTask);
    EXPECT_EQ(markerText(kernel),
              "0x0 User Space\n" + hex(split) + " Kernel Mapping\n");
  }
}

TEST(I386Kernel, WhatMapsNoKernelStandsForNone) {
  BuiltKernel built = build(i386::pae);
  CpuRegisters cpu;
  cpu.system = {{"cr3", 0x1d160e0}, {"cr4", bit(5)}};
  built.dump.machine.cpus.push_back(cpu);
  built.memory->writeNumber<uint64_t>(PhysAddr(0x1d160e0), 0x1000 | 1);
  built.memory->writeNumber<uint64_t>(PhysAddr(0x1000), 0xe7); // user space
  EXPECT_NE(textOf(built.find()).find("no kernel page tables"),
            std::string::npos);
}

TEST(I386Kernel, ASixtyFourBitAddressIsNoneOfItsOwn) {
  BuiltKernel built = build(i386::pae);
  // Cut to 32 bits it would fit.
  built.dump.vmcoreinfo = "OSRELEASE=6.1.0\nSYMBOL(swapper_pg_dir)=ffffffff" +
                          hex(built.image + BuiltKernel::rootOffset).substr(2) +
                          "\n";
  EXPECT_NE(built.failure().find("to itself as the root of i386 tables"),
            std::string::npos)
      << built.failure();
}

TEST(I386Kernel, TheUsersRootIsTheOneBesideThatAgreesOnUserSpace) {
  BuiltKernel built = build(i386::pae);
  built.dump.vmcoreinfo = built.info("6.1.0", "CONFIG_X86_PAE=y\n");
  KernelImage kernel = valueOf(built.find());
  Diagnostics diagnostics;
  auto debug =
      valueOf(Kernel::create(kernel, *built.dump.memory, {}, diagnostics));
  const PhysAddr root(0x100000), beside(0x101000);
  auto set = [&](PhysAddr table, unsigned index, uint64_t entry) {
    built.memory->writeNumber<uint64_t>(table + 8 * index, entry);
  };
  set(root, 0, 0x200001);
  set(root, 3, 0x203001);
  EXPECT_EQ(kernel.arch->userRoot(*debug, root), root) << "nothing is there";
  set(beside, 0, 0x200021); // accessed
  set(beside, 3, 0x204001); // the kernel's quarter is another
  EXPECT_EQ(kernel.arch->userRoot(*debug, root), beside);
  EXPECT_EQ(kernel.arch->userRoot(*debug, beside), beside);
  set(beside, 2, 0x205001);
  EXPECT_EQ(kernel.arch->userRoot(*debug, root), root) << "something else";
}

} // namespace
