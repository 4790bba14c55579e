//===- TaskChoice.h - the tasks that options choose -----------------------===//
#pragma once

#include "cli/OptionGroups.h"
#include "kernel/tasks/TaskList.h"
#include "session/Session.h"

namespace vmpt {

/// "pid 120 (demo-basic)", on one line whatever the name is.
std::string nameOf(const Task &task);

/// Has it no memory of its own? A kernel thread may borrow an mm.
bool hasNoMm(const Task &task);
/// Why, for one that has none.
std::string explainNoMm(const Task &task);
/// Why a task has no tables to go through.
std::string explainNoRoot(const Task &task);

/// The tasks of the session's kernel. What the list lacks is warned of.
llvm::Expected<TaskList> readTaskList(Session &session, const Kernel &kernel,
                                      bool withThreads);

/// Those of \p list that --pid, --comm, --mm or --all chooses; at least one.
llvm::Expected<std::vector<const Task *>>
chooseTasks(const TaskOptions &options, const TaskList &list);

} // namespace vmpt
