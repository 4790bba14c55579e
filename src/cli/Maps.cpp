//===- Maps.cpp - vmpt maps: /proc/PID/maps -------------------------------===//
#include "views/Maps.h"
#include "cli/TaskChoice.h"
#include "output/JsonWriter.h"
#include "support/Text.h"

#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

/// Files and pipes get the kernel's bytes. A terminal does not: names in a
/// dump must not steer it.
void printText(const Options &options, const OpenKernel &open,
               const MapsListing &listing) {
  const bool isTerminal = llvm::outs().is_displayed();
  for (const MapsRow &row : listing.rows) {
    std::string line;
    llvm::raw_string_ostream os(line);
    printMapsRow(os, row, open.kernel.wordBytes());
    os.flush();
    if (isTerminal)
      llvm::outs() << printable(llvm::StringRef(line).drop_back()) << '\n';
    else
      llvm::outs() << line;
    if (options.pages)
      printPages(llvm::outs(), row, *open.kernel.mode);
  }
}

/// The members of an object that has begun.
void printJson(JsonWriter &json, const OpenKernel &open, const Task &task,
               const MapsListing &listing) {
  json.attribute("pid", uint64_t(task.pid));
  json.attribute("comm", llvm::StringRef(task.comm));
  json.key("maps");
  writeMapsJson(json, listing, *open.kernel.mode);
  json.endKey();
  json.beginArrayAttribute("problems");
  for (const std::string &problem : listing.problems)
    json.value(llvm::StringRef(problem));
  json.endArrayAttribute();
}

/// Empty, as in /proc, for a task without an mm, and for a kernel thread even
/// while it borrows one.
llvm::Expected<MapsListing> readListing(const Options &options,
                                        MapsReader &reader, const Task &task) {
  if (!task.mm.value || task.isKernelThread) {
    warn(options, nameOf(task) + (task.isKernelThread
                                      ? ": a kernel thread has no memory areas"
                                      : ": it has no mm: it is exiting or a "
                                        "zombie"));
    return MapsListing();
  }
  llvm::Expected<MapsListing> listing = reader.read(task.mm);
  if (!listing || !options.pages)
    return listing;
  if (!task.root)
    listing->problems.push_back("no page tables: " + task.rootProblem);
  else if (llvm::Error error = reader.addPages(*listing, *task.root))
    listing->problems.push_back(llvm::toString(std::move(error)));
  return listing;
}

/// The listings of several tasks, one after the other.
class Printer {
public:
  Printer(const Options &options, const OpenKernel &open, bool json,
          bool hasSeveral)
      : options_(options), open_(open), hasSeveral_(hasSeveral) {
    if (!json)
      return;
    json_.emplace(llvm::outs()).beginObject();
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
        llvm::outs() << "=== " << nameOf(task) << " ===\n";
      return printText(options_, open_, listing);
    }
    if (hasSeveral_)
      json_->beginObject();
    printJson(*json_, open_, task, listing);
    if (hasSeveral_)
      json_->endObject();
  }

private:
  const Options &options_;
  const OpenKernel &open_;
  const bool hasSeveral_;
  std::optional<JsonWriter> json_;
};

llvm::Expected<int> printAll(const Options &options, const OpenKernel &open,
                             llvm::ArrayRef<const Task *> tasks, bool json) {
  llvm::Expected<MapsReader> reader = MapsReader::create(*open.debug);
  if (!reader)
    return withFileName(options, reader.takeError());
  int status = 0;
  std::optional<Printer> printer;
  for (const Task *task : tasks) {
    llvm::Expected<MapsListing> listing = readListing(options, *reader, *task);
    if (!listing && tasks.size() == 1)
      return withFileName(options, listing.takeError());
    if (!printer)
      printer.emplace(options, open, json, tasks.size() > 1);
    if (!listing) {
      warn(options, nameOf(*task) + ": " + llvm::toString(listing.takeError()));
      status = 1;
      continue;
    }
    printer->print(*task, *listing);
    for (const std::string &problem : listing->problems)
      warn(options, nameOf(*task) + ": " + problem);
    if (!listing->problems.empty())
      status = 1;
  }
  return status;
}

} // namespace

llvm::Expected<int> runMaps(const Options &options) {
  if (options.pid.has_value() + options.comm.has_value() +
          options.mm.has_value() + options.all !=
      1)
    return llvm::make_error<UsageError>(
        "maps needs one of --pid, --comm, --mm and --all");
  llvm::Expected<bool> json = wantsJson(options);
  if (!json)
    return json.takeError();
  llvm::Expected<std::unique_ptr<OpenKernel>> open = openKernel(options);
  if (!open)
    return open.takeError();
  llvm::Expected<TaskList> list =
      readTaskList(*(*open)->debug, {options.pid.has_value()});
  if (!list)
    return withFileName(options, list.takeError());
  for (const std::string &problem : list->problems)
    warn(options, problem);
  llvm::Expected<std::vector<const Task *>> tasks = chooseTasks(options, *list);
  if (!tasks)
    return withFileName(options, tasks.takeError());
  return printAll(options, **open, *tasks, *json);
}

} // namespace vmpt
