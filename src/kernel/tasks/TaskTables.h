//===- TaskTables.h - what the page tables of every task take -------------===//
#pragma once

#include "kernel/tasks/TaskList.h"
#include "paging/TableUse.h"

namespace vmpt {

/// A task and what its tables take.
struct TaskTables {
  const Task *task;
  std::optional<TableUse> use; ///< Nothing for a task without a root.
  /// How many of the listed processes have the same mm.
  unsigned sharers = 1;
};

/// One for each task of \p list, which must outlive the result. The tables of
/// an mm are counted once, whoever has it.
std::vector<TaskTables> countTaskTables(const TaskList &list,
                                        const KernelImage &kernel,
                                        const PhysicalMemory &memory,
                                        Diagnostics &diagnostics);

} // namespace vmpt
