#include "analysis/Panic.h"

#include "kernel/log/KernelLog.h"

namespace vmpt {

namespace {

/// Once a kernel without a crash kernel has panicked, nobody else does.
constexpr llvm::StringLiteral panicWords = "Kernel panic - not syncing";

std::optional<uint32_t> numberAfter(llvm::StringRef text, llvm::StringRef key) {
  const size_t at = text.find(key);
  if (at == llvm::StringRef::npos)
    return std::nullopt;
  llvm::StringRef rest = text.substr(at + key.size()).ltrim(' ');
  uint32_t number;
  return rest.consumeInteger(10, number) ? std::nullopt
                                         : std::optional<uint32_t>(number);
}

void markAll(TaskList &list,
             llvm::function_ref<bool(const Task &)> hasPanicked) {
  for (Task &task : list.tasks)
    task.hasPanicked = hasPanicked(task);
}

/// Nothing if the log cannot be read.
std::optional<PanicLog> readLog(const Kernel &kernel) {
  llvm::Expected<KernelLog> log = KernelLog::create(kernel);
  if (!log) {
    llvm::consumeError(log.takeError());
    return std::nullopt;
  }
  PanicLog found;
  llvm::Expected<std::vector<std::string>> problems =
      log->read([&](const LogRecord &record) { found.add(record.text); });
  if (!problems) {
    llvm::consumeError(problems.takeError());
    return std::nullopt;
  }
  // A log with holes may lack the line.
  if (!found.hasPanicked() && !problems->empty())
    return std::nullopt;
  return found;
}

/// Does a return address on the task's stack lie in panic()?
bool isInPanic(const Kernel &kernel, const Symbol &panic, VirtAddr stack) {
  // linux THREAD_SIZE: at most four pages of 4 KiB, or one of 64 KiB; what
  // lies behind is not mapped, or another stack.
  constexpr uint64_t stackBytes = 16 << 10;
  std::vector<uint8_t> bytes(stackBytes);
  if (llvm::Error error = kernel.memory().read(stack, bytes)) {
    llvm::consumeError(std::move(error));
    return false;
  }
  const unsigned wordBytes = kernel.image().wordBytes();
  const Bytes words(bytes, kernel.memory().order());
  for (uint64_t at = 0; at < stackBytes; at += wordBytes) {
    const uint64_t word =
        wordBytes == 8 ? words.at<uint64_t>(at) : words.at<uint32_t>(at);
    if (word > panic.address.value &&
        word - panic.address.value < panic.sizeBytes)
      return true;
  }
  return false;
}

/// The one running task whose stack is in panic(), or null.
const Task *findByStack(const Kernel &kernel, const TaskList &list) {
  std::optional<Symbol> panic = kernel.symbols().find("panic");
  // vpanic() does the work since 6.14.
  if (std::optional<Symbol> inner = kernel.symbols().find("vpanic"))
    panic = inner;
  std::optional<Field> stackField =
      findOptionalField(kernel.types(), "task_struct", {"stack"});
  if (!panic || !panic->sizeBytes || !stackField)
    return nullptr;
  const Task *found = nullptr;
  for (const Task &task : list.tasks) {
    if (!task.isRunning.value_or(false))
      continue;
    std::optional<uint64_t> stack =
        kernel.reader().tryNumber(task.address, stackField);
    if (!stack || !*stack || !isInPanic(kernel, *panic, VirtAddr(*stack)))
      continue;
    if (found)
      return nullptr;
    found = &task;
  }
  return found;
}

/// A crash kernel was started (VMCOREINFO then says when), so somebody crashed,
/// and the only CPU with registers was it.
std::optional<uint32_t> findByNotes(const Kernel &kernel,
                                    const Machine &machine) {
  if (!kernel.image().vmcoreinfo.find("CRASHTIME") || machine.cpus.size() != 1)
    return std::nullopt;
  return machine.cpus.front().pid;
}

} // namespace

std::optional<CpuLine> CpuLine::parse(llvm::StringRef text) {
  std::optional<uint32_t> cpu = numberAfter(text, "CPU:"),
                          pid = numberAfter(text, " PID:");
  if (!cpu || !pid || !text.contains(" Comm: "))
    return std::nullopt;
  return CpuLine{*cpu, *pid};
}

void PanicLog::add(llvm::StringRef text) {
  if (!isPanic_ && text.contains(panicWords)) {
    isPanic_ = true;
    return;
  }
  std::optional<CpuLine> line = CpuLine::parse(text);
  if (!line)
    return;
  if (!isPanic_)
    before_ = line;
  else if (!after_)
    after_ = line;
}

void findPanicked(const Kernel &kernel, const Machine &machine,
                  TaskList &list) {
  if (list.knowsPanicCpu)
    return;
  const bool wasKexec = kernel.image().vmcoreinfo.find("CRASHTIME").has_value();
  if (std::optional<PanicLog> log = readLog(kernel)) {
    if (!log->hasPanicked() && !wasKexec)
      return markAll(list, [](const Task &) { return false; });
    if (std::optional<CpuLine> line = log->culprit())
      return markAll(list, [&](const Task &task) {
        return task.pid == line->pid &&
               (task.pid || !task.cpu || *task.cpu == line->cpu);
      });
  }
  if (std::optional<uint32_t> pid = findByNotes(kernel, machine))
    return markAll(list, [&](const Task &task) { return task.pid == *pid; });
  if (const Task *culprit = findByStack(kernel, list))
    return markAll(list, [&](const Task &task) {
      return task.address == culprit->address;
    });
}

} // namespace vmpt
