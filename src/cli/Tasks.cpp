//===- Tasks.cpp - vmpt tasks ---------------------------------------------===//
#include "views/Tasks.h"
#include "cli/Commands.h"
#include "kernel/tasks/TaskTables.h"

namespace vmpt {

namespace {

class TasksCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addFlag("--threads", "threads, too", threads_);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("tasks", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const Kernel &> kernel = (*session)->kernel();
    if (!kernel)
      return kernel.takeError();
    const KernelImage &image = kernel->image();
    llvm::Expected<TaskList> list = readTaskList(*kernel, {threads_});
    if (!list)
      return (*session)->withFileName(list.takeError());
    std::vector<TaskTables> rows = countTaskTables(
        *list, image, (*session)->memory(), (*session)->diagnostics());
    writeTasks(**writer, rows, list->problems, bit(image.mode.pageShift));
    for (const std::string &problem : list->problems)
      (*session)->gap("task-list", problem);
    (*writer)->finish((*session)->diagnostics().findings());
    return llvm::Error::success();
  }

private:
  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
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
