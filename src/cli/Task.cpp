//===- Task.cpp - vmpt task, vmpt efi: the tables of others ---------------===//
#include "cli/TaskChoice.h"
#include "kernel/find/KernelArch.h"
#include "listing/Plan.h"

#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

llvm::Expected<int> listRoot(const Options &options, const OpenKernel &open,
                             PhysAddr root) {
  auto userRoot = open.kernel.arch->userRoot;
  if (options.userPgd && userRoot)
    root = userRoot(*open.debug, root);
  llvm::Expected<ListingPlan> plan =
      planTaskListing(open.kernel, root, options.userOnly);
  if (!plan)
    return withFileName(options, plan.takeError());
  return printListing(options, *plan, *open.dump.memory);
}

llvm::Expected<int> listTasks(const Options &options, const OpenKernel &open,
                              llvm::ArrayRef<const Task *> tasks) {
  int status = 0;
  size_t done = 0;
  for (const Task *task : tasks) {
    if (tasks.size() > 1)
      llvm::outs() << "=== " << nameOf(*task) << " ===\n";
    if (!task->root) {
      std::string reason =
          task->mm.value ? task->rootProblem
          : task->isKernelThread
              ? "a kernel thread has no page tables of its own; vmpt kernel "
                "lists the kernel's"
              : "it has no mm: it is exiting or a zombie";
      if (tasks.size() == 1)
        return withFileName(options, llvm::make_error<LookupError>(
                                         nameOf(*task) + ": " + reason));
      warn(options, nameOf(*task) + ": " + reason);
      status = 1;
      continue;
    }
    llvm::Expected<int> listed = listRoot(options, open, *task->root);
    if (!listed && tasks.size() == 1)
      return listed;
    if (!listed) {
      warn(options, llvm::toString(listed.takeError()));
      status = 1;
    } else
      status = std::max(status, *listed);
    standardDiagnostics().progress("listings", ++done, tasks.size());
  }
  return status;
}

} // namespace

llvm::Expected<int> runTask(const Options &options) {
  const int choices = options.pid.has_value() + options.comm.has_value() +
                      options.mm.has_value() + options.taskRoot.has_value() +
                      options.all;
  if (choices != 1)
    return llvm::make_error<UsageError>(
        "task needs one of --pid, --comm, --mm, --root and --all");
  llvm::Expected<std::unique_ptr<OpenKernel>> open = openKernel(options);
  if (!open)
    return open.takeError();
  if (options.taskRoot)
    return listRoot(options, **open, PhysAddr(*options.taskRoot));
  const bool threads = options.pid.has_value();
  llvm::Expected<TaskList> list = readTaskList(*(*open)->debug, {threads});
  if (!list)
    return withFileName(options, list.takeError());
  for (const std::string &problem : list->problems)
    warn(options, problem);
  llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(options, *list);
  if (!tasks)
    return withFileName(options, tasks.takeError());
  return listTasks(options, **open, *tasks);
}

llvm::Expected<int> runEfi(const Options &options) {
  llvm::Expected<std::unique_ptr<OpenKernel>> open = openKernel(options);
  if (!open)
    return open.takeError();
  llvm::Expected<PhysAddr> root = readEfiRoot(*(*open)->debug);
  if (!root)
    return withFileName(options, root.takeError());
  llvm::Expected<ListingPlan> plan = planEfiListing((*open)->kernel, *root);
  if (!plan)
    return withFileName(options, plan.takeError());
  return printListing(options, *plan, *(*open)->dump.memory);
}

} // namespace vmpt
