//===- Areas.cpp - memory areas of processes ------------------------------===//
#include "reports/Reports.h"
#include "views/Maps.h"

namespace vmpt {

namespace {

void print(RecordWriter &writer, const KernelImage &kernel, const Task &task,
           const MapsListing &listing) {
  writer.context("pid", task.pid);
  writer.context("comm", task.comm);
  writeMaps(writer, listing, kernel.mode, kernel.wordBytes());
}

/// Empty, as in /proc, for a task without an mm, and for a kernel thread even
/// while it borrows one.
llvm::Expected<MapsListing> readListing(Session &session, MapsReader &reader,
                                        const Task &task, bool withPages) {
  if (hasNoMm(task)) {
    session.warn("no-areas", nameOf(task) + ": " + explainNoMm(task));
    return MapsListing();
  }
  llvm::Expected<MapsListing> listing = reader.read(task.mm);
  if (!listing || !withPages)
    return listing;
  if (!task.root)
    listing->problems.push_back("no page tables: " + task.rootProblem);
  else if (llvm::Error error = reader.addPages(*listing, *task.root))
    listing->problems.push_back(llvm::toString(std::move(error)));
  return listing;
}

} // namespace

llvm::Error reportAreas(Session &session, const Kernel &kernel,
                        const TaskChoice &choice, bool withPages,
                        RecordWriter &writer) {
  llvm::Expected<TaskList> list =
      readTaskList(session, kernel, /*withThreads=*/choice.pid.has_value());
  if (!list)
    return list.takeError();
  llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(choice, *list);
  if (!tasks)
    return tasks.takeError();
  llvm::Expected<MapsReader> reader = MapsReader::create(kernel);
  if (!reader)
    return reader.takeError();
  const bool hasSeveral = tasks->size() > 1;
  if (hasSeveral)
    writer.beginList({"processes", "process"});
  for (const Task *task : *tasks) {
    llvm::Expected<MapsListing> listing =
        readListing(session, *reader, *task, withPages);
    if (!listing && !hasSeveral)
      return listing.takeError();
    Subject subject;
    subject.pid = task->pid;
    if (!listing) {
      session.gap("areas-of-task",
                  nameOf(*task) + ": " + llvm::toString(listing.takeError()),
                  subject);
      continue;
    }
    if (hasSeveral)
      writer.beginGroup(nameOf(*task));
    print(writer, kernel.image(), *task, *listing);
    if (hasSeveral)
      writer.endGroup();
    for (const std::string &problem : listing->problems)
      session.gap("areas-of-task", nameOf(*task) + ": " + problem, subject);
  }
  if (hasSeveral)
    writer.endList();
  return llvm::Error::success();
}

} // namespace vmpt
