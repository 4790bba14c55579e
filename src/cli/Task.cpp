//===- Task.cpp - vmpt task: the tables of a process ----------------------===//
#include "cli/Commands.h"
#include "cli/ListingOutput.h"
#include "cli/TaskChoice.h"
#include "kernel/find/KernelArch.h"
#include "views/Listing.h"

namespace vmpt {

namespace {

class TaskCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.addWithoutRoot(parser);
    symbols_.add(parser);
    parser.addNumber("--root", "PHYS",
                     "list the table at this physical address", root_);
    task_.add(parser);
    parser.addFlag("--user-pgd", "the table that user code runs on (x86 PTI)",
                   userPgd_);
    parser.addFlag("--user-only", "only the user half", userOnly_);
    listing_.add(parser);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    if (llvm::Error error = task_.check("task", root_.has_value()))
      return error;
    auto writer = output_.createWriter("task", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const Kernel &> kernel = (*session)->kernel();
    if (!kernel)
      return kernel.takeError();
    if (llvm::Error error =
            root_ ? listRoot(**session, *kernel, PhysAddr(*root_), **writer)
                  : listTasks(**session, *kernel, **writer))
      return error;
    (*writer)->finish((*session)->diagnostics().findings());
    return llvm::Error::success();
  }

private:
  llvm::Error listRoot(Session &session, const Kernel &kernel, PhysAddr root,
                       RecordWriter &writer) const;
  llvm::Error listOne(Session &session, const Kernel &kernel, const Task &task,
                      RecordWriter &writer) const;
  llvm::Error listTasks(Session &session, const Kernel &kernel,
                        RecordWriter &writer) const;
  void listSeveral(Session &session, const Kernel &kernel,
                   llvm::ArrayRef<const Task *> tasks,
                   RecordWriter &writer) const;

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  TaskOptions task_;
  ListingOptions listing_;
  OutputOptions output_;
  std::optional<uint64_t> root_;
  bool userPgd_ = false;
  bool userOnly_ = false;
};

llvm::Error TaskCommand::listTasks(Session &session, const Kernel &kernel,
                                   RecordWriter &writer) const {
  const bool threads = task_.pid.has_value();
  llvm::Expected<TaskList> list = readTaskList(kernel, {threads});
  if (!list)
    return session.withFileName(list.takeError());
  for (const std::string &problem : list->problems)
    session.warn("task-list", problem);
  llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(task_, *list);
  if (!tasks)
    return session.withFileName(tasks.takeError());
  if (tasks->size() == 1)
    return listOne(session, kernel, *tasks->front(), writer);
  listSeveral(session, kernel, *tasks, writer);
  return llvm::Error::success();
}

llvm::Error TaskCommand::listRoot(Session &session, const Kernel &kernel,
                                  PhysAddr root, RecordWriter &writer) const {
  auto userRoot = kernel.image().arch->userRoot;
  if (userPgd_ && userRoot)
    root = userRoot(kernel, root);
  llvm::Expected<ListingPlan> plan =
      planTaskListing(kernel.image(), root, userOnly_);
  if (!plan)
    return session.withFileName(plan.takeError());
  if (llvm::Error error = writeListing(session, listing_, *plan, writer))
    return session.withFileName(std::move(error));
  return llvm::Error::success();
}

llvm::Error TaskCommand::listOne(Session &session, const Kernel &kernel,
                                 const Task &task, RecordWriter &writer) const {
  writer.context("pid", task.pid);
  writer.context("comm", task.comm);
  if (task.root)
    return listRoot(session, kernel, *task.root, writer);
  return session.withFileName(
      llvm::make_error<LookupError>(nameOf(task) + ": " + explainNoRoot(task)));
}

void TaskCommand::listSeveral(Session &session, const Kernel &kernel,
                              llvm::ArrayRef<const Task *> tasks,
                              RecordWriter &writer) const {
  size_t done = 0;
  writer.beginList({"processes", "process"});
  for (const Task *task : tasks) {
    writer.beginGroup(nameOf(*task));
    Subject subject;
    subject.pid = task->pid;
    if (llvm::Error error = listOne(session, kernel, *task, writer)) {
      session.gap("root-of-task", std::move(error), subject);
      writeNoListing(writer);
    }
    writer.endGroup();
    session.diagnostics().progress("listings", ++done, tasks.size());
  }
  writer.endList();
}

} // namespace

const CommandInfo taskCommand = {
    "task", "print a task's page tables",
    "Prints page_tables/current_kernel as that task would have read it; with "
    "--user-pgd page_tables/current_user. Choose by --pid, --comm, --mm or "
    "--root, or --all.",
    createCommand<TaskCommand>};

} // namespace vmpt
