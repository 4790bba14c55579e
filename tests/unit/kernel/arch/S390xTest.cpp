//===- S390xTest.cpp - finding s390x kernels in built memories ------------===//
#include "paging/modes/S390x.h"

#include "support/BuiltKernel.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr VirtAddr imageAt(0x3ffff800000);
constexpr PhysAddr physicalAt(0x274000);
constexpr VirtAddr oldImageAt(0x400000);
const std::string newKeys = "SYMBOL(lowcore_ptr)=3ffffa00000\n"
                            "IDENTITYBASE=0\n"
                            "KERNELOFFSET=3ffff800000\n"
                            "KERNELOFFPHYS=274000\n";

CpuRegisters makeCpu(uint64_t cr1, uint64_t cr13, uint64_t prefix = 0) {
  CpuRegisters cpu;
  cpu.system = {{"cr1", cr1}, {"cr13", cr13}, {"prefix", prefix}};
  return cpu;
}

void writeBig(BuiltKernel &built, PhysAddr at, uint64_t value) {
  built.memory->writeNumber<uint64_t>(at, byteSwap(value));
}

class EveryKernelDepth : public ::testing::TestWithParam<unsigned> {
protected:
  const PagingMode &mode = *s390x::modes[GetParam()];
  const uint64_t type = s390x::typeOf(mode.lastLevel());
};
INSTANTIATE_TEST_SUITE_P(All, EveryKernelDepth, ::testing::Values(0, 1, 2));

TEST_P(EveryKernelDepth, AControlRegisterTellsRootAndDepth) {
  BuiltKernel built(mode, imageAt, physicalAt);
  const uint64_t asce = built.tables.root().value | type | 3;
  // The first CPU runs a process, and the second is off.
  built.dump.machine.cpus = {makeCpu(0x9990001c7, asce), makeCpu(0, 0)};
  built.dump.vmcoreinfo = built.info("6.12.0", newKeys);
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, mode.name);
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_NE(sourceOf(kernel, "root table").find("control register 13"),
            std::string::npos);
}

TEST_P(EveryKernelDepth, TheLowcoreTellsItWithoutThem) {
  BuiltKernel built(mode, imageAt, physicalAt);
  built.memory->addZeros(PhysAddr(0x6000), 0x2000);
  writeBig(built, PhysAddr(0x6388), built.tables.root().value | type | 3);
  built.dump.machine.cpus = {makeCpu(0, 0, 0x6000)};
  built.dump.vmcoreinfo = built.info("6.12.0");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, mode.name);
  EXPECT_NE(sourceOf(kernel, "root table").find("lowcore"), std::string::npos);
}

TEST_P(EveryKernelDepth, NumbersOfVmcoreinfoLeadToTheRoot) {
  BuiltKernel built(mode, imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info("6.12.0", newKeys);
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, mode.name);
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_NE(sourceOf(kernel, "root table").find("KERNELOFFPHYS"),
            std::string::npos);
}

TEST_P(EveryKernelDepth, TheFixedPointAloneFindsIt) {
  BuiltKernel built(mode, imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info("6.12.0");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.mode.name, mode.name);
  EXPECT_EQ(kernel.root, built.tables.root());
}

TEST(S390xKernel, AnOldKernelIsMappedOneToOne) {
  BuiltKernel built(s390x::regionThird, oldImageAt, PhysAddr(0x400000));
  built.dump.vmcoreinfo = built.info("6.1.0");
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_NE(sourceOf(kernel, "root table").find("one to one"),
            std::string::npos);
}

TEST(S390xKernel, TheLowcoreSaysWhereVmcoreinfoIs) {
  BuiltKernel built(s390x::regionThird, imageAt, physicalAt);
  const std::string text = built.info("6.12.0", newKeys);
  const PhysAddr note(0x90000010); // no start of a page
  built.memory->addZeros(PhysAddr(0), 4096);
  built.memory->addZeros(PhysAddr(0x90000000), 8192);
  writeBig(built, PhysAddr(0xe0c), note.value);
  for (auto [offset, value] :
       {std::pair(0u, 11u), {4u, uint32_t(text.size())}, {8u, 0u}})
    built.memory->writeNumber<uint32_t>(note + offset, byteSwap(value));
  built.memory->writeString(note + 12, "VMCOREINFO");
  built.memory->writeString(note + 24, text);
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(kernel.root, built.tables.root());
  EXPECT_NE(sourceOf(kernel, "VMCOREINFO").find("where the kernel says"),
            std::string::npos);
}

TEST(S390xKernel, WhatTheLowcorePointsToNeedBeNoNote) {
  for (uint64_t value : {uint64_t(0x1234001), uint64_t(0x90000000),
                         ~uint64_t(3), uint64_t(0x274000)}) {
    BuiltKernel built(s390x::regionThird, imageAt, physicalAt);
    built.memory->addZeros(PhysAddr(0), 4096);
    writeBig(built, PhysAddr(0xe0c), value);
    EXPECT_NE(built.failure(), "");
  }
}

/// The array that is allocated: entries of 32 bytes, and a pointer to it.
struct MarkerEntry {
  bool isStart;
  uint64_t start, size;
  const char *name;
};

void addMarkers(BuiltKernel &built, llvm::ArrayRef<MarkerEntry> entries) {
  const uint64_t array = BuiltKernel::dataOffset + 0x1000;
  uint64_t at = array, nameAt = 0x2000;
  for (const MarkerEntry &entry : entries) {
    const uint64_t name =
        entry.name ? built.addString(nameAt, entry.name).value : 0;
    nameAt += 0x40;
    built.addWord<uint32_t>(at, entry.isStart);
    built.addWord<uint64_t>(at + 8, entry.start);
    built.addWord<uint64_t>(at + 16, entry.size);
    built.addWord<uint64_t>(at + 24, name);
    at += 32;
  }
  built.addWord<uint64_t>(BuiltKernel::dataOffset + 0x130,
                          (built.image + array).value);
}

const MarkerEntry all = {true, 0, ~uint64_t(0), nullptr},
                  end = {false, ~uint64_t(0), ~uint64_t(0), nullptr};

TEST(S390xKernel, ItsOwnMarkersAreRead) {
  BuiltKernel built(s390x::regionThird, imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info("6.12.0", newKeys);
  addMarkers(built, {all,
                     {true, 0, 0x8000000, "Identity Mapping"},
                     {true, 0, 0x2000, "Lowcore"},
                     {false, 0x2000, 0x2000, "Lowcore"},
                     {true, 0x371000, 0x3000, "Amode31 Area"},
                     {false, 0x374000, 0x3000, "Amode31 Area"},
                     {false, 0x8000000, 0x8000000, "Identity Mapping"},
                     end});
  KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(markerText(kernel), "0x0 Kernel Virtual Address Space\n"
                                "0x0 Identity Mapping Start\n"
                                "0x0 Lowcore Start\n"
                                "0x2000 Lowcore End\n"
                                "0x371000 Amode31 Area Start\n"
                                "0x374000 Amode31 Area End\n"
                                "0x8000000 Identity Mapping End\n");
  const KernelRegion *direct = kernel.findRegion(Region::DirectMap);
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->last, VirtAddr(0x7ffffff)) << "Lowcore lies in it";
  EXPECT_FALSE(kernel.findRegion(Region::User));
}

TEST(S390xKernel, AnArrayThatIsNotInOrderIsNone) {
  BuiltKernel built(s390x::regionThird, imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info("6.12.0", newKeys);
  addMarkers(built, {all,
                     {true, 0x371000, 0x3000, "Amode31 Area"},
                     {true, 0, 0x2000, "Lowcore"},
                     end});
  EXPECT_FALSE(valueOf(built.find()).dumper);
}

/// Debian's 6.1 kernel has no array. The starts are those of a machine with
/// 1 GiB, by linux v6.1 arch/s390/boot/startup.c.
TEST(S390xKernel, WithoutMarkersAnOldLayoutFollowsFromTheSizeOfRam) {
  BuiltKernel built(s390x::regionThird, oldImageAt, PhysAddr(0x400000));
  built.memory->addZeros(PhysAddr(0x3ffff000), 4096);
  built.dump.vmcoreinfo =
      built.info("6.1.0", "SAMODE31=200000\nEAMODE31=203000\nSIZE(page)=64\n");
  KernelImage kernel = valueOf(built.find());
  const std::string text = markerText(kernel);
  for (const char *line :
       {"0x0 Identity Mapping Start\n", "0x200000 Amode31 Area Start\n",
        "0x401000 Identity Mapping End\n0x401000 Kernel Image Start\n",
        "0x40000000 Identity Mapping End\n",
        "0x37200000000 vmemmap Area Start\n",
        "0x37201000000 vmemmap Area End\n",
        "0x37fffd00000 vmalloc Area Start\n",
        "0x3ff7fd00000 vmalloc Area End\n0x3ff7fd00000 Modules Area Start\n",
        "0x3ffffd00000 Modules Area End\n",
        "0x3ffffdfe000 Lowcore Area Start\n",
        "0x3fffffff000 Real Memory Copy Area Start\n",
        "0x40000000000 Real Memory Copy Area End\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  EXPECT_NE(sourceOf(kernel, "address markers").find("NR_CPUS"),
            std::string::npos);
}

/// The numbers of a machine of 128 MiB; NR_CPUS is what BTF would say, and so
/// the lowcores are larger here.
TEST(S390xKernel, WithoutMarkersANewLayoutFollowsFromVmcoreinfo) {
  BuiltKernel built(s390x::regionThird, imageAt, physicalAt);
  built.memory->addZeros(PhysAddr(0x7fff000), 4096);
  built.dump.vmcoreinfo = built.info(
      "6.12.0", newKeys + "SAMODE31=371000\nEAMODE31=374000\nSIZE(page)=64\n"
                          "NUMBER(VMALLOC_START)=0x37fff800000\n"
                          "SYMBOL(vmemmap)=37200000000\n"
                          "NUMBER(SECTION_SIZE_BITS)=28\n");
  const std::string text = markerText(valueOf(built.find()));
  for (const char *line :
       {"0x0 Kernel Virtual Address Space\n0x0 Identity Mapping Start\n"
        "0x0 Lowcore Start\n0x2000 Lowcore End\n",
        "0x8000000 Identity Mapping End\n", "0x37200400000 vmemmap Area End\n",
        "0x37fff7fe000 Lowcore Area End\n"
        "0x37fff7ff000 Real Memory Copy Area Start\n"
        "0x37fff800000 Real Memory Copy Area End\n"
        "0x37fff800000 vmalloc Area Start\n"
        "0x3ff7f800000 vmalloc Area End\n0x3ff7f800000 Modules Area Start\n"
        "0x3ffff800000 Modules Area End\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
}

/// A process's first entry says how deep its tables are.
TEST(S390xKernel, TasksHaveADepthOfTheirOwn) {
  BuiltKernel built(s390x::regionThird, imageAt, physicalAt);
  built.dump.vmcoreinfo = built.info("6.12.0", newKeys);
  KernelImage kernel = valueOf(built.find());
  for (const PagingMode *mode : s390x::modes) {
    PageTableBuilder task(*built.memory, *mode, PhysAddr(0x8000000));
    task.map(VirtAddr(0x1000), PhysAddr(0x77000), 0x35, mode->lastLevel());
    const PagingMode found = getTaskMode(kernel, *built.memory, task.root());
    EXPECT_EQ(found.name, mode->name);
    EXPECT_TRUE(translate(*built.memory, found, task.root(), VirtAddr(0x1000))
                    .rights(found)
                    .user);
    EXPECT_EQ(lastUserAddress(kernel, found).value,
              mode->levelCount == 5 ? ~uint64_t(0xfff) - 1
                                    : lowBits(mode->virtualBits));
  }
}

std::string regionText(const KernelImage &kernel, Region wanted) {
  std::string text;
  for (const KernelRegion &region : kernel.regions)
    if (region.region == wanted)
      text += hex(region.first) + "-" + hex(region.last) + "\n";
  return text;
}

/// Code that has to lie below 2 GiB, and pages of the CPUs.
TEST(S390xKernel, LowCodeAndLowcoresAreRegions) {
  BuiltKernel built(s390x::regionThird, imageAt, physicalAt);
  built.dump.vmcoreinfo =
      built.info("6.12.0", newKeys + "SAMODE31=371000\nEAMODE31=374000\n"
                                     "NUMBER(VMALLOC_START)=0x37fff800000\n");
  const KernelImage kernel = valueOf(built.find());
  EXPECT_EQ(regionText(kernel, Region::Amode31), "0x371000-0x373fff\n");
  EXPECT_NE(regionText(kernel, Region::Lowcore).find("0x0-0x1fff\n"),
            std::string::npos);
}

/// Before 5.15 VMCOREINFO says it by other names, before 6.1 no marker does.
TEST(S390xKernel, OldKernelsNameTheirLowCodeInVmcoreinfoAlone) {
  const std::pair<const char *, bool> keys[] = {
      {"SDMA=1673000\nEDMA=1676000\n", true},
      {"SAMODE31=1676000\nEAMODE31=1673000\n", false},
      {"SDMA=1676000\nEDMA=1673000\n", false}};
  for (const auto &[text, isSound] : keys) {
    BuiltKernel built(s390x::regionThird, oldImageAt, PhysAddr(0x400000));
    built.dump.vmcoreinfo = built.info("5.10.0", text);
    EXPECT_EQ(regionText(valueOf(built.find()), Region::Amode31)
                      .find("0x1673000-0x1675fff\n") != std::string::npos,
              isSound)
        << text;
  }
}

} // namespace
