//===- TaskSamples.h - the tasks that other layouts are learned from ------===//
#pragma once

#include "kernel/learn/Samples.h"

namespace vmpt {

struct TaskSample {
  VirtAddr at, mm;
  uint32_t pid = 0, tgid = 0;
  uint64_t flags = 0;
  std::string comm;
  /// Where the mm's top table lies, if that is known.
  std::optional<PhysAddr> root;

  bool isKernelThread() const;
};

/// The tasks on the ring of init_task, itself first; so many of them at most
/// as settle what is where. The LookupError says what of the ring is unknown.
llvm::Expected<std::vector<TaskSample>> sampleTasks(const Kernel &kernel);

} // namespace vmpt
