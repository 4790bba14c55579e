//===- Tasks.cpp - vmpt tasks ---------------------------------------------===//
#include "cli/Commands.h"
#include "kernel/tasks/TaskTables.h"
#include "output/JsonWriter.h"
#include "support/Text.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

std::string remarksOn(const TaskTables &row) {
  const Task &task = *row.task;
  std::string text;
  auto add = [&](const std::string &remark) {
    text += (text.empty() ? "" : ", ") + remark;
  };
  if (task.hasPanicked)
    add("PANIC");
  if (task.isRunning)
    add("on CPU " + (task.cpu ? std::to_string(*task.cpu) : "?"));
  if (task.isUnlinked)
    add("not in the lists");
  if (row.sharers > 1)
    add("mm shared by " + std::to_string(row.sharers) + " processes");
  if (!task.rootProblem.empty())
    add("no root: " + task.rootProblem);
  if (row.use && row.use->absentTables)
    add(std::to_string(row.use->absentTables) + " tables not in the dump");
  if (row.use && row.use->isCut)
    add("tables without end");
  return text;
}

void printText(llvm::raw_ostream &os, llvm::ArrayRef<TaskTables> rows) {
  os << "    PID    TGID    PPID S                 MM               ROOT  "
        "TABLES    MAPPED COMM\n";
  for (const TaskTables &row : rows) {
    const Task &task = *row.task;
    os << llvm::format("%7u %7u %7u %c ", task.pid, task.tgid, task.ppid,
                       task.state);
    if (task.mm.value)
      os << llvm::format("0x%016llx ", (unsigned long long)task.mm.value);
    else
      os << "                 - ";
    if (task.root)
      os << llvm::format("0x%016llx ", (unsigned long long)task.root->value);
    else
      os << "                 - ";
    if (row.use)
      os << llvm::format("%6lluK %8lluK ",
                         (unsigned long long)(row.use->tableBytes >> 10),
                         (unsigned long long)(row.use->mappedBytes >> 10));
    else
      os << "      -         - ";
    os << (task.isKernelThread ? "[" : "") << escapeName(task.comm)
       << (task.isKernelThread ? "]" : "");
    std::string remarks = remarksOn(row);
    if (!remarks.empty())
      os << "  (" << printable(remarks) << ')';
    os << '\n';
  }
}

void printJson(llvm::raw_ostream &os, llvm::ArrayRef<TaskTables> rows,
               const TaskList &list, uint64_t pageBytes) {
  JsonWriter json(os);
  json.beginObject();
  json.beginArrayAttribute("tasks");
  for (const TaskTables &row : rows) {
    const Task &task = *row.task;
    json.beginObject();
    json.attribute("pid", uint64_t(task.pid));
    json.attribute("tgid", uint64_t(task.tgid));
    json.attribute("ppid", uint64_t(task.ppid));
    json.attribute("comm", llvm::StringRef(task.comm));
    json.attribute("state", llvm::StringRef(&task.state, 1));
    json.attribute("kernel_thread", task.isKernelThread);
    json.address("task", task.address.value);
    if (task.mm.value)
      json.address("mm", task.mm.value);
    else
      json.nullAttribute("mm");
    if (task.root)
      json.address("root", task.root->value);
    else
      json.nullAttribute("root");
    if (!task.rootProblem.empty())
      json.attribute("root_problem", llvm::StringRef(task.rootProblem));
    if (row.use) {
      json.attribute("table_bytes", row.use->tableBytes);
      json.attribute("mapped_pages", row.use->mappedBytes / pageBytes);
      json.attribute("absent_tables", row.use->absentTables);
    }
    json.attribute("mm_sharers", uint64_t(row.sharers));
    if (task.isRunning && task.cpu)
      json.attribute("cpu", uint64_t(*task.cpu));
    json.attribute("running", task.isRunning);
    json.attribute("panicked", task.hasPanicked);
    json.attribute("unlinked", task.isUnlinked);
    json.endObject();
  }
  json.endArrayAttribute();
  json.beginArrayAttribute("problems");
  for (const std::string &problem : list.problems)
    json.value(llvm::StringRef(problem));
  json.endArrayAttribute();
  json.endObject();
}

class TasksCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addFlag("--threads", "threads, too", threads_);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    llvm::Expected<Format> format = output_.getFormat("tasks");
    if (!format)
      return format.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const KernelDebug &> debug = (*session)->debug();
    if (!debug)
      return debug.takeError();
    const KernelImage &kernel = debug->image();
    llvm::Expected<TaskList> list = readTaskList(*debug, {threads_});
    if (!list)
      return (*session)->withFileName(list.takeError());
    std::vector<TaskTables> rows = countTaskTables(
        *list, kernel, (*session)->memory(), (*session)->diagnostics());
    if (*format == Format::Json)
      printJson(context.out(), rows, *list, bit(kernel.mode->pageShift));
    else
      printText(context.out(), rows);
    for (const std::string &problem : list->problems)
      (*session)->gap("task-list", problem);
    return llvm::Error::success();
  }

private:
  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
  bool threads_ = false;
};

} // namespace

const CommandInfo tasksCommand = {
    "tasks", "list every process with its page-table root",
    "Lists processes (with --threads, threads too): pid, tgid, ppid, state, "
    "the mm, the physical root, the size of the page tables and of what they "
    "map.",
    createCommand<TasksCommand>};

} // namespace vmpt
