#include "cli/SpaceChoice.h"

#include "cli/TaskChoice.h"

namespace vmpt {

static llvm::Expected<ChosenSpace> chooseTask(uint64_t pid, Session &session,
                                              const Kernel &kernel) {
  llvm::Expected<TaskList> list =
      readTaskList(session, kernel, /*withThreads=*/true);
  if (!list)
    return list.takeError();
  TaskOptions options;
  options.pid = pid;
  llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(options, *list);
  if (!tasks)
    return tasks.takeError();
  const Task &task = *tasks->front();
  if (!task.root)
    return llvm::make_error<LookupError>(nameOf(task) + ": " +
                                         explainNoRoot(task));
  return ChosenSpace{Translator::ofTask(kernel, *task.root), task};
}

llvm::Expected<ChosenSpace> chooseSpace(const SpaceOptions &options,
                                        Session &session) {
  llvm::Expected<const Kernel &> kernel = session.kernel();
  if (!kernel)
    return kernel.takeError();
  if (options.pid)
    return chooseTask(*options.pid, session, *kernel);
  if (options.root)
    if (llvm::Error error =
            session.checkRoot(kernel->image(), PhysAddr(*options.root)))
      return error;
  if (options.root)
    return ChosenSpace{Translator::ofRoot(*kernel, PhysAddr(*options.root)),
                       std::nullopt};
  return ChosenSpace{Translator::ofKernel(*kernel), std::nullopt};
}

} // namespace vmpt
