#include "session/Trim.h"

#include "listing/Plan.h"
#include "support/KernelFile.h"
#include "support/ListTables.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

class TrimTest : public ::testing::Test {
protected:
  std::unique_ptr<Session> open(const std::string &name) {
    Request request;
    request.path = folder / name;
    return valueOf(Session::open(std::move(request), llvm::nulls()));
  }
  std::string list(Session &session) {
    return listText(valueOf(planKernelListing(valueOf(session.image()))),
                    session.memory());
  }
  /// To a file in the folder.
  llvm::Error trim(Session &session, const std::string &name,
                   const TrimOptions &options) {
    llvm::Expected<Output> output =
        createOutput(session.request(), folder / name, /*force=*/false);
    if (!output)
      return output.takeError();
    return trimDump(session, *output, options);
  }

  TemporaryFolder folder;
};

TEST_F(TrimTest, TheListingStaysAndPagesGo) {
  BuiltKernel built = makeRiscV64Kernel();
  // RAM that no table lies in.
  built.memory->addZeros(PhysAddr(0x9000'0000), 1 << 20);
  writeKernelFile(built, folder / "dump");
  auto whole = open("dump");
  const std::string listing = list(*whole);
  EXPECT_EQ(textOf(trim(*whole, "out", {})), "");
  auto cut = open("out");
  EXPECT_TRUE(cut->dump().isTrimmed);
  EXPECT_EQ(list(*cut), listing);
  EXPECT_LT(cut->memory().presentBytes(), 1u << 20);
  EXPECT_EQ(cut->dump().memoryBlocks().size(),
            whole->dump().memoryBlocks().size());
}

// BuiltKernel has neither a log nor struct pages: the listing is kept.
TEST_F(TrimTest, WhatThereIsNotIsSaidAndIsNoReasonToStop) {
  writeKernelFile(makeRiscV64Kernel(), folder / "dump");
  auto whole = open("dump");
  TrimOptions options;
  options.log = options.pages = true;
  EXPECT_EQ(textOf(trim(*whole, "out", options)), "");
  std::string found;
  for (const Finding &finding : whole->diagnostics().findings())
    if (finding.kind == "not-kept")
      found += finding.sentence + "\n";
  EXPECT_THAT(found, HasSubstr("nothing for vmpt log"));
  EXPECT_THAT(found, HasSubstr("nothing for vmpt modules"));
  EXPECT_THAT(found, HasSubstr("nothing for vmpt pages"));
  EXPECT_EQ(list(*open("out")), list(*whole));
}

// BuiltKernel has no tasks.
TEST_F(TrimTest, WithoutATaskListItFailsAndLeavesNothing) {
  writeKernelFile(makeRiscV64Kernel(), folder / "dump");
  EXPECT_THAT(textOf(trim(*open("dump"), "out", {true})),
              HasSubstr("task_struct"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST_F(TrimTest, WithoutAKernelThereIsNothingToKeep) {
  folder.write("dump", std::string(8192, '\0'));
  EXPECT_THAT(textOf(trim(*open("dump"), "out", {})), HasSubstr("no kernel"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

} // namespace
