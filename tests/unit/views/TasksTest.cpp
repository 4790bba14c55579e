#include "views/Tasks.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

constexpr uint64_t pageBytes = 4096;

Task makeTask(uint32_t pid, std::string comm) {
  Task task;
  task.address = VirtAddr(0xffff888000001000);
  task.pid = task.tgid = pid;
  task.ppid = 1;
  task.comm = std::move(comm);
  task.state = 'S';
  task.isRunning = task.hasPanicked = false;
  return task;
}

Task makeProcess(uint32_t pid, std::string comm) {
  Task task = makeTask(pid, std::move(comm));
  task.mm = VirtAddr(0xffff922e80164000);
  task.root = PhysAddr(0xb7c000);
  return task;
}

TableUse use() {
  TableUse use;
  use.tableBytes = 28 << 10;
  use.mappedBytes = 1808 << 10;
  return use;
}

std::string written(OutputFormat format, llvm::ArrayRef<TaskTables> rows,
                    llvm::ArrayRef<std::string> problems = {}) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(format, "tasks", os);
  writeTasks(*writer, rows, problems, pageBytes);
  writer->finish({});
  return os.str();
}

constexpr llvm::StringLiteral heading =
    "    PID    TGID    PPID S                 MM               ROOT  TABLES   "
    " MAPPED COMM\n";

TEST(Tasks, TextIsAlignedWhateverATaskLacks) {
  Task init = makeProcess(1, "init"), thread = makeTask(2, "kthreadd");
  thread.isKernelThread = true;
  EXPECT_EQ(written(OutputFormat::Text, {{&init, use()}, {&thread, {}}}),
            (heading +
             "      1       1       1 S 0xffff922e80164000 "
             "0x0000000000b7c000     28K     1808K init\n"
             "      2       2       1 S                  -                  -  "
             "     -         - [kthreadd]\n")
                .str());
}

TEST(Tasks, RemarksFollowTheName) {
  Task task = makeProcess(7, "x");
  task.hasPanicked = task.isRunning = task.isUnlinked = true;
  task.cpu = 3;
  TaskTables row{&task, use(), 2};
  row.use->absentTables = 4;
  const std::string text = written(OutputFormat::Text, row);
  EXPECT_NE(text.find("x  (PANIC, on CPU 3, not in the lists, mm shared by 2 "
                      "processes, 4 tables not in the dump)\n"),
            std::string::npos)
      << text;
}

TEST(Tasks, WhatIsNotKnownIsNull) {
  Task task = makeTask(7, "x");
  task.isRunning = task.hasPanicked = std::nullopt;
  const std::string line =
      written(OutputFormat::JsonLines, TaskTables{&task, {}});
  EXPECT_NE(line.find(R"("running":null,"panicked":null)"), std::string::npos)
      << line;
}

TEST(Tasks, ThreadsThatHoldTheMemoryAreNamed) {
  Task task = makeTask(7, "x");
  for (uint32_t pid : {8, 9, 10})
    task.memoryThreads.push_back(makeProcess(pid, "thread"));
  EXPECT_NE(written(OutputFormat::Text, TaskTables{&task, {}})
                .find("x  (its memory is that of thread 8 and 2 more)"),
            std::string::npos);
  EXPECT_NE(written(OutputFormat::JsonLines, TaskTables{&task, {}})
                .find(R"("memory_threads":[8,9,10])"),
            std::string::npos);
}

TEST(Tasks, ANameForgesNoRow) {
  Task task = makeTask(7, "a\n 666 1 1 R -");
  const std::string text = written(OutputFormat::Text, TaskTables{&task, {}});
  EXPECT_EQ(llvm::StringRef(text).count('\n'), 2u);
  EXPECT_NE(text.find(" a\\n 666 1 1 R -\n"), std::string::npos) << text;
}

TEST(Tasks, LinesHaveEveryKey) {
  Task task = makeProcess(7, "x");
  task.isRunning = true;
  task.cpu = 3;
  EXPECT_EQ(
      written(OutputFormat::JsonLines, TaskTables{&task, use(), 2}),
      R"({"schema":1,"record":"task","pid":7,"tgid":7,"ppid":1,"comm":"x",)"
      R"("state":"S","kernel_thread":false,"task":"0xffff888000001000",)"
      R"("mm":"0xffff922e80164000","root":"0xb7c000","table_bytes":28672,)"
      R"("mapped_pages":452,"absent_tables":0,"mm_sharers":2,"cpu":3,)"
      R"("running":true,"panicked":false,"unlinked":false})"
      "\n");
}

TEST(Tasks, WhatATaskLacksIsNullOrNotThere) {
  Task task = makeTask(7, "x");
  task.mm = VirtAddr(0x1000);
  task.rootProblem = "mm is not in the dump";
  EXPECT_EQ(
      written(OutputFormat::JsonLines, TaskTables{&task, {}},
              std::string("torn")),
      R"({"schema":1,"record":"task","pid":7,"tgid":7,"ppid":1,"comm":"x",)"
      R"("state":"S","kernel_thread":false,"task":"0xffff888000001000",)"
      R"("mm":"0x1000","root":null,"root_problem":"mm is not in the dump",)"
      R"("mm_sharers":1,"running":false,"panicked":false,"unlinked":false})"
      "\n"
      R"({"schema":1,"record":"tasks","problems":["torn"]})"
      "\n");
}

} // namespace
