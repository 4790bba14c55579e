//===- WorkTest.cpp - what a real filtered dump costs, counted ------------===//
//
// Pages that are decompressed, from a kdump of makedumpfile -d 31: numbers that
// depend on no machine. docs/performance.md has those that were reached.
//
#include "CapturedFile.h"
#include "Expected.h"
#include "dump/formats/KdumpMemory.h"
#include "kernel/tasks/TaskTables.h"
#include "listing/Plan.h"
#include "session/Session.h"

#include "support/ListTables.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

class FilteredKdump : public ::testing::Test {
protected:
  void SetUp() override {
    const std::string name = "x86_64-6.1-lab-4level-pti/dump.d31.kdump";
    auto path = findTruth(name);
    if (!path)
      GTEST_SKIP() << missingTruth(name);
    Request request;
    request.path = *path;
    request.threads = 2;
    session = valueOf(Session::open(std::move(request), llvm::nulls()));
  }
  KdumpMemory::DecodeCounts counts() const {
    return dynamic_cast<const KdumpMemory &>(session->memory())
        .getDecodeCounts();
  }

  std::unique_ptr<Session> session;
};

TEST_F(FilteredKdump, TheKernelsListingDecodesFewPagesAndNoneTwice) {
  const ListingPlan plan =
      valueOf(planKernelListing(valueOf(session->image())));
  EXPECT_FALSE(listText(plan, session->memory()).empty());
  EXPECT_GT(counts().pages, 0u);
  EXPECT_LT(counts().pages, 1000u);
  EXPECT_EQ(counts().again, 0u);
}

TEST_F(FilteredKdump, TheListingsOfAllTasksDecodeNoPageTwice) {
  const Kernel &kernel = valueOf(session->kernel());
  const TaskList list = valueOf(session->readTasks(kernel, {}));
  EXPECT_GT(countTaskTables(list, kernel.image(), session->memory(),
                            session->diagnostics())
                .size(),
            50u);
  ListedTables known;
  for (const Task &task : list.tasks)
    if (task.root) {
      const ListingPlan plan = valueOf(planTaskListing(
          kernel.image(), session->memory(), *task.root, false));
      TextPrinter printer(plan.wording, plan.context, llvm::nulls());
      valueOf(
          runListing(plan, session->memory(), printer, ~uint64_t(0), &known));
    }
  EXPECT_LT(counts().pages, 2000u);
  EXPECT_EQ(counts().again, 0u);
}

} // namespace
