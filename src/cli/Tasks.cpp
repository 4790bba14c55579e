//===- Tasks.cpp - vmpt tasks ---------------------------------------------===//
#include "views/Tasks.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "kernel/tasks/TaskTables.h"

namespace vmpt {

namespace {

class TasksCommand final : public KernelReport {
public:
  TasksCommand() : KernelReport("tasks") {}

  void addOwnOptions(OptionParser &parser) override {
    parser.addFlag("--threads", "threads, too", threads_);
  }

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    const KernelImage &image = kernel.image();
    llvm::Expected<TaskList> list = readTaskList(kernel, {threads_});
    if (!list)
      return list.takeError();
    std::vector<TaskTables> rows =
        countTaskTables(*list, image, session.memory(), session.diagnostics());
    writeTasks(writer, rows, list->problems, bit(image.mode.pageShift));
    for (const std::string &problem : list->problems)
      session.gap("task-list", problem);
    return llvm::Error::success();
  }

private:
  bool threads_ = false;
};

} // namespace

const CommandInfo tasksCommand = {
    "tasks", "list every process with its page-table root",
    "Lists processes (with --threads, threads too): pid, tgid, ppid, state, "
    "the mm, the physical root, the size of the page tables and of what they "
    "map.",
    createCommand<TasksCommand>};

} // namespace vmpt
