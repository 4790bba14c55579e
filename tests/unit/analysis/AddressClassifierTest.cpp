//===- AddressClassifierTest.cpp - what a faulting address is -------------===//
#include "analysis/AddressClassifier.h"

#include "paging/modes/S390x.h"
#include "support/BuiltKernel.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

/// An s390x kernel: addresses do not tell whose they are.
class S390xAddress : public ::testing::Test {
protected:
  void SetUp() override {
    built.dump.vmcoreinfo =
        built.info("6.12.0", "SYMBOL(lowcore_ptr)=3ffffa00000\nIDENTITYBASE=0\n"
                             "KERNELOFFSET=3ffff800000\n"
                             "KERNELOFFPHYS=274000\n");
    image = valueOf(built.find());
    kernel = valueOf(Kernel::create(image, *built.memory, {}, diagnostics));
    scene.emplace(*kernel, built.dump.machine, crash);
    task.comm = "sh";
    task.pid = 7;
    task.root = process.root();
  }
  AddressFacts classify(uint64_t at, FaultSpace space) {
    crash.space = space;
    crash.address = VirtAddr(at);
    return classifyAddress(*scene, VirtAddr(at), &task, std::nullopt, crash);
  }

  BuiltKernel built{s390x::regionThird, VirtAddr(0x3ffff800000),
                    PhysAddr(0x274000)};
  PageTableBuilder process{*built.memory, s390x::segments, PhysAddr(0x8000000)};
  Diagnostics diagnostics;
  KernelImage image;
  std::unique_ptr<Kernel> kernel;
  Crash crash;
  std::optional<CrashScene> scene;
  Task task;
};

TEST_F(S390xAddress, TheSameNumberIsOfEitherSpace) {
  const uint64_t at = built.image.value + 0x3000;
  EXPECT_EQ(classify(at, FaultSpace::Kernel).what, AddressClass::KernelData);
  EXPECT_EQ(classify(0x2000000, FaultSpace::User).what, AddressClass::User);
  EXPECT_NE(classify(0x2000000, FaultSpace::Kernel).what, AddressClass::User);
}

TEST_F(S390xAddress, EachSpaceHasItsOwnLimit) {
  const AddressFacts ofTask = classify(0x80000000, FaultSpace::User);
  EXPECT_EQ(ofTask.what, AddressClass::BeyondLimit);
  EXPECT_THAT(ofTask.description, HasSubstr("2 levels translate up to "
                                            "0x7fffffff"));
  const AddressFacts ofKernel =
      classify(0x6b6b6b6b6b6b6000, FaultSpace::Kernel);
  EXPECT_EQ(ofKernel.what, AddressClass::BeyondLimit);
  EXPECT_THAT(ofKernel.description, HasSubstr("up to 0x3ffffffffff"));
  EXPECT_NE(classify(0x80000000, FaultSpace::Kernel).what,
            AddressClass::BeyondLimit);
}

TEST_F(S390xAddress, AnUnknownSpaceIsAGap) {
  crash.address = VirtAddr(0x2000000);
  const size_t missing = crash.missing.size();
  judgeSpace(*scene, "the log", crash);
  ASSERT_EQ(crash.missing.size(), missing + 1);
  EXPECT_EQ(crash.missing.back().kind, "address-space");
  EXPECT_TRUE(crash.missing.back().isGap);
  crash.space = FaultSpace::User;
  judgeSpace(*scene, "the log", crash);
  EXPECT_EQ(crash.missing.size(), missing + 1);
  EXPECT_THAT(crash.evidence.back().statement, HasSubstr("the process's"));
}

TEST_F(S390xAddress, WhatIsFetchedIsTheKernels) {
  crash.address = VirtAddr(0x2000000);
  crash.access = FaultAccess::Execute;
  judgeSpace(*scene, "the log", crash);
  EXPECT_EQ(crash.space, FaultSpace::Kernel);
}

TEST_F(S390xAddress, TheProblemStateBitTellsUserCode) {
  CpuRegisters cpu;
  cpu.general = {{"psw_mask", 0x0705100180000000}, {"psw_addr", 0x1000000}};
  EXPECT_TRUE(scene->isUserCode(cpu));
  cpu.general[0].second = 0x0704c00180000000;
  EXPECT_FALSE(scene->isUserCode(cpu));
}

} // namespace
