#include "support/Diagnostics.h"

#include "gmock/gmock.h"

#include <thread>

using namespace vmpt;
using ::testing::ElementsAre;
using ::testing::SizeIs;

namespace {

TEST(Diagnostics, AFindingIsPassedOnOnceAndKept) {
  std::vector<Finding> passed;
  Diagnostics diagnostics(
      [&](const Finding &finding) { passed.push_back(finding); });
  Subject subject;
  subject.physical = PhysAddr(0x1000);
  diagnostics.gap("table-absent", "a table is absent", subject);
  diagnostics.gap("table-absent", "a table is absent", subject);
  const Finding expected = {"table-absent", "a table is absent", subject,
                            Severity::Gap};
  EXPECT_THAT(passed, ElementsAre(expected));
  EXPECT_THAT(diagnostics.findings(), ElementsAre(expected));
}

TEST(Diagnostics, TheSameOfAnotherFileIsAnotherFinding) {
  Diagnostics diagnostics;
  Subject first, second;
  first.file = "a";
  second.file = "b";
  diagnostics.warn("trimmed", "cut", first);
  diagnostics.warn("trimmed", "cut", second);
  EXPECT_THAT(diagnostics.findings(), SizeIs(2));
}

/// What is remembered is bounded, by a number and not by the dump.
TEST(Diagnostics, WithoutEndOnlySoManyAreRemembered) {
  size_t passed = 0;
  Diagnostics diagnostics([&](const Finding &) { ++passed; });
  const size_t more = Diagnostics::maxKept + 100;
  for (size_t round = 0; round < 2; ++round)
    for (size_t i = 0; i < more; ++i)
      diagnostics.gap("table-absent", llvm::Twine(i));
  EXPECT_THAT(diagnostics.findings(), SizeIs(Diagnostics::maxKept));
  EXPECT_EQ(passed, more + 100);
}

TEST(Diagnostics, OnlyGapsMakeAGap) {
  Diagnostics diagnostics;
  diagnostics.warn("other-kernel", "another kernel is in this memory");
  EXPECT_FALSE(diagnostics.hasGap());
  diagnostics.gap("no-layout", "no layout");
  EXPECT_TRUE(diagnostics.hasGap());
}

// The listener of the warning has to hear of the gap: its exit status is 1.
TEST(Diagnostics, AWarningThatBecomesAGapIsPassedOnAgain) {
  unsigned gaps = 0;
  Diagnostics diagnostics([&](const Finding &finding) {
    gaps += finding.severity == Severity::Gap;
  });
  diagnostics.warn("no-layout", "no layout");
  diagnostics.gap("no-layout", "no layout");
  EXPECT_EQ(gaps, 1u);
}

TEST(Diagnostics, AHostileDumpDoesNotFillMemory) {
  size_t passed = 0;
  Diagnostics diagnostics([&](const Finding &) { ++passed; });
  for (size_t i = 0; i < Diagnostics::maxKept + 5; ++i)
    diagnostics.warn("note", llvm::Twine(i));
  diagnostics.gap("note", "at last");
  EXPECT_EQ(passed, Diagnostics::maxKept + 6);
  EXPECT_THAT(diagnostics.findings(), SizeIs(Diagnostics::maxKept));
  EXPECT_TRUE(diagnostics.hasGap());
}

TEST(Diagnostics, FindingsOfSeveralThreadsDoNotOverlap) {
  size_t passed = 0; // not atomic: one at a time
  Diagnostics diagnostics([&](const Finding &) { ++passed; });
  auto report = [&](unsigned from) {
    for (unsigned i = 0; i < 1000; ++i)
      diagnostics.warn("note", llvm::Twine(from + i));
  };
  std::thread other(report, 0);
  report(1000);
  other.join();
  EXPECT_EQ(passed, 2000u);
}

} // namespace
