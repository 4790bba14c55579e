#include "reports/TaskChoice.h"

#include "support/Text.h"

namespace vmpt {

std::string nameOf(const Task &task) {
  return "pid " + std::to_string(task.pid) + " (" + escapeName(task.comm) + ")";
}

bool hasNoMm(const Task &task) { return !task.mm.value || task.isKernelThread; }

std::string explainNoMm(const Task &task) {
  if (task.isKernelThread)
    return "a kernel thread has no memory of its own, only the kernel's";
  if (task.memoryThreads.empty())
    return "it has no mm: it is exiting or a zombie";
  constexpr size_t most = 8;
  std::string threads;
  for (const Task &thread :
       llvm::ArrayRef<Task>(task.memoryThreads).take_front(most))
    threads += (threads.empty() ? "" : ", ") + std::to_string(thread.pid);
  const size_t count = task.memoryThreads.size();
  if (count > most)
    threads += " and " + std::to_string(count - most) + " more";
  return "its first thread has exited; its memory is that of " +
         std::string(count > 1 ? "threads " : "thread ") + threads +
         ": pass --pid " + std::to_string(task.memoryThreads.front().pid);
}

std::string explainNoRoot(const Task &task) {
  return hasNoMm(task) ? explainNoMm(task) : task.rootProblem;
}

void tellLack(Session &session, const TaskList &list) {
  for (const std::string &problem : list.problems)
    session.gap("task-list", problem);
}

llvm::Expected<TaskList> readTaskList(Session &session, const Kernel &kernel,
                                      bool withThreads, bool needsAll) {
  llvm::Expected<TaskList> list = session.readTasks(kernel, {withThreads});
  if (!list)
    return list;
  if (needsAll)
    tellLack(session, *list);
  else
    for (const std::string &problem : list->problems)
      session.warn("task-list", problem);
  return list;
}

std::string explainLack(const TaskList &list) {
  return list.problems.empty()
             ? ""
             : "; the list of tasks is not whole: " + list.problems.front();
}

llvm::Expected<std::vector<const Task *>> chooseTasks(const TaskChoice &choice,
                                                      const TaskList &list) {
  std::vector<const Task *> chosen;
  for (const Task &task : list.tasks) {
    if (choice.pid) {
      if (task.pid == *choice.pid)
        chosen.push_back(&task);
      continue;
    }
    if (!task.isLeader())
      continue;
    // Of a process whose first thread has exited, a thread stands for it.
    const Task *holder = task.memoryHolder();
    if (choice.comm
            ? task.comm == *choice.comm
            : holder && (choice.all || (holder->mm == VirtAddr(*choice.mm) &&
                                        !holder->isKernelThread)))
      chosen.push_back(holder ? holder : &task);
  }
  if (chosen.empty())
    return llvm::make_error<LookupError>(
        (choice.all   ? std::string("no process has page tables of its own")
         : choice.pid ? "no task has pid " + std::to_string(*choice.pid) +
                            "; vmpt tasks --threads lists them"
         : choice.mm ? "no process has an mm_struct at " + hex(*choice.mm)
                     : "no process is called '" + *choice.comm +
                           "'; vmpt tasks lists them") +
        explainLack(list));
  // Processes that share an mm have one listing.
  if (choice.mm)
    chosen.erase(chosen.begin() + 1, chosen.end());
  return chosen;
}

} // namespace vmpt
