#include "kernel/tasks/CpuTasks.h"

#include "kernel/context/FieldTable.h"

namespace vmpt {

namespace {

/// CONFIG_NR_CPUS of the largest configurations: linux arch/x86/Kconfig.
constexpr uint64_t maxCpus = 8192;

} // namespace

std::vector<uint64_t> readPerCpuOffsets(const Kernel &kernel) {
  std::optional<Symbol> table = kernel.symbols().find("__per_cpu_offset");
  if (!table)
    return {0};
  uint64_t count = maxCpus;
  if (std::optional<Symbol> ids = kernel.symbols().find("nr_cpu_ids"))
    count = std::min(
        count,
        kernel.reader().tryNumber(ids->address, Field{0, 4}).value_or(count));
  std::vector<uint64_t> offsets;
  const StructReader &reader = kernel.reader();
  for (uint64_t cpu = 0; cpu < count; ++cpu) {
    std::optional<uint64_t> offset = reader.tryNumber(
        table->address, Field{cpu * reader.wordBytes(), reader.wordBytes()});
    if (!offset)
      break;
    offsets.push_back(*offset);
  }
  return offsets;
}

llvm::Expected<std::vector<CpuTask>> readCpuTasks(const Kernel &kernel) {
  llvm::Expected<VirtAddr> queues = kernel.address("runqueues");
  if (!queues)
    return queues.takeError();
  Field idle, current;
  const WantedField wanted[] = {{&idle, "rq", {"idle"}},
                                {&current, "rq", {"curr"}}};
  if (llvm::Error error = findFields(kernel.types(), wanted))
    return error;
  const StructReader &reader = kernel.reader();
  std::vector<CpuTask> tasks;
  uint32_t cpu = 0;
  for (uint64_t offset : readPerCpuOffsets(kernel)) {
    const VirtAddr queue(queues->value + offset);
    CpuTask task{cpu++, {}, {}};
    task.idle = VirtAddr(reader.tryNumber(queue, idle).value_or(0));
    task.current = VirtAddr(reader.tryNumber(queue, current).value_or(0));
    if (task.idle.value)
      tasks.push_back(task);
  }
  return tasks;
}

} // namespace vmpt
