//===- Tasks.cpp - vmpt tasks ---------------------------------------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "reports/Reports.h"

namespace vmpt {

namespace {

class TasksCommand final : public KernelReport {
public:
  TasksCommand() : KernelReport("tasks") {}

  void addDumpOptions(DumpOptions &dump, OptionParser &parser) override {
    dump.add(parser, "-j"); // --threads lists threads
  }
  void addOwnOptions(OptionParser &parser) override {
    parser.addFlag("--threads", "threads, too", options_.withThreads);
    parser.addFlag("--idle", "idle tasks, too, that do not run",
                   options_.withIdle);
  }

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    return reportTasks(session, kernel, options_, writer);
  }

private:
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
