//===- Tasks.cpp - vmpt tasks ---------------------------------------------===//
#include "views/Tasks.h"
#include "analysis/Panic.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "cli/TaskChoice.h"
#include "kernel/context/Problems.h"
#include "kernel/tasks/TaskTables.h"

namespace vmpt {

namespace {

class TasksCommand final : public KernelReport {
public:
  TasksCommand() : KernelReport("tasks") {}

  void addOwnOptions(OptionParser &parser) override {
    parser.addFlag("--threads", "threads, too", options_.withThreads);
    parser.addFlag("--idle", "idle tasks, too, that do not run",
                   options_.withIdle);
  }

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    const KernelImage &image = kernel.image();
    llvm::Expected<TaskList> list = session.readTasks(kernel, options_);
    if (!list)
      return list.takeError();
    findPanicked(kernel, session.dump().machine, *list);
    std::vector<TaskTables> rows =
        countTaskTables(*list, image, session.memory(), session.diagnostics());
    std::vector<std::string> problems = list->problems;
    for (const std::string &problem : problems)
      session.gap("task-list", problem);
    Problems missing;
    for (const TaskTables &row : rows)
      nameMissing(row, missing);
    for (const std::string &problem : missing.take()) {
      session.gap("root-of-task", problem);
      problems.push_back(problem);
    }
    writeTasks(writer, rows, problems, bit(image.mode.pageShift));
    return llvm::Error::success();
  }

private:
  static void nameMissing(const TaskTables &row, Problems &missing) {
    if (!row.task->rootProblem.empty())
      missing.add(nameOf(*row.task) +
                  ": no page tables: " + row.task->rootProblem);
    else if (row.use && row.use->absentTables)
      missing.add(nameOf(*row.task) + ": " +
                  llvm::Twine(row.use->absentTables) +
                  " page tables are not in the dump");
    else if (row.use && row.use->isCut)
      missing.add(nameOf(*row.task) + ": page tables without end");
  }

  TaskListOptions options_{/*withThreads=*/false};
};

} // namespace

const CommandInfo tasksCommand = {
    "tasks", "list every process with its page-table root",
    "Lists processes (with --threads, threads too) and the idle tasks that "
    "run (with --idle, all): pid, tgid, ppid, state, "
    "the mm, the physical root, the size of the page tables and of what they "
    "map.",
    createCommand<TasksCommand>};

} // namespace vmpt
