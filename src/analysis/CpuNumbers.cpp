#include "analysis/CpuNumbers.h"

#include "kernel/find/KernelArch.h"
#include "kernel/tasks/CpuTasks.h"
#include "kernel/tasks/TaskList.h"

#include <set>

namespace vmpt {

namespace {

class CpuNumberer {
public:
  CpuNumberer(const Kernel &kernel, Machine &machine)
      : kernel_(kernel), machine_(machine) {
    for (size_t i = 0; i < machine.cpus.size(); ++i)
      if (std::optional<uint32_t> number = machine.cpuNumber(i))
        taken_.insert(*number);
  }

  void run() {
    byPerCpuBase();
    if (isOpen())
      byTask();
  }

private:
  bool isOpen() const {
    for (size_t i = 0; i < machine_.cpus.size(); ++i)
      if (!machine_.cpuNumber(i))
        return true;
    return false;
  }
  /// No two notes are of one CPU.
  void set(CpuRegisters &cpu, uint32_t number) {
    if (taken_.insert(number).second)
      cpu.number = number;
  }

  /// By the register that holds the per-CPU offset (x86-64). Up to 6.14 the
  /// per-CPU section began at 0, later the offset is of its start.
  void byPerCpuBase() {
    // One that a register holds is one.
    const std::vector<uint64_t> offsets = readPerCpuOffsets(kernel_).all;
    if (offsets.size() < 2)
      return;
    const uint64_t start = firstPerCpuAddress();
    for (CpuRegisters &cpu : machine_.cpus)
      for (llvm::StringRef name : kernel_.image().arch->perCpuRegisters) {
        std::optional<uint64_t> base = cpu.find(name);
        if (!base || cpu.number)
          continue;
        auto found = llvm::find(offsets, *base - start);
        if (found != offsets.end() && *base)
          set(cpu, uint32_t(found - offsets.begin()));
      }
  }
  uint64_t firstPerCpuAddress() const {
    std::optional<Symbol> start = kernel_.symbols().find("__per_cpu_start");
    return start ? start->address.value : 0;
  }

  /// pr_pid is the task's; that of an idle task is 0 on every CPU.
  void byTask() {
    llvm::Expected<TaskList> list =
        readTaskList(kernel_, {/*withThreads=*/true, /*withIdle=*/false});
    if (!list)
      return llvm::consumeError(list.takeError());
    for (CpuRegisters &cpu : machine_.cpus) {
      if (cpu.number || !cpu.pid)
        continue;
      const Task *found = nullptr;
      bool isOnly = true;
      for (const Task &task : list->tasks) {
        if (task.pid != *cpu.pid || !task.isRunning.value_or(false) ||
            !task.cpu || taken_.count(*task.cpu))
          continue;
        isOnly = !found;
        found = &task;
      }
      if (found && isOnly)
        set(cpu, *found->cpu);
    }
  }

  const Kernel &kernel_;
  Machine &machine_;
  std::set<uint32_t> taken_;
};

} // namespace

void findCpuNumbers(const Kernel &kernel, Machine &machine) {
  CpuNumberer(kernel, machine).run();
}

} // namespace vmpt
