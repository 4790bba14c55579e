//===- TaskListing.cpp - page-table listings ------------------------------===//
#include "kernel/find/KernelArch.h"
#include "reports/Reports.h"
#include "support/Parallel.h"
#include "views/Listing.h"

namespace vmpt {

namespace {

/// The listings that one choice names.
class TaskListing {
public:
  TaskListing(Session &session, const Kernel &kernel, const TableChoice &tables,
              ListingOutput &output, RecordWriter &writer)
      : session_(session), kernel_(kernel), tables_(tables), output_(output),
        writer_(writer) {}
  llvm::Error list();

private:
  llvm::Error listGiven();
  llvm::Expected<ListingPlan> plan(PhysAddr root) const;
  llvm::Error listRoot(PhysAddr root, const Task *task,
                       const MadeListing *made = nullptr);
  llvm::Error listOne(const Task &task, const MadeListing *made = nullptr);
  llvm::Error listTasks();
  void listSeveral(llvm::ArrayRef<const Task *> tasks);

  Session &session_;
  const Kernel &kernel_;
  const TableChoice &tables_;
  ListingOutput &output_;
  RecordWriter &writer_;
};

llvm::Error TaskListing::list() {
  const KernelArch &arch = *kernel_.image().arch;
  if (tables_.userPgd && !arch.userRoot)
    return llvm::make_error<UsageError>(
        "--user-pgd says nothing about " + getArchName(arch.arch) +
        ", where user code runs on the table that task lists without it");
  return tables_.root ? listGiven() : listTasks();
}

llvm::Expected<ListingPlan> TaskListing::plan(PhysAddr root) const {
  auto userRoot = kernel_.image().arch->userRoot;
  return planTaskListing(kernel_.image(), kernel_.memory().physical(),
                         tables_.userPgd && userRoot ? userRoot(kernel_, root)
                                                     : root,
                         tables_.userOnly);
}

llvm::Error TaskListing::listRoot(PhysAddr root, const Task *task,
                                  const MadeListing *made) {
  llvm::Expected<ListingPlan> planned = plan(root);
  if (!planned)
    return planned.takeError();
  return output_.write(*planned, task, made);
}

llvm::Error TaskListing::listGiven() {
  const PhysAddr root(*tables_.root);
  if (llvm::Error error = session_.checkRoot(kernel_.image(), root))
    return error;
  return listRoot(root, nullptr);
}

llvm::Error TaskListing::listOne(const Task &task, const MadeListing *made) {
  writer_.context("pid", task.pid);
  writer_.context("comm", task.comm);
  if (hasNoMm(task)) {
    // As the kernel does: page_tables/current_kernel is empty then.
    session_.warn("no-mm", nameOf(task) + ": " + explainNoMm(task));
    writeNoListing(writer_);
    return llvm::Error::success();
  }
  if (task.root)
    return listRoot(*task.root, &task, made);
  return llvm::make_error<LookupError>(nameOf(task) + ": " +
                                       explainNoRoot(task));
}

void TaskListing::listSeveral(llvm::ArrayRef<const Task *> tasks) {
  // What waits for its turn is a few hundred megabytes at most.
  constexpr uint64_t mostLinesInAll = 2'000'000;
  const unsigned threads =
      output_.canMake() ? session_.diagnostics().threads() : 1;
  std::vector<std::optional<ListedTables>> known(threads);
  auto make = [&](unsigned worker, size_t i, MadeListing &made) {
    if (threads < 2 || hasNoMm(*tasks[i]) || !tasks[i]->root)
      return;
    if (llvm::Expected<ListingPlan> planned = plan(*tasks[i]->root))
      output_.make(*planned, mostLinesInAll / (4 * threads), known[worker],
                   made);
    else
      llvm::consumeError(planned.takeError()); // said in its turn
  };
  auto write = [&](size_t i, const MadeListing &made) {
    writer_.beginGroup(nameOf(*tasks[i]));
    Subject subject;
    subject.pid = tasks[i]->pid;
    if (llvm::Error error = listOne(*tasks[i], &made)) {
      session_.gap("root-of-task", std::move(error), subject);
      writeNoListing(writer_);
    }
    writer_.endGroup();
    session_.diagnostics().progress("listings", i + 1, tasks.size());
    return true;
  };
  writer_.beginList({"processes", "process"});
  countInOrder<MadeListing>(tasks.size(), threads, make, write);
  writer_.endList();
}

llvm::Error TaskListing::listTasks() {
  const bool threads = tables_.task.pid.has_value();
  llvm::Expected<TaskList> list =
      readTaskList(session_, kernel_, threads, !tables_.task.isOfOne());
  if (!list)
    return list.takeError();
  llvm::Expected<std::vector<const Task *>> tasks =
      chooseTasks(tables_.task, *list);
  if (!tasks)
    return tasks.takeError();
  if (tasks->size() == 1)
    return listOne(*tasks->front());
  listSeveral(*tasks);
  return llvm::Error::success();
}

} // namespace

llvm::Error reportKernelListing(Session &session, const ListingChoice &lines,
                                RecordWriter &writer) {
  // The text alone needs no symbols and types.
  llvm::Expected<const KernelImage &> kernel = session.image();
  if (!kernel)
    return kernel.takeError();
  llvm::Expected<ListingPlan> plan = planKernelListing(*kernel);
  if (!plan)
    return plan.takeError();
  return writeListing(session, lines, *plan, writer);
}

llvm::Error reportTaskListing(Session &session, const Kernel &kernel,
                              const TableChoice &tables,
                              const ListingChoice &lines,
                              RecordWriter &writer) {
  ListingOutput output(session, lines, writer);
  // Listings of all tasks have the same sections.
  llvm::Expected<ListingPlan> plan = planTaskListing(
      kernel.image(), session.memory(), kernel.image().root, tables.userOnly);
  if (!plan)
    return plan.takeError();
  if (llvm::Error error = output.prepare(*plan))
    return error;
  if (llvm::Error error =
          TaskListing(session, kernel, tables, output, writer).list())
    return error;
  output.finish();
  return llvm::Error::success();
}

} // namespace vmpt
