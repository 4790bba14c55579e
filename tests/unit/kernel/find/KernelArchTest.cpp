#include "kernel/find/KernelArch.h"

#include "paging/modes/Modes.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

class EveryKernelArch : public ::testing::TestWithParam<const KernelArch *> {
protected:
  const KernelArch &kernelArch = *GetParam();
};

TEST_P(EveryKernelArch, IsThatOfItsEnumerator) {
  EXPECT_EQ(findKernelArch(kernelArch.arch), &kernelArch);
}

TEST_P(EveryKernelArch, LeavesOutNothingThatHasNoDefault) {
  EXPECT_NE(kernelArch.owns, nullptr);
  EXPECT_FALSE(kernelArch.rootSymbols.empty());
  EXPECT_NE(kernelArch.likelyModes, nullptr);
  EXPECT_NE(kernelArch.guessRoots, nullptr);
  EXPECT_NE(kernelArch.mapImage, nullptr);
  EXPECT_NE(kernelArch.complete, nullptr);
  EXPECT_NE(kernelArch.lastUserAddress, nullptr);
  ASSERT_NE(kernelArch.crash, nullptr);
  EXPECT_FALSE(kernelArch.crash->oopsRules.empty());
  EXPECT_NE(kernelArch.crash->decodeCode, nullptr);
  EXPECT_NE(kernelArch.crash->goesDown, nullptr);
  EXPECT_NE(kernelArch.crash->printWalk, nullptr);
  EXPECT_FALSE(kernelArch.crash->ipRegister.empty());
  EXPECT_FALSE(kernelArch.crash->spRegister.empty());
}

/// pte_special(); of all modes, only arm's entries of 4 bytes have no such bit.
TEST_P(EveryKernelArch, HasSoftwareBits) {
  ASSERT_NE(kernelArch.softwareBits, nullptr);
  for (const PagingMode *mode : getModes(kernelArch.arch))
    EXPECT_TRUE(kernelArch.softwareBits(*mode, {6, 12}).special ||
                mode->name == "arm short descriptors")
        << mode->name.str();
}

TEST_P(EveryKernelArch, ReadsNonPresentEntriesOfEachModeAndVersion) {
  for (const PagingMode *mode : getModes(kernelArch.arch)) {
    const NonPresentFormat *oldest = nullptr;
    for (const NonPresentFormat &format : kernelArch.nonPresentFormats)
      if (format.entryBytes == mode->entryBytes) {
        EXPECT_TRUE(!oldest || format.since < oldest->since)
            << "the newest first";
        oldest = &format;
        EXPECT_NE(format.rules.protNone, 0u);
        EXPECT_LE(format.rules.typeShift + format.rules.typeBits,
                  8u * format.entryBytes);
        EXPECT_LE(format.rules.offsetShift + format.rules.offsetBits,
                  8u * format.entryBytes);
      }
    ASSERT_NE(oldest, nullptr) << mode->name.str();
    EXPECT_EQ(oldest->since, KernelVersion()) << mode->name.str();
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryKernelArch,
                         ::testing::ValuesIn(getKernelArchs()),
                         [](const auto &info) {
                           return getArchName(info.param->arch).str();
                         });

} // namespace
