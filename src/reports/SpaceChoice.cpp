#include "reports/SpaceChoice.h"

#include "reports/TaskChoice.h"

namespace vmpt {

static llvm::Expected<ChosenSpace> chooseTask(uint64_t pid, Session &session,
                                              const Kernel &kernel) {
  llvm::Expected<TaskList> list =
      readTaskList(session, kernel, /*withThreads=*/true, /*needsAll=*/false);
  if (!list)
    return list.takeError();
  TaskChoice choice;
  choice.pid = pid;
  llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(choice, *list);
  if (!tasks)
    return tasks.takeError();
  const Task &task = *tasks->front();
  if (!task.root)
    return llvm::make_error<LookupError>(nameOf(task) + ": " +
                                         explainNoRoot(task));
  return ChosenSpace{Translator::ofTask(kernel, *task.root), task};
}

llvm::Expected<ChosenSpace> chooseSpace(const SpaceChoice &choice,
                                        Session &session) {
  llvm::Expected<const Kernel &> kernel = session.kernel();
  if (!kernel)
    return kernel.takeError();
  if (choice.pid)
    return chooseTask(*choice.pid, session, *kernel);
  if (choice.root)
    if (llvm::Error error =
            session.checkRoot(kernel->image(), PhysAddr(*choice.root)))
      return error;
  if (choice.root)
    return ChosenSpace{Translator::ofRoot(*kernel, PhysAddr(*choice.root)),
                       std::nullopt};
  return ChosenSpace{Translator::ofKernel(*kernel), std::nullopt};
}

} // namespace vmpt
