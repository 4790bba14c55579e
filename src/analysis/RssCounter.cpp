#include "analysis/RssCounter.h"

namespace vmpt {

/// MM_FILEPAGES, MM_ANONPAGES, MM_SHMEMPAGES.
static constexpr unsigned residentCounters[] = {0, 1, 3};

RssCounter::RssCounter(const Kernel &kernel, const TaskList &tasks)
    : kernel_(kernel) {
  const TypeSources &types = kernel.types();
  total_ = findOptionalField(types, "mm_struct", {"rss_stat.count"});
  counterBytes_ = kernel.reader().wordBytes();
  if (total_) {
    addThreads(tasks);
    return;
  }
  total_ = findOptionalField(types, "mm_struct", {"rss_stat"});
  perCpuCount_ = findOptionalField(types, "percpu_counter", {"count"});
  perCpuParts_ = findOptionalField(types, "percpu_counter", {"counters"});
  llvm::Expected<uint64_t> bytes = types.getSizeBytes("percpu_counter");
  if (!bytes)
    llvm::consumeError(bytes.takeError());
  else
    counterBytes_ = *bytes;
  if (!total_ || !perCpuCount_ || !bytes)
    problem_ = "mm_struct.rss_stat is not known";
  perCpu_ = readPerCpuOffsets(kernel);
  if (!perCpu_.problems.empty())
    problem_ = perCpu_.problems.front();
}

std::optional<int64_t> RssCounter::counter(VirtAddr mm, unsigned index) const {
  const StructReader &reader = kernel_.reader();
  const VirtAddr at = mm + total_->offset + index * counterBytes_;
  if (!perCpuCount_) {
    std::optional<uint64_t> number =
        reader.tryNumber(at, Field{0, counterBytes_});
    return number ? std::optional<int64_t>(counterBytes_ == 4
                                               ? int64_t(int32_t(*number))
                                               : int64_t(*number))
                  : std::nullopt;
  }
  std::optional<uint64_t> sum = reader.tryNumber(at, perCpuCount_);
  if (!sum || !perCpuParts_)
    return sum;
  std::optional<uint64_t> parts = reader.tryNumber(at, perCpuParts_);
  if (!parts)
    return std::nullopt;
  int64_t total = int64_t(*sum);
  for (uint64_t offset : perCpu_.sure()) {
    const VirtAddr part(*parts + offset);
    if (auto number = reader.tryNumber(part, Field{0, 4}))
      total += int32_t(*number);
    else if (const Translation found = kernel_.memory().find(part);
             found.isMapped() ||
             found.outcome == Translation::Outcome::TableAbsent)
      return std::nullopt; // a CPU that is not possible has none
  }
  return total;
}

void RssCounter::addThreads(const TaskList &tasks) {
  std::optional<Field> kept =
      findOptionalField(kernel_.types(), "task_struct", {"rss_stat.count"});
  if (!kept)
    return;
  for (const Task &task : tasks.tasks)
    for (unsigned index : residentCounters)
      if (auto number = kernel_.reader().tryNumber(
              task.address, Field{kept->offset + 4 * index, 4}))
        keptByThreads_[task.mm.value] += int32_t(*number);
}

std::optional<int64_t> RssCounter::count(VirtAddr mm) const {
  int64_t total = keptByThreads_.lookup(mm.value);
  for (unsigned index : residentCounters) {
    std::optional<int64_t> number = counter(mm, index);
    if (!number)
      return std::nullopt;
    total += *number;
  }
  return total;
}

} // namespace vmpt
