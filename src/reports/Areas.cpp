//===- Areas.cpp - memory areas of processes ------------------------------===//
#include "kernel/find/KernelArch.h"
#include "reports/Reports.h"
#include "support/Parallel.h"
#include "views/Maps.h"

namespace vmpt {

namespace {

/// Empty, as in /proc, for a task without an mm, and for a kernel thread even
/// while it borrows one.
llvm::Expected<MapsListing> readListing(MapsReader &reader, const Task &task,
                                        bool withPages) {
  if (hasNoMm(task))
    return MapsListing();
  llvm::Expected<MapsListing> listing = reader.read(task.mm);
  if (!listing || !withPages)
    return listing;
  if (!task.root)
    listing->problems.push_back("no page tables: " + task.rootProblem);
  else if (llvm::Error error = reader.addPages(*listing, *task.root))
    listing->problems.push_back(llvm::toString(std::move(error)));
  return listing;
}

/// Of one of several, an error is a gap.
llvm::Error print(Session &session, const Task &task,
                  llvm::Expected<MapsListing> listing, bool isOneOfSeveral,
                  const KernelImage &kernel, RecordWriter &writer) {
  if (hasNoMm(task))
    session.warn("no-areas", nameOf(task) + ": " + explainNoMm(task));
  if (!listing && !isOneOfSeveral)
    return listing.takeError();
  Subject subject;
  subject.pid = task.pid;
  if (!listing) {
    session.gap("areas-of-task",
                nameOf(task) + ": " + llvm::toString(listing.takeError()),
                subject);
    return llvm::Error::success();
  }
  if (isOneOfSeveral)
    writer.beginGroup(nameOf(task));
  writer.context("pid", task.pid);
  writer.context("comm", task.comm);
  writeMaps(writer, *listing,
            task.root ? getTaskMode(kernel, session.memory(), *task.root)
                      : kernel.mode,
            kernel.wordBytes());
  if (isOneOfSeveral)
    writer.endGroup();
  for (const std::string &problem : listing->problems)
    session.gap("areas-of-task", nameOf(task) + ": " + problem, subject);
  return llvm::Error::success();
}

llvm::Error printAll(Session &session, const Kernel &kernel,
                     llvm::ArrayRef<const Task *> tasks, bool withPages,
                     RecordWriter &writer) {
  llvm::Expected<MapsReader> reader = MapsReader::create(kernel);
  if (!reader)
    return reader.takeError();
  const bool hasSeveral = tasks.size() > 1;
  if (hasSeveral)
    writer.beginList({"processes", "process"});
  // Each thread has its own, which remembers the files that it met.
  const unsigned threads = session.diagnostics().threads();
  std::vector<MapsReader> readers(std::min<size_t>(threads, tasks.size()),
                                  *reader);
  llvm::Error failure = llvm::Error::success();
  countInOrder<std::optional<llvm::Expected<MapsListing>>>(
      tasks.size(), threads,
      [&](unsigned worker, size_t i, auto &listing) {
        listing = readListing(readers[worker], *tasks[i], withPages);
      },
      [&](size_t i, auto &listing) {
        llvm::Error error = print(session, *tasks[i], std::move(*listing),
                                  hasSeveral, kernel.image(), writer);
        if (!error)
          return true;
        failure = llvm::joinErrors(std::move(failure), std::move(error));
        return false;
      });
  if (failure)
    return failure;
  if (hasSeveral)
    writer.endList();
  return llvm::Error::success();
}

} // namespace

llvm::Error reportAreas(Session &session, const Kernel &kernel,
                        const TaskChoice &choice, bool withPages,
                        RecordWriter &writer) {
  llvm::Expected<TaskList> list =
      readTaskList(session, kernel, /*withThreads=*/choice.pid.has_value(),
                   /*needsAll=*/!choice.isOfOne());
  if (!list)
    return list.takeError();
  llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(choice, *list);
  if (!tasks)
    return tasks.takeError();
  return printAll(session, kernel, *tasks, withPages, writer);
}

} // namespace vmpt
