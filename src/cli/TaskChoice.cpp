#include "cli/TaskChoice.h"

#include "support/Text.h"

namespace vmpt {

std::string nameOf(const Task &task) {
  return "pid " + std::to_string(task.pid) + " (" + escapeName(task.comm) + ")";
}

std::string explainNoRoot(const Task &task) {
  if (task.mm.value)
    return task.rootProblem;
  return task.isKernelThread
             ? "a kernel thread has no page tables of its own; vmpt kernel "
               "lists the kernel's"
             : "it has no mm: it is exiting or a zombie";
}

llvm::Expected<TaskList> readTaskList(Session &session, const Kernel &kernel,
                                      bool withThreads) {
  llvm::Expected<TaskList> list = readTaskList(kernel, {withThreads});
  if (list)
    for (const std::string &problem : list->problems)
      session.warn("task-list", problem);
  return list;
}

llvm::Expected<std::vector<const Task *>>
chooseTasks(const TaskOptions &options, const TaskList &list) {
  std::vector<const Task *> chosen;
  for (const Task &task : list.tasks) {
    bool matches = options.all   ? task.isLeader() && task.mm.value
                   : options.pid ? task.pid == *options.pid
                   : options.mm
                       ? task.mm == VirtAddr(*options.mm) && task.isLeader()
                       : task.isLeader() && task.comm == *options.comm;
    if (matches)
      chosen.push_back(&task);
  }
  if (chosen.empty())
    return llvm::make_error<LookupError>(
        options.all   ? "no process has page tables of its own"
        : options.pid ? "no task has pid " + std::to_string(*options.pid) +
                            "; vmpt tasks --threads lists them"
        : options.mm ? "no process has an mm_struct at " + hex(*options.mm)
                     : "no process is called '" + *options.comm +
                           "'; vmpt tasks lists them");
  // Processes that share an mm have one listing.
  if (options.mm)
    chosen.erase(chosen.begin() + 1, chosen.end());
  return chosen;
}

} // namespace vmpt
