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

} // namespace

PerCpuOffsets readPerCpuOffsets(const Kernel &kernel) {
  std::optional<Symbol> table = kernel.symbols().find("__per_cpu_offset");
  if (!table)
    return {{0}, 1, {}};
  const std::optional<Symbol> ids = kernel.symbols().find("nr_cpu_ids");
  const StructReader &reader = kernel.reader();
  const unsigned word = reader.wordBytes();
  std::optional<uint64_t> count;
  if (ids)
    count = reader.tryNumber(ids->address, Field{0, 4});
  const uint64_t most = std::min(count.value_or(maxCpus), maxCpus);
  PerCpuOffsets offsets;
  while (offsets.all.size() < most)
    if (auto offset = reader.tryNumber(table->address,
                                       Field{offsets.all.size() * word, word}))
      offsets.all.push_back(*offset);
    else
      break;
  offsets.sureCount = ids && !count ? 0 : offsets.all.size();
  const VirtAddr next = table->address + offsets.all.size() * word;
  if (ids && !count && isLost(kernel, ids->address))
    offsets.problems.push_back("how many CPUs there are is not known: " +
                               explainLoss(kernel, ids->address));
  else if (count && offsets.all.size() < most && isLost(kernel, next))
    offsets.problems.push_back("where the data of CPU " +
                               std::to_string(offsets.all.size()) +
                               " and of those behind it lie is not known: " +
                               explainLoss(kernel, next));
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
  PerCpuOffsets offsets = readPerCpuOffsets(kernel);
  CpuTasks found;
  found.problems = std::move(offsets.problems);
  uint32_t cpu = 0;
  for (uint64_t offset : offsets.sure()) {
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
