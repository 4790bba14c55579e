//===- Tasks.cpp - vmpt tasks ---------------------------------------------===//
#include "cli/TaskChoice.h"
#include "kernel/find/KernelArch.h"
#include "output/JsonWriter.h"
#include "paging/TableUse.h"
#include "support/Text.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <unordered_map>

namespace vmpt {

namespace {

/// A task and what its tables take.
struct TaskRow {
  const Task *task;
  std::optional<TableUse> use;
  /// How many of the listed processes have the same mm.
  unsigned sharers = 1;
};

std::vector<TaskRow> makeRows(const TaskList &list, const KernelImage &kernel,
                              const PhysicalMemory &memory) {
  std::vector<TaskRow> rows;
  // A thread has its process's mm: each is counted once.
  std::unordered_map<uint64_t, TableUse> known;
  std::unordered_map<uint64_t, unsigned> sharers;
  const VirtAddr last = kernel.arch->lastUserAddress(kernel);
  size_t done = 0;
  for (const Task &task : list.tasks) {
    TaskRow row{&task, std::nullopt};
    if (task.mm.value && task.isLeader())
      ++sharers[task.mm.value];
    if (task.root) {
      auto [found, isNew] = known.try_emplace(task.mm.value);
      if (isNew)
        found->second =
            countTableUse(memory, *kernel.mode, *task.root, VirtAddr(0), last);
      row.use = found->second;
    }
    rows.push_back(row);
    standardDiagnostics().progress("page tables", ++done, list.tasks.size());
  }
  for (TaskRow &row : rows)
    if (auto found = sharers.find(row.task->mm.value); found != sharers.end())
      row.sharers = found->second;
  return rows;
}

std::string remarksOn(const TaskRow &row) {
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

void printText(llvm::ArrayRef<TaskRow> rows) {
  llvm::raw_ostream &os = llvm::outs();
  os << "    PID    TGID    PPID S                 MM               ROOT  "
        "TABLES    MAPPED COMM\n";
  for (const TaskRow &row : rows) {
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

void printJson(llvm::ArrayRef<TaskRow> rows, const TaskList &list,
               uint64_t pageBytes) {
  JsonWriter json(llvm::outs());
  json.beginObject();
  json.beginArrayAttribute("tasks");
  for (const TaskRow &row : rows) {
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

} // namespace

llvm::Expected<int> runTasks(const Options &options) {
  llvm::Expected<bool> json = wantsJson(options);
  if (!json)
    return json.takeError();
  llvm::Expected<std::unique_ptr<OpenKernel>> open = openKernel(options);
  if (!open)
    return open.takeError();
  const KernelImage &kernel = (*open)->kernel;
  llvm::Expected<TaskList> list =
      readTaskList(*(*open)->debug, {options.threads});
  if (!list)
    return withFileName(options, list.takeError());

  std::vector<TaskRow> rows = makeRows(*list, kernel, *(*open)->dump.memory);
  if (*json)
    printJson(rows, *list, bit(kernel.mode->pageShift));
  else
    printText(rows);
  llvm::outs().flush();
  for (const std::string &problem : list->problems)
    warn(options, problem);
  return list->problems.empty() ? 0 : 1;
}

} // namespace vmpt
