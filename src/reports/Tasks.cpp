//===- Tasks.cpp - the tasks, and how large their tables are --------------===//
#include "views/Tasks.h"
#include "analysis/Panic.h"
#include "kernel/context/Problems.h"
#include "kernel/tasks/TaskTables.h"
#include "reports/Reports.h"
#include "reports/TaskChoice.h"
#include "support/Bits.h"

namespace vmpt {

static void nameMissing(const TaskTables &row, Problems &missing) {
  if (!row.task->rootProblem.empty())
    missing.add(nameOf(*row.task) +
                ": no page tables: " + row.task->rootProblem);
  else if (row.use && row.use->absentTables)
    missing.add(nameOf(*row.task) + ": " + llvm::Twine(row.use->absentTables) +
                " page tables are not in the dump");
  else if (row.use && row.use->isCut)
    missing.add(nameOf(*row.task) + ": page tables without end");
}

llvm::Error reportTasks(Session &session, const Kernel &kernel,
                        TaskListOptions options, RecordWriter &writer) {
  const KernelImage &image = kernel.image();
  llvm::Expected<TaskList> list = session.readTasks(kernel, options);
  if (!list)
    return list.takeError();
  findPanicked(kernel, session.machineOf(kernel.image()), *list);
  std::vector<TaskTables> rows =
      countTaskTables(*list, image, session.memory(), session.diagnostics());
  std::vector<std::string> problems = list->problems;
  tellLack(session, *list);
  Problems missing;
  for (const TaskTables &row : rows)
    nameMissing(row, missing);
  for (const std::string &problem : missing.take()) {
    session.gap("root-of-task", problem);
    problems.push_back(problem);
  }
  writeTasks(writer, rows, problems, bit(image.mode.pageShift));
  return llvm::Error::success();
}

} // namespace vmpt
