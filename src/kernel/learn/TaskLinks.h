//===- TaskLinks.h - threads, pids and kernel threads, learned ------------===//
//
// What hangs on a task: the list of its process's threads, whose head in the
// signal_struct points to the first; its struct pid, which points back and is
// in the namespace's tree at its own number; and of a kernel thread its struct
// kthread, with the function that it runs.
//
// linux v5.10, v6.1, v6.12 include/linux/sched.h, include/linux/sched/signal.h,
// include/linux/pid.h, kernel/kthread.c, kernel/workqueue_internal.h.
//
#pragma once

#include "kernel/context/LearnedPlaces.h"
#include "kernel/learn/TaskSamples.h"

namespace vmpt {

llvm::Expected<LearnedPlaces> learnThreads(const Kernel &kernel,
                                           llvm::ArrayRef<TaskSample> tasks);
llvm::Expected<LearnedPlaces> learnPids(const Kernel &kernel,
                                        llvm::ArrayRef<TaskSample> tasks);
/// What there is to learn: a kernel has no full names, or no worker has worked.
llvm::Expected<LearnedPlaces>
learnKernelThreads(const Kernel &kernel, llvm::ArrayRef<TaskSample> tasks);

/// A task_struct is no longer.
constexpr uint64_t maxTaskBytes = 12288;

} // namespace vmpt
