//===- TaskChoice.h - the tasks that a user chooses ----------------------===//
#pragma once

#include "kernel/tasks/TaskList.h"
#include "session/Session.h"

namespace vmpt {

/// Which task: one of these.
struct TaskChoice {
  std::optional<uint64_t> pid;
  std::optional<std::string> comm;
  std::optional<uint64_t> mm;
  bool all = false;

  /// Is one task found, or none, whatever else the list lacks?
  bool isOfOne() const { return pid || mm; }
};

/// "pid 120 (demo-basic)", on one line whatever the name is.
std::string nameOf(const Task &task);

/// Has it no memory of its own? A kernel thread may borrow an mm.
bool hasNoMm(const Task &task);
/// Why, for one that has none.
std::string explainNoMm(const Task &task);
/// Why a task has no tables to go through.
std::string explainNoRoot(const Task &task);

/// What the list lacks, as gaps.
void tellLack(Session &session, const TaskList &list);

/// The tasks of the session's kernel. What the list lacks is a gap for who
/// \p needsAll of it, else warned of.
llvm::Expected<TaskList> readTaskList(Session &session, const Kernel &kernel,
                                      bool withThreads, bool needsAll);

/// "; the list of tasks is not whole: ...", or nothing: behind the sentence
/// that a task is not in it.
std::string explainLack(const TaskList &list);

/// Those of \p list that \p choice names; at least one.
llvm::Expected<std::vector<const Task *>> chooseTasks(const TaskChoice &choice,
                                                      const TaskList &list);

} // namespace vmpt
