//===- TaskFields.h - the members of task_struct and kin that we read -----===//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// Resolved once for a kernel. What is optional does without: an older kernel
/// has no such member, or it only says more.
struct TaskFields {
  Field tasks, pid, tgid, comm, mm, parent, state, flags;
  std::optional<Field> pgd; ///< mm_struct.pgd
  std::optional<Field> signal;
  std::optional<Field> threadHead; ///< signal_struct.thread_head
  std::optional<Field> threadNode; ///< task_struct.thread_node
  std::optional<Field> exitState, onCpu, cpu;

  static llvm::Expected<TaskFields> find(const TypeSources &types);
};

/// The name of a task as /proc/PID/comm has it. A kernel thread's full name
/// is in its struct kthread (since 5.17), and a kworker adds what it works
/// on: linux kernel/kthread.c get_kthread_comm(), kernel/workqueue.c
/// wq_worker_comm(), which began with the short name until it got
/// format_worker_id().
class TaskNames {
public:
  explicit TaskNames(const Kernel &kernel, const TaskFields &fields);
  llvm::Expected<std::string> read(VirtAddr task, uint64_t flags) const;
  /// What of the names could not be read because no types know it: a sentence;
  /// empty if nothing is missing.
  std::string explainMissing() const;

private:
  std::string workerSuffix(VirtAddr kthread) const;

  const Kernel &kernel_;
  const TaskFields &fields_;
  std::optional<Field> kthread_, fullName_, kthreadData_;
  std::optional<Field> workerDesc_, workerCurrent_, workerPool_;
  bool workersHaveFullNames_ = false;
  mutable unsigned cutNames_ = 0, bareWorkers_ = 0;
};

} // namespace vmpt
