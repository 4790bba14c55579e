//===- Maps.cpp - vmpt maps: /proc/PID/maps -------------------------------===//
#include "views/Maps.h"
#include "cli/Commands.h"
#include "cli/TaskChoice.h"
#include "output/JsonWriter.h"
#include "support/Text.h"

namespace vmpt {

namespace {

/// Files and pipes get the kernel's bytes. A terminal does not: names in a
/// dump must not steer it.
void printText(llvm::raw_ostream &out, const KernelImage &kernel,
               const MapsListing &listing, bool pages) {
  const bool isTerminal = out.is_displayed();
  for (const MapsRow &row : listing.rows) {
    std::string line;
    llvm::raw_string_ostream os(line);
    printMapsRow(os, row, kernel.wordBytes());
    os.flush();
    if (isTerminal)
      out << printable(llvm::StringRef(line).drop_back()) << '\n';
    else
      out << line;
    if (pages)
      printPages(out, row, *kernel.mode);
  }
}

/// The members of an object that has begun.
void printJson(JsonWriter &json, const KernelImage &kernel, const Task &task,
               const MapsListing &listing) {
  json.attribute("pid", uint64_t(task.pid));
  json.attribute("comm", llvm::StringRef(task.comm));
  json.key("maps");
  writeMapsJson(json, listing, *kernel.mode);
  json.endKey();
  json.beginArrayAttribute("problems");
  for (const std::string &problem : listing.problems)
    json.value(llvm::StringRef(problem));
  json.endArrayAttribute();
}

/// The listings of several tasks, one after the other.
class Printer {
public:
  Printer(llvm::raw_ostream &out, const KernelImage &kernel, bool json,
          bool pages, bool hasSeveral)
      : out_(out), kernel_(kernel), pages_(pages), hasSeveral_(hasSeveral) {
    if (!json)
      return;
    json_.emplace(out).beginObject();
    if (hasSeveral)
      json_->beginArrayAttribute("processes");
  }
  ~Printer() {
    if (json_ && hasSeveral_)
      json_->endArrayAttribute();
    if (json_)
      json_->endObject();
  }

  void print(const Task &task, const MapsListing &listing) {
    if (!json_) {
      if (hasSeveral_)
        out_ << "=== " << nameOf(task) << " ===\n";
      return printText(out_, kernel_, listing, pages_);
    }
    if (hasSeveral_)
      json_->beginObject();
    printJson(*json_, kernel_, task, listing);
    if (hasSeveral_)
      json_->endObject();
  }

private:
  llvm::raw_ostream &out_;
  const KernelImage &kernel_;
  const bool pages_;
  const bool hasSeveral_;
  std::optional<JsonWriter> json_;
};

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
    llvm::Expected<Format> format = output_.getFormat("maps");
    if (!format)
      return format.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const KernelDebug &> debug = (*session)->debug();
    if (!debug)
      return debug.takeError();
    llvm::Expected<TaskList> list =
        readTaskList(*debug, {/*withThreads=*/task_.pid.has_value()});
    if (!list)
      return (*session)->withFileName(list.takeError());
    for (const std::string &problem : list->problems)
      (*session)->warn("task-list", problem);
    llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(task_, *list);
    if (!tasks)
      return (*session)->withFileName(tasks.takeError());
    return printAll(**session, *debug, *tasks, *format == Format::Json);
  }

private:
  llvm::Expected<MapsListing> readListing(Session &session, MapsReader &reader,
                                          const Task &task) const;
  llvm::Error printAll(Session &session, const KernelDebug &debug,
                       llvm::ArrayRef<const Task *> tasks, bool json) const;

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

llvm::Error MapsCommand::printAll(Session &session, const KernelDebug &debug,
                                  llvm::ArrayRef<const Task *> tasks,
                                  bool json) const {
  llvm::Expected<MapsReader> reader = MapsReader::create(debug);
  if (!reader)
    return session.withFileName(reader.takeError());
  std::optional<Printer> printer;
  for (const Task *task : tasks) {
    llvm::Expected<MapsListing> listing = readListing(session, *reader, *task);
    if (!listing && tasks.size() == 1)
      return session.withFileName(listing.takeError());
    if (!printer)
      printer.emplace(session.out(), debug.image(), json, pages_,
                      tasks.size() > 1);
    Subject subject;
    subject.pid = task->pid;
    if (!listing) {
      session.gap("areas-of-task",
                  nameOf(*task) + ": " + llvm::toString(listing.takeError()),
                  subject);
      continue;
    }
    printer->print(*task, *listing);
    for (const std::string &problem : listing->problems)
      session.gap("areas-of-task", nameOf(*task) + ": " + problem, subject);
  }
  return llvm::Error::success();
}

} // namespace

const CommandInfo mapsCommand = {
    "maps", "print a process's memory areas as /proc/PID/maps does",
    "Prints what /proc/PID/maps would have printed at the moment of the "
    "dump; with --pages, under each area what its page tables hold.",
    createCommand<MapsCommand>};

} // namespace vmpt
