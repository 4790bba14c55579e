//===- RssCounter.h - how many pages the kernel counts for a process ------===//
//
// mm_struct.rss_stat: an array of numbers up to 6.1, beside which each thread
// kept some back (SPLIT_RSS_COUNTING, task_struct.rss_stat); of percpu_counter
// since "mm: convert mm's rss stats into percpu_counter" (6.2). linux
// include/linux/mm_types_task.h: MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS,
// MM_SHMEMPAGES.
//
#pragma once

#include "kernel/tasks/CpuTasks.h"
#include "kernel/tasks/TaskList.h"

#include "llvm/ADT/DenseMap.h"

namespace vmpt {

class RssCounter {
public:
  /// \p kernel must outlive the object.
  RssCounter(const Kernel &kernel, const TaskList &tasks);

  /// Why nothing can be counted; else empty.
  const std::string &problem() const { return problem_; }
  /// Pages in memory, of files, anonymous and shared. Nothing if a counter is
  /// not in the dump.
  std::optional<int64_t> count(VirtAddr mm) const;

private:
  std::optional<int64_t> counter(VirtAddr mm, unsigned index) const;
  void addThreads(const TaskList &tasks);

  const Kernel &kernel_;
  std::string problem_;
  std::optional<Field> total_, perCpuCount_, perCpuParts_;
  llvm::DenseMap<uint64_t, int64_t> keptByThreads_; ///< By mm.
  uint64_t counterBytes_ = 0;
  PerCpuOffsets perCpu_;
};

} // namespace vmpt
