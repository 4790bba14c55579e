//===- Maps.cpp - vmpt maps: /proc/PID/maps -------------------------------===//
#include "views/Maps.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "cli/TaskChoice.h"

namespace vmpt {

namespace {

void print(RecordWriter &writer, const KernelImage &kernel, const Task &task,
           const MapsListing &listing) {
  writer.context("pid", task.pid);
  writer.context("comm", task.comm);
  writeMaps(writer, listing, kernel.mode, kernel.wordBytes());
}

class MapsCommand final : public KernelReport {
public:
  MapsCommand() : KernelReport("maps") {}

  void addOwnOptions(OptionParser &parser) override {
    task_.add(parser);
    parser.addFlag("--pages", "what the page tables hold of each area", pages_);
  }
  llvm::Error check(RecordWriter &) override { return task_.check(name()); }

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    llvm::Expected<TaskList> list =
        readTaskList(session, kernel, /*withThreads=*/task_.pid.has_value());
    if (!list)
      return list.takeError();
    llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(task_, *list);
    if (!tasks)
      return tasks.takeError();
    return printAll(session, kernel, *tasks, writer);
  }

private:
  llvm::Expected<MapsListing> readListing(Session &session, MapsReader &reader,
                                          const Task &task) const;
  llvm::Error printAll(Session &session, const Kernel &kernel,
                       llvm::ArrayRef<const Task *> tasks,
                       RecordWriter &writer) const;

  TaskOptions task_;
  bool pages_ = false;
};

/// Empty, as in /proc, for a task without an mm, and for a kernel thread even
/// while it borrows one.
llvm::Expected<MapsListing> MapsCommand::readListing(Session &session,
                                                     MapsReader &reader,
                                                     const Task &task) const {
  if (hasNoMm(task)) {
    session.warn("no-areas", nameOf(task) + ": " + explainNoMm(task));
    return MapsListing();
  }
  llvm::Expected<MapsListing> listing = reader.read(task.mm);
  if (!listing || !pages_)
    return listing;
  if (!task.root)
    listing->problems.push_back("no page tables: " + task.rootProblem);
  else if (llvm::Error error = reader.addPages(*listing, *task.root))
    listing->problems.push_back(llvm::toString(std::move(error)));
  return listing;
}

llvm::Error MapsCommand::printAll(Session &session, const Kernel &kernel,
                                  llvm::ArrayRef<const Task *> tasks,
                                  RecordWriter &writer) const {
  llvm::Expected<MapsReader> reader = MapsReader::create(kernel);
  if (!reader)
    return reader.takeError();
  const bool hasSeveral = tasks.size() > 1;
  if (hasSeveral)
    writer.beginList({"processes", "process"});
  for (const Task *task : tasks) {
    llvm::Expected<MapsListing> listing = readListing(session, *reader, *task);
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

} // namespace

const CommandInfo mapsCommand = {
    "maps", "print a process's memory areas as /proc/PID/maps does",
    "Prints what /proc/PID/maps would have printed at the moment of the "
    "dump; with --pages, under each area what its page tables hold.",
    createCommand<MapsCommand>};

} // namespace vmpt
