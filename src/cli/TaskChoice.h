//===- TaskChoice.h - a dump's kernel, and the tasks options choose -------===//
#pragma once

#include "cli/Session.h"
#include "kernel/tasks/TaskList.h"

namespace vmpt {

/// A dump with its kernel, symbols and types.
struct OpenKernel {
  Dump dump;
  KernelImage kernel;
  std::unique_ptr<KernelDebug> debug;
};

llvm::Expected<std::unique_ptr<OpenKernel>> openKernel(const Options &options);

/// "pid 120 (demo-basic)", on one line whatever the name is.
std::string nameOf(const Task &task);

/// Those of \p list that --pid, --comm, --mm or --all chooses; at least one.
llvm::Expected<std::vector<const Task *>> chooseTasks(const Options &options,
                                                      const TaskList &list);

} // namespace vmpt
