#include "kernel/tasks/CpuTasks.h"

#include "kernel/context/FieldTable.h"

namespace vmpt {

namespace {

/// CONFIG_NR_CPUS of the largest configurations: linux arch/x86/Kconfig.
constexpr uint64_t maxCpus = 8192;

std::string explainLoss(const Kernel &kernel, VirtAddr at) {
  uint8_t byte;
  return llvm::toString(kernel.memory().read(at, byte));
}

/// Has the dump lost what is at \p at? What it left out on purpose it says, and
/// who trimmed it did not ask for idle tasks. A CPU that is not possible has no
/// data, and the kernel maps none.
bool isLost(const Kernel &kernel, VirtAddr at) {
  const Translation found = kernel.memory().find(at);
  if (found.outcome == Translation::Outcome::TableAbsent)
    return found.absent.absence != Absence::Excluded;
  uint8_t byte;
  if (!found.isMapped())
    return false;
  auto absent = kernel.memory().physical().tryRead(found.address, byte);
  return absent && absent->absence != Absence::Excluded;
}

/// Of the \p known offsets of CPUs, how many surely are ones? What the dump has
/// lost of nr_cpu_ids and __per_cpu_offset goes to \p problems.
size_t countSureCpus(const Kernel &kernel, size_t known,
                     std::vector<std::string> &problems) {
  std::optional<Symbol> ids = kernel.symbols().find("nr_cpu_ids");
  std::optional<Symbol> table = kernel.symbols().find("__per_cpu_offset");
  if (!ids || !table)
    return known;
  const StructReader &reader = kernel.reader();
  const std::optional<uint64_t> count =
      reader.tryNumber(ids->address, Field{0, 4});
  const VirtAddr next = table->address + known * reader.wordBytes();
  if (!count && isLost(kernel, ids->address))
    problems.push_back("how many CPUs there are is not known: " +
                       explainLoss(kernel, ids->address));
  else if (count && known < std::min(*count, maxCpus) && isLost(kernel, next))
    problems.push_back("where the data of CPU " + std::to_string(known) +
                       " and of those behind it lie is not known: " +
                       explainLoss(kernel, next));
  return count ? known : 0; // What lies behind the last is no CPU's.
}

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

llvm::Expected<CpuTasks> readCpuTasks(const Kernel &kernel) {
  llvm::Expected<VirtAddr> queues = kernel.address("runqueues");
  if (!queues)
    return queues.takeError();
  Field idle, current;
  const WantedField wanted[] = {{&idle, "rq", {"idle"}},
                                {&current, "rq", {"curr"}}};
  if (llvm::Error error = findFields(kernel.types(), wanted))
    return error;
  CpuTasks found;
  std::vector<uint64_t> offsets = readPerCpuOffsets(kernel);
  offsets.resize(countSureCpus(kernel, offsets.size(), found.problems));
  uint32_t cpu = 0;
  for (uint64_t offset : offsets) {
    const VirtAddr queue(queues->value + offset);
    CpuTask task{cpu++, {}, {}};
    for (auto [field, to] :
         {std::pair(&idle, &task.idle), std::pair(&current, &task.current)}) {
      std::optional<uint64_t> value = kernel.reader().tryNumber(queue, *field);
      *to = VirtAddr(value.value_or(0));
      if (value)
        continue;
      const VirtAddr at = queue + field->offset;
      if (isLost(kernel, at))
        found.problems.push_back(
            "what CPU " + std::to_string(task.cpu) +
            " runs is not known: " + explainLoss(kernel, at));
      break;
    }
    if (task.idle.value)
      found.tasks.push_back(task);
  }
  return found;
}

} // namespace vmpt
