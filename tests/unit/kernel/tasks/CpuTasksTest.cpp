#include "kernel/tasks/CpuTasks.h"

#include "kernel/tasks/TaskList.h"
#include "support/TaskObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

class IdleTasks : public ::testing::Test {
protected:
  void SetUp() override {
    tasks = kernel.makeFive();
    kernel.places["rq.curr"] = {0, 8};
    kernel.places["rq.idle"] = {8, 8};
    VirtAddr queues = kernel.objects.allocate(128),
             offsets = kernel.objects.allocate(16);
    kernel.objects.setWord(offsets + 8, 64);
    kernel.symbols["runqueues"] = queues;
    kernel.symbols["__per_cpu_offset"] = offsets;
    VirtAddr count = kernel.objects.allocate(8);
    kernel.objects.setWord(count, 2);
    kernel.symbols["nr_cpu_ids"] = count;
    second = kernel.task(0, "swapper/1");
    setQueue(0, tasks[1], kernel.initTask);
    setQueue(1, second, second);
    for (VirtAddr task : {tasks[1], second})
      kernel.set(task, "task_struct.on_cpu", 1);
    kernel.set(second, "task_struct.thread_info.cpu", 1);
  }
  /// A page of its own that the dump lacks.
  VirtAddr losePage(Absence absence) {
    const VirtAddr lost = kernel.objects.allocate(8192, 4096);
    kernel.objects.memory.setAbsent(kernel.objects.physical(lost), absence);
    return lost;
  }
  void setQueue(unsigned cpu, VirtAddr current, VirtAddr idle) {
    VirtAddr queue = kernel.symbols["runqueues"] + 64 * cpu;
    kernel.objects.setWord(queue, current.value);
    kernel.objects.setWord(queue + 8, idle.value);
  }
  TaskList read() { return valueOf(readTaskList(kernel.kernel(), {true})); }
  TaskList readIdle() {
    return valueOf(readTaskList(kernel.kernel(), {false, true}));
  }

  TaskObjects kernel;
  std::vector<VirtAddr> tasks;
  TaskList list;
  VirtAddr second;
  const VirtAddr nowhere = KernelObjects::nowhere();
};

TEST_F(IdleTasks, ThatRunAreListed) {
  list = read();
  EXPECT_THAT(list.problems, IsEmpty());
  EXPECT_THAT(pids(list), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(list.tasks[0].comm, "swapper/1");
  EXPECT_EQ(list.tasks[0].cpu, 1u);
  EXPECT_THAT(pids(readIdle()), ElementsAre(0, 0, 1, 2, 3, 4, 5));
}

TEST_F(IdleTasks, MayHavePanicked) {
  kernel.objects.memory.writeNumber<uint32_t>(
      kernel.objects.physical(kernel.panicCpu), 1);
  list = read();
  for (const Task &task : list.tasks)
    EXPECT_EQ(task.hasPanicked, task.pid == 0) << task.pid;
}

/// Neither on_cpu nor per-CPU data: the run queue says who runs.
TEST_F(IdleTasks, OfAKernelForOneCpu) {
  kernel.places.erase("task_struct.on_cpu");
  kernel.places.erase("task_struct.thread_info.cpu");
  kernel.symbols.erase("__per_cpu_offset");
  list = readIdle();
  EXPECT_THAT(pids(list), ElementsAre(0, 1, 2, 3, 4, 5));
  for (const Task &task : list.tasks)
    EXPECT_EQ(task.isRunning, task.pid == 2) << task.pid;
}

TEST_F(IdleTasks, ThatMakeNoSenseAreNamed) {
  setQueue(0, tasks[1], tasks[2]);
  setQueue(1, second, nowhere);
  list = readIdle();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(list.problems,
              ElementsAre("the idle task of CPU 0 would have pid 3",
                          HasSubstr("the idle task of CPU 1 cannot be read")));
}

TEST_F(IdleTasks, ThatMayRunAndAreLostAreNamed) {
  const VirtAddr lost = losePage(Absence::Truncated);
  kernel.objects.setWord(kernel.symbols["__per_cpu_offset"] + 8,
                         lost - kernel.symbols["runqueues"]);
  EXPECT_THAT(read().problems,
              ElementsAre(AllOf(HasSubstr("what CPU 1 runs is not known"),
                                HasSubstr("truncated"))));
  setQueue(0, lost, lost);
  EXPECT_THAT(read().problems,
              Contains(HasSubstr("the idle task of CPU 0 cannot be read")));
}

TEST_F(IdleTasks, OfAnUnknownNumberOfCpus) {
  kernel.symbols["nr_cpu_ids"] = losePage(Absence::Truncated);
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(list.problems,
              ElementsAre(HasSubstr("how many CPUs there are is not known")));
  const PerCpuOffsets offsets = readPerCpuOffsets(kernel.kernel());
  EXPECT_GE(offsets.all.size(), 2u);
  EXPECT_THAT(offsets.sure(), IsEmpty());
}

/// As vmpt trim does, if it was not asked for idle tasks.
TEST_F(IdleTasks, ThatWereLeftOutAreNotMissed) {
  kernel.symbols["nr_cpu_ids"] = losePage(Absence::Excluded);
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(list.problems, IsEmpty());
}

/// An impossible CPU: its data were those of start-up, which are gone.
TEST_F(IdleTasks, OfCpusThatCannotBeAreNotMissed) {
  kernel.objects.setWord(kernel.symbols["__per_cpu_offset"] + 8,
                         nowhere - kernel.symbols["runqueues"]);
  EXPECT_THAT(read().problems, IsEmpty());
}

TEST_F(IdleTasks, WithoutRunQueuesOnlyTheFirstIsKnown) {
  kernel.symbols.erase("runqueues");
  list = readIdle();
  EXPECT_THAT(pids(list), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("other than init_task")));
}

} // namespace
