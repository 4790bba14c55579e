//===- Task.cpp - vmpt task: the tables of a process ----------------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "cli/ListingOutput.h"
#include "cli/TaskChoice.h"
#include "kernel/find/KernelArch.h"
#include "views/Listing.h"

namespace vmpt {

namespace {

class TaskCommand final : public KernelReport {
public:
  TaskCommand() : KernelReport("task") {}

  void addKernelOptions(KernelOptions &kernel, OptionParser &parser) override {
    kernel.addWithoutRoot(parser);
  }
  void addOwnOptions(OptionParser &parser) override {
    parser.addNumber("--root", "PHYS",
                     "list the table at this physical address", root_);
    task_.add(parser);
    parser.addFlag("--user-pgd", "the table that user code runs on (x86 PTI)",
                   userPgd_);
    parser.addFlag("--user-only", "only the user half", userOnly_);
    listing_.add(parser);
  }
  std::optional<uint64_t> givenRoot() const override { return root_; }
  llvm::Error check(RecordWriter &) override {
    if (llvm::Error error = task_.check(name(), root_.has_value()))
      return error;
    return listing_.check();
  }

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    ListingOutput output(session, listing_, writer);
    // Listings of all tasks have the same sections.
    llvm::Expected<ListingPlan> plan =
        planTaskListing(kernel.image(), PhysAddr(0), userOnly_);
    if (!plan)
      return plan.takeError();
    if (llvm::Error error = output.prepare(*plan))
      return error;
    if (llvm::Error error = root_ ? listGiven(session, kernel, output)
                                  : listTasks(session, kernel, output, writer))
      return error;
    output.finish();
    return llvm::Error::success();
  }

private:
  llvm::Error listGiven(Session &session, const Kernel &kernel,
                        ListingOutput &output) const;
  llvm::Error listRoot(const Kernel &kernel, PhysAddr root, const Task *task,
                       ListingOutput &output) const;
  llvm::Error listOne(Session &session, const Kernel &kernel, const Task &task,
                      ListingOutput &output, RecordWriter &writer) const;
  llvm::Error listTasks(Session &session, const Kernel &kernel,
                        ListingOutput &output, RecordWriter &writer) const;
  void listSeveral(Session &session, const Kernel &kernel,
                   llvm::ArrayRef<const Task *> tasks, ListingOutput &output,
                   RecordWriter &writer) const;

  TaskOptions task_;
  ListingOptions listing_;
  std::optional<uint64_t> root_;
  bool userPgd_ = false;
  bool userOnly_ = false;
};

llvm::Error TaskCommand::listTasks(Session &session, const Kernel &kernel,
                                   ListingOutput &output,
                                   RecordWriter &writer) const {
  const bool threads = task_.pid.has_value();
  llvm::Expected<TaskList> list = readTaskList(session, kernel, threads);
  if (!list)
    return list.takeError();
  llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(task_, *list);
  if (!tasks)
    return tasks.takeError();
  if (tasks->size() == 1)
    return listOne(session, kernel, *tasks->front(), output, writer);
  listSeveral(session, kernel, *tasks, output, writer);
  return llvm::Error::success();
}

llvm::Error TaskCommand::listGiven(Session &session, const Kernel &kernel,
                                   ListingOutput &output) const {
  const PhysAddr root(*root_);
  if (llvm::Error error = session.checkRoot(kernel.image(), root))
    return error;
  return listRoot(kernel, root, nullptr, output);
}

llvm::Error TaskCommand::listRoot(const Kernel &kernel, PhysAddr root,
                                  const Task *task,
                                  ListingOutput &output) const {
  auto userRoot = kernel.image().arch->userRoot;
  if (userPgd_ && userRoot)
    root = userRoot(kernel, root);
  llvm::Expected<ListingPlan> plan =
      planTaskListing(kernel.image(), root, userOnly_);
  if (!plan)
    return plan.takeError();
  return output.write(*plan, task);
}

llvm::Error TaskCommand::listOne(Session &session, const Kernel &kernel,
                                 const Task &task, ListingOutput &output,
                                 RecordWriter &writer) const {
  writer.context("pid", task.pid);
  writer.context("comm", task.comm);
  if (hasNoMm(task)) {
    // As the kernel does: page_tables/current_kernel is empty then.
    session.warn("no-mm", nameOf(task) + ": " + explainNoMm(task));
    writeNoListing(writer);
    return llvm::Error::success();
  }
  if (task.root)
    return listRoot(kernel, *task.root, &task, output);
  return llvm::make_error<LookupError>(nameOf(task) + ": " +
                                       explainNoRoot(task));
}

void TaskCommand::listSeveral(Session &session, const Kernel &kernel,
                              llvm::ArrayRef<const Task *> tasks,
                              ListingOutput &output,
                              RecordWriter &writer) const {
  size_t done = 0;
  writer.beginList({"processes", "process"});
  for (const Task *task : tasks) {
    writer.beginGroup(nameOf(*task));
    Subject subject;
    subject.pid = task->pid;
    if (llvm::Error error = listOne(session, kernel, *task, output, writer)) {
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
