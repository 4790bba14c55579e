//===- Task.cpp - vmpt task, vmpt efi: the tables of others
//----------------===//
#include "cli/Session.h"
#include "kernel/KernelArch.h"
#include "kernel/TaskList.h"
#include "listing/Plan.h"
#include "support/Text.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

/// A dump with its kernel, symbols and types.
struct OpenKernel {
  Dump dump;
  KernelImage kernel;
  std::unique_ptr<KernelDebug> debug;
};

llvm::Expected<std::unique_ptr<OpenKernel>> openKernel(const Options &options) {
  auto open = std::make_unique<OpenKernel>();
  llvm::Expected<Dump> dump = openDump(options);
  if (!dump)
    return dump.takeError();
  open->dump = std::move(*dump);
  llvm::Expected<KernelImage> kernel =
      findKernel(options, open->dump, *open->dump.memory);
  if (!kernel)
    return kernel.takeError();
  open->kernel = std::move(*kernel);
  open->debug = KernelDebug::create(open->kernel, *open->dump.memory);
  return open;
}

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

std::string nameOf(const Task &task) {
  return "pid " + std::to_string(task.pid) + " (" + task.comm + ")";
}

/// Those that the options choose.
llvm::Expected<std::vector<const Task *>> choose(const Options &options,
                                                 const TaskList &list) {
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

llvm::Expected<int> listTasks(const Options &options, const OpenKernel &open,
                              llvm::ArrayRef<const Task *> tasks) {
  int status = 0;
  size_t done = 0;
  for (const Task *task : tasks) {
    if (tasks.size() > 1)
      llvm::outs() << "=== " << printable(nameOf(*task)) << " ===\n";
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
  llvm::Expected<std::vector<const Task *>> tasks = choose(options, *list);
  if (!tasks)
    return withFileName(options, tasks.takeError());
  return listTasks(options, **open, *tasks);
}

llvm::Expected<int> runEfi(const Options &options) {
  llvm::Expected<std::unique_ptr<OpenKernel>> open = openKernel(options);
  if (!open)
    return open.takeError();
  llvm::Expected<VirtAddr> mm = (*open)->debug->address("efi_mm");
  if (!mm)
    return withFileName(options, mm.takeError());
  llvm::Expected<PhysAddr> root = readRoot(*(*open)->debug, *mm);
  if (!root)
    return withFileName(options, root.takeError());
  llvm::Expected<ListingPlan> plan = planEfiListing((*open)->kernel, *root);
  if (!plan)
    return withFileName(options, plan.takeError());
  return printListing(options, *plan, *(*open)->dump.memory);
}

} // namespace vmpt
