//===- TaskList.h - every task of a dumped kernel -------------------------===//
//
// Processes hang on `init_task.tasks`, a ring; threads on their process's
// `signal->thread_head`. Either can be torn in a crashed or compromised
// machine, so the ring is followed in both directions, and the pid
// structures (init_pid_ns.idr) are a second source: who is on one and not on
// the other is kept and named.
//
// linux include/linux/sched.h, kernel/fork.c (copy_process), kernel/pid.c,
// fs/proc/array.c (states, names).
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

struct Task {
  VirtAddr address; ///< Of the task_struct.
  uint32_t pid = 0, tgid = 0;
  uint32_t ppid = 0; ///< As /proc says it: the parent's tgid.
  /// As /proc/PID/comm has it: kernel threads with their full names.
  std::string comm;
  char state = '?'; ///< The letter of /proc/PID/stat.
  bool isKernelThread = false;
  /// On a CPU at the moment of the dump; nothing where that is not known.
  std::optional<bool> isRunning;
  std::optional<uint32_t> cpu;
  /// Called panic(), or runs on the CPU that did; nothing where that is not
  /// known.
  std::optional<bool> hasPanicked;
  /// Only one of the two sources knows it.
  bool isUnlinked = false;
  VirtAddr mm; ///< 0 for kernel threads and after exit.
  /// The top table of `mm`, where it could be found.
  std::optional<PhysAddr> root;
  std::string rootProblem; ///< Why there is none, though there is an mm.

  /// Of a process whose first thread has exited: its threads that have the mm.
  std::vector<Task> memoryThreads;

  bool isLeader() const { return pid == tgid; }
  /// Who has the mm of this process: it, or a thread; null if nobody has.
  const Task *memoryHolder() const {
    return mm.value                ? this
           : memoryThreads.empty() ? nullptr
                                   : &memoryThreads.front();
  }
};

struct TaskList {
  /// Ascending by pid; leaders and threads. Idle tasks have pid 0, one a CPU.
  std::vector<Task> tasks;
  /// panic_cpu could be read: `hasPanicked` of each task is of it.
  bool knowsPanicCpu = false;
  /// What was lost and why, a sentence each.
  std::vector<std::string> problems;

  const Task *findPid(uint32_t pid) const;
};

struct TaskListOptions {
  bool withThreads = true;
  /// Idle tasks that do not run; the others are always listed.
  bool withIdle = false;
};

/// Fails if there is not even a beginning: no init_task, no layout of
/// task_struct.
llvm::Expected<TaskList> readTaskList(const Kernel &kernel,
                                      const TaskListOptions &options);

/// The physical address of an mm_struct's top table, or why not.
llvm::Expected<PhysAddr> readRoot(const Kernel &kernel, VirtAddr mm);

/// The physical address of the top table that an mm_struct points to; an error
/// if it is not in the dump.
llvm::Expected<PhysAddr> rootBehind(const Kernel &kernel, VirtAddr table);

} // namespace vmpt
