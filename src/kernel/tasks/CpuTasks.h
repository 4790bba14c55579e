//===- CpuTasks.h - what each CPU runs, and its idle task -----------------===//
//
// A CPU's run queue knows both. Idle tasks are on no list: swapper/0 is
// init_task, the others only hang there. linux kernel/sched/sched.h struct rq.
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

struct CpuTask {
  uint32_t cpu = 0;
  VirtAddr idle, current; ///< task_structs
};

/// What is added to a per-CPU symbol's address for each CPU. One 0 for a kernel
/// that was built for one CPU, or does not say.
std::vector<uint64_t> readPerCpuOffsets(const Kernel &kernel);

struct CpuTasks {
  std::vector<CpuTask> tasks; ///< One for each CPU that ever ran.
  /// What the dump lacks: of these CPUs it is not known what they run.
  std::vector<std::string> problems;
};

/// The LookupError says what is unknown of this kernel.
llvm::Expected<CpuTasks> readCpuTasks(const Kernel &kernel);

} // namespace vmpt
