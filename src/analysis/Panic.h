//===- Panic.h - which task panicked --------------------------------------===//
//
// `panic_cpu` tells where there is a symbol for it (TaskList.h). A kernel
// without KALLSYMS_ALL has none; there the log tells (VMCOREINFO knows it): the
// line of panic(), and the line of dump_stack() or an oops that names CPU and
// task. Where there is no log, the stack that is in panic() does.
//
#pragma once

#include "kernel/tasks/TaskList.h"
#include "memory/Machine.h"

namespace vmpt {

/// Sets `hasPanicked` of the tasks where the list does not know it. What tells
/// nothing leaves it unknown.
void findPanicked(const Kernel &kernel, const Machine &machine, TaskList &list);

/// "CPU: 1 PID: 131 Comm: sh ...", "CPU: 0 UID: 0 PID: 1 Comm: init".
struct CpuLine {
  uint32_t cpu = 0, pid = 0;
  static std::optional<CpuLine> parse(llvm::StringRef text);
};

/// What the lines of a log say of a panic.
class PanicLog {
public:
  void add(llvm::StringRef text);
  bool hasPanicked() const { return isPanic_; }
  /// The line behind that of panic(), else the last before it, which an oops
  /// wrote.
  std::optional<CpuLine> culprit() const { return after_ ? after_ : before_; }

private:
  bool isPanic_ = false;
  std::optional<CpuLine> before_, after_;
};

} // namespace vmpt
