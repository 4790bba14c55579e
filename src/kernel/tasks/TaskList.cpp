#include "kernel/tasks/TaskList.h"

#include "kernel/context/ListWalk.h"
#include "kernel/context/Problems.h"
#include "kernel/context/TaskLimits.h"
#include "kernel/tasks/CpuTasks.h"
#include "kernel/tasks/PidTable.h"
#include "kernel/tasks/TaskFields.h"
#include "kernel/tasks/TaskStates.h"

#include <algorithm>
#include <unordered_set>

namespace vmpt {

llvm::Expected<PhysAddr> rootBehind(const Kernel &kernel, VirtAddr table) {
  llvm::Expected<PhysAddr> root = kernel.memory().translate(table);
  if (!root)
    return root.takeError();
  uint8_t byte;
  if (auto absent = kernel.memory().physical().tryRead(*root, byte))
    return llvm::make_error<MemoryError>(*absent);
  return root;
}

namespace {

llvm::Expected<PhysAddr> readRootAt(const Kernel &kernel, const Field &pgd,
                                    VirtAddr mm) {
  llvm::Expected<VirtAddr> table = kernel.reader().pointer(mm, pgd);
  if (!table)
    return table.takeError();
  return rootBehind(kernel, *table);
}

/// No DenseSet: that has values of its own which it cannot hold, and a dump
/// can have any.
using Addresses = std::unordered_set<uint64_t>;

class TaskListReader {
public:
  TaskListReader(const Kernel &kernel, const TaskFields &fields)
      : kernel_(kernel), reader_(kernel.reader()), fields_(fields),
        names_(kernel, fields), states_(TaskStates::find(kernel)) {}

  llvm::Expected<TaskList> read(const TaskListOptions &options);

private:
  /// The members of a list of \p what; how it is torn is a problem.
  std::vector<VirtAddr> readRing(VirtAddr head, const llvm::Twine &what);
  void addProcesses(VirtAddr initTask);
  void addThreads(VirtAddr leader);
  void addFromPids(bool withThreads);
  void findMemoryThreads();
  void markRunning(const CpuTask &cpu, Task &idle);
  void addIdle(bool isWanted);
  /// False if it cannot be a task.
  bool add(VirtAddr task, bool isUnlinked);
  llvm::Error readTask(VirtAddr at, Task &task);
  void markPanicked();
  bool knowsThreads() const {
    return fields_.signal && fields_.threadHead && fields_.threadNode;
  }

  const Kernel &kernel_;
  const StructReader &reader_;
  const TaskFields &fields_;
  TaskNames names_;
  TaskStates states_;
  TaskList list_;
  Problems problems_;
  Addresses seen_;
  VirtAddr initTask_;
};

std::vector<VirtAddr> TaskListReader::readRing(VirtAddr head,
                                               const llvm::Twine &what) {
  ListMembers members = followList(reader_, head, maxPids, what);
  for (const std::string &problem : members.problems)
    problems_.add(problem);
  return std::move(members.links);
}

llvm::Error TaskListReader::readTask(VirtAddr at, Task &task) {
  uint64_t flags = 0, state = 0, pid = 0, tgid = 0, parent = 0, mm = 0;
  const std::pair<const Field *, uint64_t *> wanted[] = {
      {&fields_.flags, &flags},   {&fields_.state, &state},
      {&fields_.pid, &pid},       {&fields_.tgid, &tgid},
      {&fields_.parent, &parent}, {&fields_.mm, &mm},
  };
  for (const auto &[field, value] : wanted) {
    llvm::Expected<uint64_t> number = reader_.number(at, *field);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  task.address = at;
  task.pid = uint32_t(pid);
  task.tgid = uint32_t(tgid);
  task.isKernelThread = flags & kernelThreadFlag;
  task.mm = VirtAddr(mm);
  const std::optional<uint64_t> exitState =
      reader_.tryNumber(at, fields_.exitState);
  task.state = states_.letter(state, exitState.value_or(0));
  // TASK_DEAD is none of the states that have letters.
  if (!exitState && task.state == TaskStates::running && !mm &&
      !task.isKernelThread)
    task.state = TaskStates::unknown;
  if (pid > maxPids || tgid > maxPids)
    return llvm::make_error<LookupError>("pid " + hex(pid) +
                                         " is no process number");
  llvm::Expected<std::string> comm = names_.read(at, flags);
  if (!comm)
    return comm.takeError();
  task.comm = std::move(*comm);
  // What follows only says more; a task without it is a task.
  task.ppid =
      uint32_t(reader_.tryNumber(VirtAddr(parent), fields_.tgid).value_or(0));
  if (auto onCpu = reader_.tryNumber(at, fields_.onCpu))
    task.isRunning = *onCpu != 0;
  if (auto cpu = reader_.tryNumber(at, fields_.cpu))
    task.cpu = uint32_t(*cpu);
  if (!mm)
    return llvm::Error::success();
  if (!fields_.pgd)
    task.rootProblem = "where struct mm_struct has its table is not known";
  else if (llvm::Expected<PhysAddr> root =
               readRootAt(kernel_, *fields_.pgd, task.mm))
    task.root = *root;
  else
    task.rootProblem = llvm::toString(root.takeError());
  return llvm::Error::success();
}

bool TaskListReader::add(VirtAddr at, bool isUnlinked) {
  if (!seen_.insert(at.value).second)
    return true;
  Task task;
  task.isUnlinked = isUnlinked;
  if (llvm::Error error = readTask(at, task)) {
    problems_.add("no task at " + hex(at) + ": " +
                  llvm::toString(std::move(error)));
    return false;
  }
  if (task.pid == 0)
    return true; // see addIdle()
  if (task.state == TaskStates::unknown && !fields_.exitState)
    problems_.add("pid " + llvm::Twine(task.pid) +
                  " has ended or runs, which is not known: where "
                  "task_struct has exit_state is not (tried " +
                  kernel_.types().describe() + ")");
  list_.tasks.push_back(std::move(task));
  return true;
}

void TaskListReader::addProcesses(VirtAddr initTask) {
  seen_.insert(initTask.value);
  for (VirtAddr link :
       readRing(initTask + fields_.tasks.offset, "the list of processes"))
    add(link - fields_.tasks.offset, false);
}

void TaskListReader::addThreads(VirtAddr leader) {
  llvm::Expected<VirtAddr> signal = reader_.pointer(leader, *fields_.signal);
  if (!signal) {
    problems_.add("the threads of the task at " + hex(leader) + ": " +
                  llvm::toString(signal.takeError()));
    return;
  }
  if (!signal->value)
    return;
  for (VirtAddr link :
       readRing(*signal + fields_.threadHead->offset,
                "the list of threads of the task at " + hex(leader)))
    add(link - fields_.threadNode->offset, false);
}

void TaskListReader::addFromPids(bool withThreads) {
  llvm::Expected<std::vector<VirtAddr>> known = readPidTable(kernel_);
  if (!known) {
    problems_.add("the pid structures cannot be followed: " +
                  llvm::toString(known.takeError()));
    return;
  }
  size_t before = list_.tasks.size();
  for (VirtAddr task : *known)
    if (!seen_.count(task.value))
      add(task, true);
  if (!withThreads) // threads are no news then, only processes are
    list_.tasks.erase(
        std::remove_if(list_.tasks.begin() + ptrdiff_t(before),
                       list_.tasks.end(),
                       [](const Task &task) { return !task.isLeader(); }),
        list_.tasks.end());
  if (size_t found = list_.tasks.size() - before)
    problems_.add(std::to_string(found) +
                  " tasks are in the pid structures but not in the lists");
}

/// A process lives as long as a thread of it: pthread_exit() in main().
void TaskListReader::findMemoryThreads() {
  if (!knowsThreads())
    return;
  size_t left = maxPids; // of all rings: made-up leaders may share one
  for (Task &leader : list_.tasks) {
    if (!leader.isLeader() || leader.isKernelThread || leader.mm.value)
      continue;
    std::optional<uint64_t> signal =
        reader_.tryNumber(leader.address, fields_.signal);
    if (!signal || !*signal)
      continue;
    const ListMembers members =
        followList(reader_, VirtAddr(*signal) + fields_.threadHead->offset,
                   left, "its threads");
    left -= std::min(left, members.links.size());
    for (VirtAddr link : members.links) {
      Task thread;
      if (llvm::Error error =
              readTask(link - fields_.threadNode->offset, thread))
        llvm::consumeError(std::move(error)); // named by who lists threads
      else if (thread.mm.value && thread.tgid == leader.tgid)
        leader.memoryThreads.push_back(std::move(thread));
    }
  }
}

/// Who runs where the tasks do not say it (a kernel for one CPU).
void TaskListReader::markRunning(const CpuTask &cpu, Task &idle) {
  if (fields_.onCpu || !cpu.current.value)
    return;
  for (Task &task : list_.tasks)
    if (!task.isRunning.value_or(false))
      task.isRunning = task.address == cpu.current;
  idle.isRunning = cpu.current == cpu.idle;
}

/// /proc has no idle tasks. One that runs matters: it may have panicked. Only
/// who asks for them hears what is wrong with the others.
void TaskListReader::addIdle(bool isWanted) {
  Problems problems;
  llvm::Expected<CpuTasks> cpus = readCpuTasks(kernel_);
  if (!cpus) {
    problems.add("idle tasks other than init_task are not known: " +
                 llvm::toString(cpus.takeError()));
    cpus = CpuTasks{{{0, initTask_, {}}}, {}};
  }
  for (const std::string &problem : cpus->problems)
    problems_.add(problem);
  for (const CpuTask &cpu : cpus->tasks) {
    Task task;
    if (llvm::Error error = readTask(cpu.idle, task)) {
      const bool isLost = cpu.current == cpu.idle;
      (isLost ? problems_ : problems)
          .add("the idle task of CPU " + llvm::Twine(cpu.cpu) +
               " cannot be read: " + llvm::toString(std::move(error)));
      continue;
    }
    if (task.pid != 0) {
      problems.add("the idle task of CPU " + llvm::Twine(cpu.cpu) +
                   " would have pid " + llvm::Twine(task.pid));
      continue;
    }
    markRunning(cpu, task);
    if (cpu.current.value)
      task.cpu = cpu.cpu;
    if (isWanted || task.isRunning.value_or(false))
      list_.tasks.push_back(std::move(task));
  }
  if (isWanted)
    for (const std::string &problem : problems.take())
      problems_.add(problem);
}

/// panic_cpu names the CPU that panicked, -1 where none has (linux
/// kernel/panic.c).
void TaskListReader::markPanicked() {
  llvm::Expected<VirtAddr> panicCpu = kernel_.address("panic_cpu");
  if (!panicCpu)
    return llvm::consumeError(panicCpu.takeError());
  llvm::Expected<uint32_t> cpu =
      kernel_.memory().readNumber<uint32_t>(*panicCpu);
  if (!cpu)
    return llvm::consumeError(cpu.takeError());
  constexpr uint32_t nobody = ~uint32_t(0);
  list_.knowsPanicCpu = true;
  for (Task &task : list_.tasks) {
    if (*cpu == nobody || (task.isRunning && !*task.isRunning))
      task.hasPanicked = false;
    else if (task.isRunning)
      // A kernel for one CPU does not say which it is.
      task.hasPanicked = task.cpu.value_or(0) == *cpu;
  }
}

llvm::Expected<TaskList> TaskListReader::read(const TaskListOptions &options) {
  llvm::Expected<VirtAddr> initTask = kernel_.address("init_task");
  if (!initTask)
    return initTask.takeError();
  initTask_ = *initTask;
  addProcesses(initTask_);
  if (options.withThreads && !knowsThreads())
    problems_.add("threads are not listed: where a process keeps them is not "
                  "known; pass --vmlinux");
  if (options.withThreads && knowsThreads()) {
    std::vector<VirtAddr> leaders;
    for (const Task &task : list_.tasks)
      leaders.push_back(task.address);
    for (VirtAddr leader : leaders)
      addThreads(leader);
  }
  addFromPids(options.withThreads);
  findMemoryThreads();
  addIdle(options.withIdle);
  markPanicked();
  std::stable_sort(list_.tasks.begin(), list_.tasks.end(),
                   [](const Task &a, const Task &b) { return a.pid < b.pid; });
  if (std::string missing = names_.explainMissing(); !missing.empty())
    problems_.add(missing);
  list_.problems = problems_.take();
  return std::move(list_);
}

} // namespace

const Task *TaskList::findPid(uint32_t pid) const {
  for (const Task &task : tasks)
    if (task.pid == pid)
      return &task;
  return nullptr;
}

llvm::Expected<PhysAddr> readRoot(const Kernel &kernel, VirtAddr mm) {
  llvm::Expected<Field> pgd = findField(kernel.types(), "mm_struct", {"pgd"});
  if (!pgd)
    return pgd.takeError();
  return readRootAt(kernel, *pgd, mm);
}

llvm::Expected<TaskList> readTaskList(const Kernel &kernel,
                                      const TaskListOptions &options) {
  llvm::Expected<TaskFields> fields = TaskFields::find(kernel.types());
  if (!fields)
    return fields.takeError();
  return TaskListReader(kernel, *fields).read(options);
}

} // namespace vmpt
