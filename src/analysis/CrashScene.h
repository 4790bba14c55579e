//===- CrashScene.h - everything that may know something of a crash -------===//
#pragma once

#include "analysis/Crash.h"
#include "analysis/SavedRegisters.h"
#include "dump/formats/Dump.h"
#include "kernel/areas/Vmalloc.h"
#include "kernel/find/DirectMap.h"
#include "kernel/find/KernelArch.h"
#include "kernel/modules/AddressNames.h"
#include "kernel/tasks/TaskList.h"

namespace vmpt {

/// The sources, each read once; one that cannot be read is named as missing in
/// the crash. The kernel must outlive the object.
class CrashScene {
public:
  CrashScene(const Kernel &kernel, const Machine &machine, Crash &crash);

  const Kernel &kernel() const { return kernel_; }
  const Machine &machine() const { return machine_; }
  /// Which CPU the \p index-th of the machine is; where nothing tells, it is
  /// the \p index-th.
  uint64_t cpuNumber(size_t index) const {
    return machine_.cpuNumber(index).value_or(uint32_t(index));
  }
  /// Of a CPU by its number, or null.
  const CpuRegisters *registersOf(std::optional<uint64_t> cpu) const;
  const CrashArch &arch() const { return *kernel_.image().arch->crash; }
  AddressNames &names() { return *names_; }

  /// The lines of the log; empty where it could not be read.
  llvm::ArrayRef<LogLine> lines() const { return lines_; }
  bool hasLog() const { return hasLog_; }
  /// No record of it is lost: what is not in it did not happen.
  bool isLogWhole() const { return isLogWhole_; }
  const OopsLog &oopses() const { return oopses_; }

  const TaskList &tasks() const { return tasks_; }
  const Task *findTask(std::optional<uint32_t> pid) const {
    return pid ? tasks_.findPid(*pid) : nullptr;
  }
  const Task *taskOnCpu(uint64_t cpu) const;
  const ModuleList &modules() const { return modules_; }
  const std::optional<VmallocList> &areas() const { return areas_; }
  /// Why there are none: of interest where the address is in vmalloc space.
  llvm::StringRef areasProblem() const { return areasProblem_; }
  const std::optional<DirectMap> &directMap() const { return directMap_; }
  /// Nothing if no source knows it; -1 where nobody panicked.
  std::optional<int32_t> panicCpu() const { return panicCpu_; }
  uint64_t stackBytes() const { return stackBytes_; }
  /// What says so.
  llvm::StringRef stackBytesSource() const { return stackBytesSource_; }
  /// The lowest address of a task's kernel stack.
  std::optional<VirtAddr> stackOf(const Task &task) const;
  /// Is it of the user half, or, where addresses do not tell, is the crash's
  /// address of user space?
  bool isUserAddress(VirtAddr at) const;
  /// Did the CPU run user code when its registers were saved?
  bool isUserCode(const CpuRegisters &cpu) const;
  /// The table that a task runs on; that of a kernel thread is borrowed.
  std::optional<PhysAddr> rootOf(const Task &task) const;

private:
  void readLog();
  void readTasks();
  void findStackBytes();

  const Kernel &kernel_;
  Machine machine_;
  Crash &crash_;
  std::vector<LogLine> lines_;
  bool hasLog_ = false, isLogWhole_ = false;
  OopsLog oopses_;
  TaskList tasks_;
  ModuleList modules_;
  std::optional<AddressNames> names_;
  std::optional<VmallocList> areas_;
  std::string areasProblem_;
  std::optional<DirectMap> directMap_;
  std::optional<int32_t> panicCpu_;
  uint64_t stackBytes_ = 0;
  std::string stackBytesSource_;
  std::optional<Field> stack_, activeMm_;
};

} // namespace vmpt
