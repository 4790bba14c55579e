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
struct PerCpuOffsets {
  std::vector<uint64_t> all; ///< In order. Behind the CPUs may be other data.
  size_t sureCount = 0;      ///< So many surely are CPUs'.
  /// What the dump has lost of nr_cpu_ids and __per_cpu_offset.
  std::vector<std::string> problems;

  llvm::ArrayRef<uint64_t> sure() const {
    return llvm::ArrayRef<uint64_t>(all).take_front(sureCount);
  }
};
PerCpuOffsets readPerCpuOffsets(const Kernel &kernel);

struct CpuTasks {
  std::vector<CpuTask> tasks; ///< One for each CPU that ever ran.
  /// What the dump lacks: of these CPUs it is not known what they run.
  std::vector<std::string> problems;
};

/// The LookupError says what is unknown of this kernel.
llvm::Expected<CpuTasks> readCpuTasks(const Kernel &kernel);

} // namespace vmpt
