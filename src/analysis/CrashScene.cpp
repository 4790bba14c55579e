#include "analysis/CrashScene.h"

#include "analysis/CpuNumbers.h"
#include "kernel/find/KernelArch.h"
#include "kernel/log/KernelLog.h"

namespace vmpt {

namespace {

/// A ring of 32 MiB, the largest that there is, has not more.
constexpr size_t maxLines = 1 << 20;

} // namespace

CrashScene::CrashScene(const Kernel &kernel, const Machine &machine,
                       Crash &crash)
    : kernel_(kernel), machine_(machine), crash_(crash) {
  findCpuNumbers(kernel_, machine_);
  readLog();
  readTasks();
  llvm::Expected<ModuleList> modules = readModuleList(kernel);
  if (modules)
    modules_ = std::move(*modules);
  else
    crash.miss("modules",
               "modules are not known: " + llvm::toString(modules.takeError()));
  names_.emplace(kernel, modules_);
  llvm::Expected<VmallocList> areas = readVmallocList(kernel);
  if (areas)
    areas_ = std::move(*areas);
  else
    areasProblem_ = llvm::toString(areas.takeError());
  findStackBytes();
  directMap_ = findDirectMap(kernel.image(), kernel.memory().physical());
  llvm::Expected<VirtAddr> panicCpu = kernel.address("panic_cpu");
  if (panicCpu) {
    if (auto cpu = kernel.memory().readNumber<uint32_t>(*panicCpu))
      panicCpu_ = int32_t(*cpu);
    else
      llvm::consumeError(cpu.takeError());
  } else {
    llvm::consumeError(panicCpu.takeError());
    if (!kernel.kallsyms())
      crash.miss("symbols", "the kernel's symbols are not known: " +
                                kernel.kallsymsProblem());
  }
}

void CrashScene::readLog() {
  llvm::Expected<KernelLog> log = KernelLog::create(kernel_);
  llvm::Error error = log.takeError();
  if (!error) {
    bool isOpen = false;
    llvm::Expected<std::vector<std::string>> problems =
        log->read([&](const LogRecord &record) {
          // A piece goes on with the line before it, in the same record or not.
          bool joins = record.isContinuation && isOpen && !lines_.empty();
          llvm::StringRef text = record.text;
          do {
            auto [line, rest] = text.split('\n');
            if (joins)
              lines_.back().text += line.str();
            else if (lines_.size() < maxLines)
              lines_.push_back({record.timeNanoseconds, line.str()});
            joins = false;
            text = rest;
          } while (!text.empty());
          isOpen = !record.endsLine;
        });
    if (problems) {
      hasLog_ = true;
      isLogWhole_ = problems->empty();
      for (const std::string &problem : *problems)
        crash_.miss("log-record", problem);
    } else {
      error = problems.takeError();
    }
  }
  if (error)
    crash_.miss("log", "the kernel's log cannot be read: " +
                           llvm::toString(std::move(error)));
  oopses_ = parseOopses(lines_, arch().oopsRules);
}

void CrashScene::readTasks() {
  llvm::Expected<TaskList> tasks = readTaskList(kernel_, {});
  if (tasks)
    tasks_ = std::move(*tasks);
  else
    crash_.miss("tasks",
                "tasks are not known: " + llvm::toString(tasks.takeError()));
  for (const std::string &problem : tasks_.problems)
    crash_.miss("task-list", problem);
  stack_ = findOptionalField(kernel_.types(), "task_struct", {"stack"});
  activeMm_ = findOptionalField(kernel_.types(), "task_struct", {"active_mm"});
}

/// THREAD_SIZE: that of the type, else of a stack's vmalloc area.
void CrashScene::findStackBytes() {
  bool isGuess = false;
  stackBytes_ = readStackBytes(kernel_, isGuess);
  stackBytesSource_ = isGuess ? "taken to have 16K: no source says it"
                              : "the size of thread_union";
  if (!isGuess || !areas_)
    return;
  const uint64_t pageBytes = bit(kernel_.memory().mode().pageShift);
  for (const Task &task : tasks_.tasks) {
    const std::optional<VirtAddr> stack = stackOf(task);
    if (!stack)
      continue;
    for (const VmallocArea &area : areas_->areas) {
      const uint64_t bytes = area.sizeBytes - pageBytes; // its guard page
      if (area.start != *stack || !isPowerOfTwo(bytes) || bytes > 1 << 18)
        continue;
      stackBytes_ = bytes;
      stackBytesSource_ = "the vmalloc area of a stack";
      return;
    }
    return;
  }
}

const Task *CrashScene::taskOnCpu(uint64_t cpu) const {
  for (const Task &task : tasks_.tasks)
    if (task.isRunning.value_or(false) && task.cpu == cpu)
      return &task;
  return nullptr;
}

const CpuRegisters *CrashScene::registersOf(std::optional<uint64_t> cpu) const {
  for (size_t i = 0; cpu && i < machine_.cpus.size(); ++i)
    if (cpuNumber(i) == *cpu)
      return &machine_.cpus[i];
  return nullptr;
}

std::optional<VirtAddr> CrashScene::stackOf(const Task &task) const {
  std::optional<uint64_t> stack =
      kernel_.reader().tryNumber(task.address, stack_);
  if (!stack || !*stack)
    return std::nullopt;
  return VirtAddr(*stack);
}

bool CrashScene::isUserAddress(VirtAddr at) const {
  const KernelImage &image = kernel_.image();
  return image.arch->spacesOverlap ? crash_.space == FaultSpace::User
                                   : at < firstKernelAddress(image);
}

bool CrashScene::isUserCode(const CpuRegisters &cpu) const {
  if (!arch().modeRegister.empty())
    return cpu.find(arch().modeRegister).value_or(0) & arch().userModeMask;
  const std::optional<uint64_t> ip = cpu.find(arch().ipRegister);
  return ip && VirtAddr(*ip) < firstKernelAddress(kernel_.image());
}

std::optional<PhysAddr> CrashScene::rootOf(const Task &task) const {
  if (task.root)
    return task.root;
  std::optional<uint64_t> mm =
      kernel_.reader().tryNumber(task.address, activeMm_);
  if (!mm || !*mm)
    return std::nullopt;
  llvm::Expected<PhysAddr> root = readRoot(kernel_, VirtAddr(*mm));
  if (root)
    return *root;
  llvm::consumeError(root.takeError());
  return std::nullopt;
}

} // namespace vmpt
