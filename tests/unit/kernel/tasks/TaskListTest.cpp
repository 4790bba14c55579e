#include "kernel/tasks/TaskList.h"

#include "support/TaskObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

class TaskListTest : public ::testing::Test {
protected:
  TaskList read(bool withThreads = true) {
    return valueOf(readTaskList(kernel.kernel(), {withThreads}));
  }
  void makeFive() { tasks = kernel.makeFive(); }
  void setNext(VirtAddr task, VirtAddr next) {
    kernel.objects.setWord(kernel.tasksLink(task), next.value);
  }
  void setPrevious(VirtAddr task, VirtAddr previous) {
    kernel.objects.setWord(kernel.tasksLink(task) + 8, previous.value);
  }
  /// The one task beside init, alone on the list.
  const Task &readOne(VirtAddr task) {
    kernel.linkTasks({task});
    list = read();
    EXPECT_THAT(list.tasks, SizeIs(1));
    static const Task none;
    return list.tasks.empty() ? none : list.tasks[0];
  }

  TaskObjects kernel;
  std::vector<VirtAddr> tasks;
  TaskList list;
  const VirtAddr nowhere = KernelObjects::nowhere();
};

TEST_F(TaskListTest, AWholeRing) {
  VirtAddr init = kernel.task(1, "init"), shell = kernel.task(7, "sh");
  kernel.set(shell, "task_struct.real_parent", init);
  kernel.set(shell, "task_struct.__state", 0);
  kernel.linkTasks({shell, init});
  kernel.setPids({init, shell});
  list = read();
  EXPECT_THAT(list.problems, IsEmpty());
  ASSERT_THAT(pids(list), ElementsAre(1, 7)) << "ascending";
  EXPECT_EQ(list.tasks[0].comm, "init");
  EXPECT_EQ(list.tasks[0].ppid, 0u);
  EXPECT_EQ(list.tasks[0].state, 'S');
  EXPECT_EQ(list.tasks[1].address, shell);
  EXPECT_EQ(list.tasks[1].ppid, 1u);
  EXPECT_EQ(list.tasks[1].state, 'R');
  EXPECT_FALSE(list.tasks[1].isUnlinked);
  EXPECT_EQ(list.findPid(7), &list.tasks[1]);
  EXPECT_EQ(list.findPid(8), nullptr);
}

TEST_F(TaskListTest, ParentsAreProcessesNotThreads) {
  VirtAddr init = kernel.task(1, "init"), thread = kernel.task(3, "thr", 1),
           child = kernel.task(4, "child");
  kernel.set(child, "task_struct.real_parent", thread);
  kernel.linkTasks({init, child});
  EXPECT_EQ(read().findPid(4)->ppid, 1u);
}

TEST_F(TaskListTest, ANameThatFillsItsRoomHasNoNul) {
  EXPECT_EQ(readOne(kernel.task(9, "sixteen-letters!")).comm,
            "sixteen-letters!");
}

TEST_F(TaskListTest, TornForwardItIsFollowedBackward) {
  makeFive();
  kernel.objects.setWord(kernel.pidNamespace, 0); // no second source
  setNext(tasks[1], nowhere);
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(list.problems,
              ElementsAre(AllOf(HasSubstr("broken after 2 members (forward)"),
                                HasSubstr("0xffff900000000000"))));
}

TEST_F(TaskListTest, TornAtItsHead) {
  makeFive();
  kernel.objects.setWord(kernel.pidNamespace, 0);
  setNext(kernel.initTask, VirtAddr(0));
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("after 0 members")));
}

TEST_F(TaskListTest, TornBothWaysThePidStructuresKnow) {
  makeFive();
  setNext(tasks[0], nowhere);
  setPrevious(tasks[4], nowhere);
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  for (const Task &task : list.tasks)
    EXPECT_EQ(task.isUnlinked, task.pid != 1 && task.pid != 5) << task.pid;
  EXPECT_THAT(
      list.problems,
      ElementsAre(HasSubstr("(forward)"), HasSubstr("(backward)"),
                  "3 tasks are in the pid structures but not in the lists"));
}

TEST_F(TaskListTest, ATaskThatWasTakenOffTheListIsNamed) {
  makeFive();
  kernel.linkTasks({tasks[0], tasks[1], tasks[3], tasks[4]});
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  ASSERT_TRUE(list.findPid(3));
  EXPECT_TRUE(list.findPid(3)->isUnlinked);
  EXPECT_THAT(
      list.problems,
      ElementsAre("1 tasks are in the pid structures but not in the lists"));
}

TEST_F(TaskListTest, ACycleEnds) {
  makeFive();
  kernel.objects.setWord(kernel.pidNamespace, 0);
  setNext(tasks[2], kernel.tasksLink(tasks[1]));
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(list.problems,
              ElementsAre(AllOf(HasSubstr("after 3 members (forward)"),
                                HasSubstr("leads back to"))));
  // And the other way.
  setPrevious(tasks[4], kernel.tasksLink(tasks[4]));
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(list.problems, SizeIs(2));
}

TEST_F(TaskListTest, ThreadsFollowTheirProcess) {
  VirtAddr process = kernel.task(10, "demo"),
           one = kernel.task(11, "thr-0", 10),
           two = kernel.task(12, "thr-1", 10);
  kernel.linkTasks({process});
  kernel.linkThreads(process, {one, two});
  kernel.setPids({process, one, two});
  list = read();
  EXPECT_THAT(list.problems, IsEmpty());
  EXPECT_THAT(pids(list), ElementsAre(10, 11, 12));
  EXPECT_EQ(list.findPid(12)->tgid, 10u);
  EXPECT_FALSE(list.findPid(12)->isLeader());
  list = read(false);
  EXPECT_THAT(list.problems, IsEmpty());
  EXPECT_THAT(pids(list), ElementsAre(10));
}

TEST_F(TaskListTest, ATornListOfThreads) {
  VirtAddr process = kernel.task(10, "demo"),
           one = kernel.task(11, "thr-0", 10),
           two = kernel.task(12, "thr-1", 10);
  kernel.linkTasks({process});
  kernel.linkThreads(process, {one, two});
  kernel.objects.setWord(kernel.threadLink(one), nowhere.value);
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(10, 11, 12));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("list of threads")));
  kernel.set(process, "task_struct.signal", nowhere);
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(10));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("0 members (forward)"),
                                         HasSubstr("0 members (backward)")));
}

TEST_F(TaskListTest, StatesHaveTheLettersOfProc) {
  struct {
    uint32_t state, exitState;
    char letter;
  } const known[] = {{0, 0, 'R'},       {1, 0, 'S'},     {2, 0, 'D'},
                     {4, 0, 'T'},       {8, 0, 't'},     {0x80, 0x10, 'X'},
                     {0x80, 0x20, 'Z'}, {0x402, 0, 'I'}, {0x40, 0, 'P'}};
  VirtAddr task = kernel.task(2, "any");
  for (const auto &[state, exitState, letter] : known) {
    kernel.set(task, "task_struct.__state", state);
    kernel.set(task, "task_struct.exit_state", exitState);
    EXPECT_EQ(readOne(task).state, letter) << state << ' ' << exitState;
  }
}

TEST_F(TaskListTest, AZombieHasNoTables) {
  VirtAddr dead = kernel.task(72, "dead");
  kernel.set(dead, "task_struct.__state", 0x80);
  kernel.set(dead, "task_struct.exit_state", 0x20);
  const Task &task = readOne(dead);
  EXPECT_EQ(task.state, 'Z');
  EXPECT_FALSE(task.root);
  EXPECT_FALSE(task.isKernelThread);
  EXPECT_EQ(task.rootProblem, "");
}

/// As where layouts are learned from tasks that do not show it.
TEST_F(TaskListTest, WithoutExitStateWhatHasNoMemoryMayHaveEnded) {
  kernel.places.erase("task_struct.exit_state");
  const VirtAddr dead = kernel.task(72, "dead");
  kernel.set(dead, "task_struct.__state", 0x80);
  EXPECT_EQ(readOne(dead).state, '?');
  EXPECT_THAT(list.problems,
              ElementsAre(HasSubstr("pid 72 has ended or runs")));
  kernel.set(dead, "task_struct.mm", kernel.mm());
  EXPECT_EQ(readOne(dead).state, 'R');
  kernel.makeKernelThread(dead, "");
  kernel.set(dead, "task_struct.mm", 0);
  EXPECT_EQ(readOne(dead).state, 'R');
  EXPECT_THAT(list.problems, IsEmpty());
}

TEST_F(TaskListTest, KernelThreadsHaveTheirFullNames) {
  VirtAddr thread = kernel.task(10, "rcu_tasks_trace");
  kernel.makeKernelThread(thread, "rcu_tasks_trace_kthread");
  const Task &task = readOne(thread);
  EXPECT_EQ(task.comm, "rcu_tasks_trace_kthread");
  EXPECT_TRUE(task.isKernelThread);
  EXPECT_FALSE(task.mm.value);
}

TEST_F(TaskListTest, AFullNameThatCannotBeReadLeavesTheShortOne) {
  VirtAddr thread = kernel.task(10, "short");
  VirtAddr kthread = kernel.makeKernelThread(thread, "");
  EXPECT_EQ(readOne(thread).comm, "short") << "there is none";
  kernel.set(kthread, "kthread.full_name", nowhere);
  EXPECT_EQ(readOne(thread).comm, "short");
  kernel.set(thread, "task_struct.worker_private", nowhere);
  EXPECT_EQ(readOne(thread).comm, "short");
}

TEST_F(TaskListTest, AProcessHasNoUseForWhatLooksLikeAKthread) {
  VirtAddr process = kernel.task(10, "process");
  kernel.makeKernelThread(process, "not-its-name");
  kernel.set(process, "task_struct.flags", 0);
  EXPECT_EQ(readOne(process).comm, "process");
}

class WorkerTest : public TaskListTest {
protected:
  void SetUp() override {
    task = kernel.task(6, "kworker/0:0");
    VirtAddr kthread = kernel.makeKernelThread(
        task, "kworker/0:0-from-full-name", TaskObjects::worker);
    worker = kernel.objects.allocate(64);
    kernel.set(kthread, "kthread.data", worker);
    kernel.set(worker, "worker.pool", 1);
    describe("events");
  }
  void describe(const std::string &text) {
    kernel.objects.memory.writeString(kernel.objects.physical(worker),
                                      text + std::string(1, '\0'));
  }
  VirtAddr task, worker;
};

TEST_F(WorkerTest, AnIdleOneHasAMinus) {
  EXPECT_EQ(readOne(task).comm, "kworker/0:0-events");
}
TEST_F(WorkerTest, ABusyOneHasAPlus) {
  kernel.set(worker, "worker.current_work", 1);
  EXPECT_EQ(readOne(task).comm, "kworker/0:0+events");
}
TEST_F(WorkerTest, WithoutWorkOrPoolThereIsNoSuffix) {
  describe("");
  EXPECT_EQ(readOne(task).comm, "kworker/0:0");
  describe("events");
  kernel.set(worker, "worker.pool", 0);
  EXPECT_EQ(readOne(task).comm, "kworker/0:0");
}
TEST_F(WorkerTest, FormatWorkerIdMeansFullNames) {
  kernel.symbols["format_worker_id"] = kernel.initTask;
  EXPECT_EQ(readOne(task).comm, "kworker/0:0-from-full-name-events");
}
TEST_F(WorkerTest, NamesEndWhereProcEndsThem) {
  kernel.symbols["format_worker_id"] = kernel.initTask;
  kernel.set(VirtAddr(kernel.get(task, "task_struct.worker_private")),
             "kthread.full_name", kernel.objects.text(std::string(60, 'w')));
  EXPECT_EQ(readOne(task).comm, std::string(60, 'w') + "-ev");
}
TEST_F(WorkerTest, AWorkerThatCannotBeRead) {
  kernel.set(VirtAddr(kernel.get(task, "task_struct.worker_private")),
             "kthread.data", nowhere);
  EXPECT_EQ(readOne(task).comm, "kworker/0:0");
}

TEST_F(TaskListTest, TheRootOfAnMm) {
  VirtAddr task = kernel.task(2, "any"), mm = kernel.mm();
  kernel.set(task, "task_struct.mm", mm);
  VirtAddr table(kernel.get(mm, "mm_struct.pgd"));
  EXPECT_EQ(readOne(task).root, kernel.objects.physical(table));
  EXPECT_EQ(list.tasks[0].mm, mm);

  kernel.objects.memory.setAbsent(kernel.objects.physical(table),
                                  Absence::Excluded);
  EXPECT_EQ(readOne(task).root, std::nullopt);
  EXPECT_NE(list.tasks[0].rootProblem, "");
  EXPECT_THAT(list.problems, IsEmpty()) << "the task is there all the same";
}

TEST_F(TaskListTest, ARootOutsideRam) {
  VirtAddr task = kernel.task(2, "any"), mm = kernel.mm();
  kernel.set(task, "task_struct.mm", mm);
  VirtAddr table(kernel.get(mm, "mm_struct.pgd"));
  kernel.objects.memory.setAbsent(kernel.objects.physical(table),
                                  Absence::OutsideRam);
  EXPECT_EQ(readOne(task).root, std::nullopt);
  EXPECT_THAT(list.tasks[0].rootProblem, HasSubstr("0x"));
  for (VirtAddr wrong : {nowhere, VirtAddr(0), VirtAddr(~uint64_t(0))}) {
    kernel.set(mm, "mm_struct.pgd", wrong);
    EXPECT_EQ(readOne(task).root, std::nullopt) << hex(wrong);
    EXPECT_NE(list.tasks[0].rootProblem, "");
  }
  kernel.set(task, "task_struct.mm", nowhere);
  EXPECT_EQ(readOne(task).root, std::nullopt);
}

TEST_F(TaskListTest, ASharedMmIsOneRoot) {
  VirtAddr one = kernel.task(2, "one"), two = kernel.task(3, "two");
  VirtAddr mm = kernel.mm();
  kernel.set(one, "task_struct.mm", mm);
  kernel.set(two, "task_struct.mm", mm);
  kernel.linkTasks({one, two});
  list = read();
  ASSERT_THAT(list.tasks, SizeIs(2));
  EXPECT_TRUE(list.tasks[0].root);
  EXPECT_EQ(list.tasks[0].root, list.tasks[1].root);
  EXPECT_EQ(list.tasks[0].mm, list.tasks[1].mm);
}

TEST_F(TaskListTest, OnlyWhatRunsOnThePanickedCpuHasPanicked) {
  makeFive();
  kernel.set(tasks[1], "task_struct.on_cpu", 1);
  kernel.set(tasks[1], "task_struct.thread_info.cpu", 1);
  kernel.set(tasks[2], "task_struct.on_cpu", 1);
  kernel.set(tasks[3], "task_struct.thread_info.cpu", 1);
  list = read();
  for (const Task &task : list.tasks)
    EXPECT_EQ(task.hasPanicked, false) << "panic_cpu is -1";
  EXPECT_EQ(list.findPid(3)->isRunning, true);
  EXPECT_EQ(list.findPid(2)->cpu, 1u);
  kernel.objects.memory.writeNumber<uint32_t>(
      kernel.objects.physical(kernel.panicCpu), 1);
  list = read();
  for (const Task &task : list.tasks)
    EXPECT_EQ(task.hasPanicked, task.pid == 2) << task.pid;
}

TEST_F(TaskListTest, AKernelForOneCpuSaysNothingOfCpus) {
  kernel.places.erase("task_struct.on_cpu");
  kernel.places.erase("task_struct.thread_info.cpu");
  kernel.symbols.erase("panic_cpu");
  const Task &task = readOne(kernel.task(2, "any"));
  EXPECT_EQ(task.isRunning, std::nullopt);
  EXPECT_EQ(task.cpu, std::nullopt);
  EXPECT_EQ(task.hasPanicked, std::nullopt) << "nothing tells";
}

TEST_F(TaskListTest, ThreadsHoldTheMemoryOfALeaderThatIsGone) {
  VirtAddr leader = kernel.task(10, "demo"), one = kernel.task(11, "a", 10),
           two = kernel.task(12, "b", 10), mm = kernel.mm();
  kernel.set(leader, "task_struct.exit_state", 0x20);
  for (VirtAddr thread : {one, two})
    kernel.set(thread, "task_struct.mm", mm);
  kernel.linkTasks({leader});
  kernel.linkThreads(leader, {one, two});
  kernel.setPids({leader, one, two});
  for (bool withThreads : {false, true}) {
    list = read(withThreads);
    const Task &task = *list.findPid(10);
    EXPECT_EQ(task.state, 'Z');
    ASSERT_THAT(task.memoryThreads, SizeIs(2));
    EXPECT_EQ(task.memoryThreads[1].pid, 12u);
    EXPECT_EQ(task.memoryHolder()->pid, 11u);
    EXPECT_TRUE(task.memoryHolder()->root);
  }
  // What hangs on the list and is of another process holds nothing.
  kernel.set(one, "task_struct.tgid", 7);
  kernel.set(two, "task_struct.mm", 0);
  list = read(false);
  EXPECT_EQ(list.findPid(10)->memoryHolder(), nullptr);
}

TEST_F(TaskListTest, NoBeginningIsAnError) {
  kernel.symbols.erase("init_task");
  EXPECT_THAT(textOf(readTaskList(kernel.kernel(), {})),
              HasSubstr("no symbol 'init_task'"));
}
TEST_F(TaskListTest, NoLayoutIsAnError) {
  kernel.places.erase("task_struct.tasks");
  EXPECT_THAT(textOf(readTaskList(kernel.kernel(), {})),
              HasSubstr("struct task_struct has no known member 'tasks'"));
}

class HostileTasks : public TaskListTest,
                     public ::testing::WithParamInterface<uint64_t> {};

/// Each pointer of a task, and each number, is anything. The other tasks are
/// listed, and there is no crash.
TEST_P(HostileTasks, EveryMemberMayBeAnything) {
  makeFive();
  kernel.makeKernelThread(tasks[2], "full", TaskObjects::worker);
  for (const auto &[name, place] : kernel.places) {
    if (!llvm::StringRef(name).consume_front("task_struct."))
      continue;
    uint64_t kept[2];
    VirtAddr at(alignDown((tasks[2] + place.offset).value, 8));
    for (unsigned i : {0, 1}) {
      kept[i] = valueOf(kernel.objects.reader().word(at + 8 * i));
      kernel.objects.setWord(at + 8 * i, GetParam());
    }
    list = read();
    for (uint32_t pid : {1, 2, 4, 5})
      EXPECT_TRUE(list.findPid(pid)) << name << ' ' << pid;
    for (unsigned i : {0, 1})
      kernel.objects.setWord(at + 8 * i, kept[i]);
  }
}
/// The same of what stands outside of the tasks.
TEST_P(HostileTasks, EveryHeadMayBeAnything) {
  makeFive();
  VirtAddr node(
      kernel.get(kernel.pidNamespace, "pid_namespace.idr.idr_rt.xa_head") &
      ~uint64_t(3));
  VirtAddr pid(valueOf(kernel.objects.reader().word(node)));
  for (VirtAddr at : {pid, node, kernel.pidNamespace}) {
    kernel.objects.setWord(at, GetParam());
    EXPECT_THAT(pids(read()), ElementsAre(1, 2, 3, 4, 5));
  }
  for (unsigned i : {0, 1})
    kernel.objects.setWord(kernel.tasksLink(kernel.initTask) + 8 * i,
                           GetParam());
  EXPECT_THAT(pids(read()), IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(Words, HostileTasks,
                         ::testing::Values(0, 1, 2, 3, 8, ~uint64_t(0),
                                           ~uint64_t(0) - 1, ~uint64_t(0) - 7,
                                           0x7fffffffffffffff,
                                           0x8000000000000000,
                                           KernelObjects::nowhere().value));

TEST_F(TaskListTest, ANumberBeyondAllPidsIsNoTask) {
  makeFive();
  kernel.set(tasks[2], "task_struct.pid", 0x500000);
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("no process number")));
}

TEST_F(TaskListTest, SentencesAboutMadeUpTasksEnd) {
  makeFive();
  // Pids without number, all of tasks that are not mapped.
  VirtAddr node = kernel.objects.allocate(512);
  for (unsigned i = 0; i < 64; ++i) {
    VirtAddr below = kernel.objects.allocate(512);
    kernel.objects.setWord(node + 8 * i, below.value | 2);
    for (unsigned j = 0; j < 4; ++j)
      kernel.objects.setWord(below + 8 * j,
                             kernel.pidOf(nowhere + 4096 * (4 * i + j)).value);
  }
  kernel.objects.setWord(kernel.pidNamespace, node.value | 2);
  list = read();
  EXPECT_THAT(pids(list), ElementsAre(1, 2, 3, 4, 5));
  ASSERT_THAT(list.problems, SizeIs(101));
  EXPECT_EQ(list.problems.back(), "156 further problems of this kind");
}

} // namespace
