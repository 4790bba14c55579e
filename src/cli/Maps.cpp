//===- Maps.cpp - vmpt maps: /proc/PID/maps -------------------------------===//
#include "views/Maps.h"
#include "cli/Commands.h"
#include "cli/TaskChoice.h"

namespace vmpt {

namespace {

void print(RecordWriter &writer, const KernelImage &kernel, const Task &task,
           const MapsListing &listing) {
  writer.context("pid", task.pid);
  writer.context("comm", task.comm);
  writeMaps(writer, listing, kernel.mode, kernel.wordBytes());
}

class MapsCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    task_.add(parser);
    parser.addFlag("--pages", "what the page tables hold of each area", pages_);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    if (llvm::Error error = task_.check("maps"))
      return error;
    auto writer = output_.createWriter("maps", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const Kernel &> kernel = (*session)->kernel();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<TaskList> list =
        readTaskList(*kernel, {/*withThreads=*/task_.pid.has_value()});
    if (!list)
      return (*session)->withFileName(list.takeError());
    for (const std::string &problem : list->problems)
      (*session)->warn("task-list", problem);
    llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(task_, *list);
    if (!tasks)
      return (*session)->withFileName(tasks.takeError());
    return printAll(**session, *kernel, *tasks, **writer);
  }

private:
  llvm::Expected<MapsListing> readListing(Session &session, MapsReader &reader,
                                          const Task &task) const;
  llvm::Error printAll(Session &session, const Kernel &kernel,
                       llvm::ArrayRef<const Task *> tasks,
                       RecordWriter &writer) const;

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  TaskOptions task_;
  OutputOptions output_;
  bool pages_ = false;
};

/// Empty, as in /proc, for a task without an mm, and for a kernel thread even
/// while it borrows one.
llvm::Expected<MapsListing> MapsCommand::readListing(Session &session,
                                                     MapsReader &reader,
                                                     const Task &task) const {
  if (!task.mm.value || task.isKernelThread) {
    session.warn("no-areas",
                 nameOf(task) + (task.isKernelThread
                                     ? ": a kernel thread has no memory areas"
                                     : ": it has no mm: it is exiting or a "
                                       "zombie"));
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
    return session.withFileName(reader.takeError());
  const bool hasSeveral = tasks.size() > 1;
  if (hasSeveral)
    writer.beginList({"processes", "process"});
  for (const Task *task : tasks) {
    llvm::Expected<MapsListing> listing = readListing(session, *reader, *task);
    if (!listing && !hasSeveral)
      return session.withFileName(listing.takeError());
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
  writer.finish(session.diagnostics().findings());
  return llvm::Error::success();
}

} // namespace

const CommandInfo mapsCommand = {
    "maps", "print a process's memory areas as /proc/PID/maps does",
    "Prints what /proc/PID/maps would have printed at the moment of the "
    "dump; with --pages, under each area what its page tables hold.",
    createCommand<MapsCommand>};

} // namespace vmpt
