// Names of --symbol and --offset that are of no use to anybody.
#include "session/GivenNames.h"

#include "session/Session.h"
#include "support/KernelFile.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

class GivenNamesTest : public ::testing::Test {
protected:
  GivenNamesTest() { writeKernelFile(makeRiscV64Kernel(), folder / "dump"); }

  /// The error about \p symbol ("NAME=N") or \p place.
  std::string judge(llvm::StringRef symbol, llvm::StringRef place = "",
                    bool takesNames = false) {
    Request request;
    request.path = folder / "dump";
    request.debug.takesNames = takesNames;
    if (!symbol.empty()) {
      EXPECT_EQ(textOf(request.debug.symbols.add(symbol)), "");
    }
    if (!place.empty()) {
      EXPECT_EQ(textOf(request.debug.places.add(place)), "");
    }
    return textOf(valueOf(Session::open(std::move(request), llvm::nulls()))
                      ->judgeDebugInputs());
  }

  TemporaryFolder folder;
};

TEST_F(GivenNamesTest, NamesAreSortedAndNotFew) {
  const llvm::ArrayRef<llvm::StringLiteral> names = getAskedNames();
  EXPECT_GT(names.size(), 400u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST_F(GivenNamesTest, WhatVmptAsksForIsTaken) {
  EXPECT_EQ(judge("panic_cpu=0x1000"), "");
  EXPECT_EQ(judge("", "task_struct.comm=8"), "");
  EXPECT_EQ(judge("", "task_struct.thread_info.cpu=8"), "");
}

TEST_F(GivenNamesTest, WhatNobodyAsksForIsRefused) {
  EXPECT_THAT(judge("init_tsak=0x1000"),
              HasSubstr("--symbol init_tsak is no name that vmpt uses; did you "
                        "mean 'init_task'?"));
  EXPECT_THAT(judge("qwertz=1"), HasSubstr("--symbol qwertz is no name that "
                                           "vmpt uses, nor does the dump"));
  EXPECT_THAT(judge("", "task_struct.conm=8"),
              HasSubstr("did you mean 'task_struct.comm'?"));
  EXPECT_THAT(judge("", "task_strcut.comm=8"),
              HasSubstr("did you mean 'task_struct.comm'?"));
  EXPECT_THAT(judge("", "qwertz.asdfgh=8"), HasSubstr("nor does the dump"));
}

TEST_F(GivenNamesTest, WhoIsAskedForSymbolsTakesAnyButNoPlaces) {
  EXPECT_EQ(judge("qwertz=1", "", true), "");
  EXPECT_NE(judge("", "qwertz.asdfgh=8", true), "");
}

} // namespace
