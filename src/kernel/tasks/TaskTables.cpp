#include "kernel/tasks/TaskTables.h"

#include "kernel/find/KernelArch.h"

#include <unordered_map>

namespace vmpt {

std::vector<TaskTables> countTaskTables(const TaskList &list,
                                        const KernelImage &kernel,
                                        const PhysicalMemory &memory,
                                        Diagnostics &diagnostics) {
  std::vector<TaskTables> rows;
  // A thread has its process's mm: each is counted once.
  std::unordered_map<uint64_t, TableUse> known;
  std::unordered_map<uint64_t, unsigned> sharers;
  const VirtAddr last = kernel.arch->lastUserAddress(kernel);
  size_t done = 0;
  for (const Task &task : list.tasks) {
    TaskTables row{&task, std::nullopt};
    if (const Task *holder = task.isLeader() ? task.memoryHolder() : nullptr)
      ++sharers[holder->mm.value];
    if (task.root) {
      auto [found, isNew] = known.try_emplace(task.mm.value);
      if (isNew)
        found->second =
            countTableUse(memory, kernel.mode, *task.root, VirtAddr(0), last);
      row.use = found->second;
    }
    rows.push_back(row);
    diagnostics.progress("page tables", ++done, list.tasks.size());
  }
  for (TaskTables &row : rows)
    if (auto found = sharers.find(row.task->mm.value); found != sharers.end())
      row.sharers = found->second;
  return rows;
}

} // namespace vmpt
