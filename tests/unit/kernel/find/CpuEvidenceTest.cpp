// Which kernel a CPU runs, by the registers of each architecture.
#include "kernel/find/CpuEvidence.h"

#include "kernel/find/KernelArch.h"
#include "paging/modes/Modes.h"

#include "support/BuiltKernel.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// A kernel in the last gigabyte that its table has, all of it executable.
class EveryArch : public ::testing::TestWithParam<const KernelArch *> {
protected:
  const KernelArch &arch = *GetParam();
  const PagingMode &mode = *getModes(arch.arch).front();
  const VirtAddr image = VirtAddr(mode.coverage.last().value - lowBits(30));
  BuiltKernel built{mode, image, PhysAddr(0x400000)};
  const RootPlace place{arch, mode, built.tables.root(),
                        image + BuiltKernel::rootOffset};
  CpuRegisters cpu;

  CpuEvidence ask(VirtAddr counter) {
    Machine machine;
    cpu.general.push_back({arch.crash->ipRegister.str(), counter.value});
    machine.cpus = {cpu};
    cpu = {};
    return askCpus(machine, *built.memory, place);
  }
  bool isExecutable() const {
    return translate(*built.memory, mode, built.tables.root(), image)
        .rights(mode)
        .executable;
  }
};
INSTANTIATE_TEST_SUITE_P(All, EveryArch, ::testing::ValuesIn(getKernelArchs()),
                         [](const auto &info) {
                           return getArchName(info.param->arch).str();
                         });

TEST_P(EveryArch, ACounterInTheImageIsOfThisKernel) {
  const CpuEvidence found = ask(image + 0x1234);
  EXPECT_EQ(found.here.size(), isExecutable());
  for (const std::string &sentence : found.here)
    EXPECT_EQ(sentence,
              arch.crash->ipRegister.str() + " of CPU 0 is code of its image");
  EXPECT_TRUE(found.elsewhere.empty());
  EXPECT_FALSE(found.isByRoot);
}

/// Where spaces overlap it may be an address of user code, or physical.
TEST_P(EveryArch, ACounterWhereNothingIsMappedIsOfAnother) {
  const CpuEvidence found = ask(image + BuiltKernel::imageBytes + 0x100000);
  EXPECT_TRUE(found.here.empty());
  EXPECT_EQ(found.elsewhere.size(), !arch.spacesOverlap);
}

TEST_P(EveryArch, UserCodeSaysNothing) {
  if (!arch.crash->modeRegister.empty()) {
    cpu.general.push_back(
        {arch.crash->modeRegister.str(), arch.crash->userModeMask});
    EXPECT_TRUE(ask(image + 0x1234).here.empty());
  }
  const CpuEvidence found = ask(VirtAddr(0x10000));
  EXPECT_TRUE(found.here.empty());
  EXPECT_TRUE(found.elsewhere.empty());
}

TEST_P(EveryArch, WithoutACounterNothingIsSaid) {
  Machine machine;
  machine.cpus.resize(2);
  const CpuEvidence found = askCpus(machine, *built.memory, place);
  EXPECT_TRUE(found.here.empty());
  EXPECT_TRUE(found.elsewhere.empty());
}

} // namespace
