#include "views/Tasks.h"

#include "support/Text.h"

namespace vmpt {

namespace {

constexpr Column columns[] = {
    {"pid", "PID", 7},       {"tgid", "TGID", 7},     {"ppid", "PPID", 7},
    {"state", "S", 1},       {"mm", "MM", 18},        {"root", "ROOT", 18},
    {"tables", "TABLES", 7}, {"mapped", "MAPPED", 9}, {"name", "COMM"},
};
constexpr ListShape shape = {"tasks", "task", columns};

std::string remarksOn(const TaskTables &row) {
  const Task &task = *row.task;
  std::string text;
  auto add = [&](const std::string &remark) {
    text += (text.empty() ? "" : ", ") + remark;
  };
  if (task.hasPanicked.value_or(false))
    add("PANIC");
  if (task.isRunning.value_or(false))
    add("on CPU " + (task.cpu ? std::to_string(*task.cpu) : "?"));
  if (task.isUnlinked)
    add("not in the lists");
  if (const size_t count = task.memoryThreads.size())
    add("its memory is that of thread " +
        std::to_string(task.memoryThreads.front().pid) +
        (count > 1 ? " and " + std::to_string(count - 1) + " more" : ""));
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

/// "[kthreadd]", "init  (PANIC, on CPU 1)"
std::string describe(const TaskTables &row) {
  std::string text = escapeName(row.task->comm);
  if (row.task->isKernelThread)
    text = "[" + text + "]";
  const std::string remarks = remarksOn(row);
  return remarks.empty() ? text : text + "  (" + remarks + ")";
}

std::string kibibytes(uint64_t bytes) {
  return std::to_string(bytes >> 10) + "K";
}

Record makeRecord(const TaskTables &row, uint64_t pageBytes) {
  const Task &task = *row.task;
  Record record;
  record.add("pid", task.pid).add("tgid", task.tgid).add("ppid", task.ppid);
  record.add("comm", task.comm).add("state", std::string(1, task.state));
  record.add("kernel_thread", task.isKernelThread);
  record.add("task", task.address);
  record.add("mm", task.mm.value ? Value(task.mm) : Value());
  record.add("root", task.root);
  if (!task.rootProblem.empty())
    record.add("root_problem", task.rootProblem);
  if (row.use) {
    record.add("table_bytes", row.use->tableBytes)
        .add("mapped_pages", row.use->mappedBytes / pageBytes)
        .add("absent_tables", row.use->absentTables);
    record.addCell("tables", kibibytes(row.use->tableBytes))
        .addCell("mapped", kibibytes(row.use->mappedBytes));
  }
  record.add("mm_sharers", row.sharers);
  if (!task.memoryThreads.empty()) {
    Array threads;
    for (const Task &thread : task.memoryThreads)
      threads.emplace_back(thread.pid);
    record.add("memory_threads", std::move(threads));
  }
  if (task.isRunning.value_or(false) && task.cpu)
    record.add("cpu", *task.cpu);
  record.add("running", task.isRunning)
      .add("panicked", task.hasPanicked)
      .add("unlinked", task.isUnlinked);
  record.addCell("name", describe(row));
  return record;
}

} // namespace

void writeTasks(RecordWriter &writer, llvm::ArrayRef<TaskTables> rows,
                llvm::ArrayRef<std::string> problems, uint64_t pageBytes) {
  writer.beginList(shape);
  for (const TaskTables &row : rows)
    writer.record(makeRecord(row, pageBytes));
  writer.endList();
  writer.member("problems", makeArray(problems));
}

} // namespace vmpt
