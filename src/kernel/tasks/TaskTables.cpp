#include "kernel/tasks/TaskTables.h"

#include "kernel/find/KernelArch.h"
#include "support/Parallel.h"

#include <unordered_map>

namespace vmpt {

std::vector<TaskTables> countTaskTables(const TaskList &list,
                                        const KernelImage &kernel,
                                        const PhysicalMemory &memory,
                                        Diagnostics &diagnostics) {
  std::vector<TaskTables> rows;
  // A thread has its process's mm: each is counted once.
  std::unordered_map<uint64_t, size_t> known; // Place in `roots`.
  std::vector<PhysAddr> roots;
  std::unordered_map<uint64_t, unsigned> sharers;
  for (const Task &task : list.tasks) {
    rows.push_back({&task, std::nullopt});
    if (const Task *holder = task.isLeader() ? task.memoryHolder() : nullptr)
      ++sharers[holder->mm.value];
    if (task.root && known.try_emplace(task.mm.value, roots.size()).second)
      roots.push_back(*task.root);
  }
  std::vector<TableUse> uses;
  countInOrder<TableUse>(
      roots.size(), diagnostics.threads(),
      [&](unsigned, size_t i, TableUse &use) {
        const PagingMode mode = getTaskMode(kernel, memory, roots[i]);
        use = countTableUse(memory, mode, roots[i], VirtAddr(0),
                            lastUserAddress(kernel, mode));
      },
      [&](size_t, const TableUse &use) {
        uses.push_back(use);
        diagnostics.progress("page tables", uses.size(), roots.size());
        return true;
      },
      /*mostWaiting=*/roots.size());
  for (TaskTables &row : rows)
    if (row.task->root)
      row.use = uses[known.at(row.task->mm.value)];
  for (TaskTables &row : rows)
    if (auto found = sharers.find(row.task->mm.value); found != sharers.end())
      row.sharers = found->second;
  return rows;
}

} // namespace vmpt
