#include "kernel/tasks/TaskTables.h"

#include "support/TaskObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

class TaskTablesTest : public ::testing::Test {
protected:
  std::vector<TaskTables> count(bool withThreads = true) {
    list = valueOf(readTaskList(kernel.kernel(), {withThreads}));
    Diagnostics diagnostics(
        {}, [this](llvm::StringRef, uint64_t done, uint64_t total) {
          lastDone = done;
          lastTotal = total;
        });
    return countTaskTables(list, kernel.kernel().image(), kernel.objects.memory,
                           diagnostics);
  }

  TaskObjects kernel;
  TaskList list;
  uint64_t lastDone = 0, lastTotal = 0;
};

TEST_F(TaskTablesTest, AnMmOfTwoProcessesIsSharedAndOfAThreadIsNot) {
  const VirtAddr shared = kernel.mm(), own = kernel.mm();
  VirtAddr one = kernel.task(1, "one"), two = kernel.task(2, "two"),
           three = kernel.task(3, "three"), thread = kernel.task(4, "thr", 3);
  kernel.set(one, "task_struct.mm", shared);
  kernel.set(two, "task_struct.mm", shared);
  kernel.set(three, "task_struct.mm", own);
  kernel.set(thread, "task_struct.mm", own);
  kernel.linkThreads(three, {thread});
  kernel.linkTasks({one, two, three});
  std::vector<TaskTables> rows = count();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].sharers, 2u);
  EXPECT_EQ(rows[1].sharers, 2u);
  EXPECT_EQ(rows[2].sharers, 1u);
  EXPECT_EQ(rows[3].sharers, 1u) << "a thread has its process's";
  for (const TaskTables &row : rows)
    EXPECT_TRUE(row.use) << row.task->pid;
  EXPECT_EQ(lastDone, 2u) << "each mm is counted once";
  EXPECT_EQ(lastTotal, 2u);
}

TEST_F(TaskTablesTest, WithoutARootNothingIsCounted) {
  VirtAddr zombie = kernel.task(1, "gone");
  kernel.linkTasks({zombie});
  std::vector<TaskTables> rows = count();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_FALSE(rows[0].use);
  EXPECT_EQ(rows[0].sharers, 1u);
}

} // namespace
