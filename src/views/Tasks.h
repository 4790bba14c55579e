//===- Tasks.h - the list of tasks ----------------------------------------===//
#pragma once

#include "kernel/tasks/TaskTables.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// A list, and the list's problems.
void writeTasks(RecordWriter &writer, llvm::ArrayRef<TaskTables> rows,
                llvm::ArrayRef<std::string> problems, uint64_t pageBytes);

} // namespace vmpt
