#include "kernel/learn/TaskSamples.h"

#include "kernel/context/FieldTable.h"
#include "kernel/context/ListWalk.h"
#include "kernel/context/TaskLimits.h"

namespace vmpt {

namespace {

constexpr size_t maxTaskSamples = 512;

} // namespace

bool TaskSample::isKernelThread() const { return flags & kernelThreadFlag; }

llvm::Expected<std::vector<TaskSample>> sampleTasks(const Kernel &kernel) {
  llvm::Expected<VirtAddr> initTask = kernel.address("init_task");
  if (!initTask)
    return initTask.takeError();
  Field tasks, pid, tgid, flags, comm, mm;
  const WantedField wanted[] = {
      {&tasks, "task_struct", {"tasks"}}, {&pid, "task_struct", {"pid"}},
      {&tgid, "task_struct", {"tgid"}},   {&flags, "task_struct", {"flags"}},
      {&comm, "task_struct", {"comm"}},   {&mm, "task_struct", {"mm"}},
  };
  if (llvm::Error error = findFields(kernel.types(), wanted))
    return error;
  const auto pgd = findOptionalField(kernel.types(), "mm_struct", {"pgd"});
  const StructReader &reader = kernel.reader();
  const ListMembers ring = followList(reader, *initTask + tasks.offset, maxPids,
                                      "the list of processes");
  std::vector<VirtAddr> addresses = {*initTask};
  for (VirtAddr link : ring.links)
    addresses.push_back(link - tasks.offset);
  // Kernel threads come first: half of a long ring is its end.
  if (addresses.size() > maxTaskSamples)
    addresses.erase(addresses.begin() + maxTaskSamples / 2,
                    addresses.end() - maxTaskSamples / 2);
  std::vector<TaskSample> samples;
  for (VirtAddr at : addresses) {
    const auto number = [&](const Field &field) {
      return reader.tryNumber(at, field).value_or(0);
    };
    TaskSample task;
    task.at = at;
    task.pid = uint32_t(number(pid));
    task.tgid = uint32_t(number(tgid));
    task.flags = number(flags);
    task.mm = VirtAddr(number(mm));
    if (llvm::Expected<std::string> name = reader.text(at, comm))
      task.comm = std::move(*name);
    else
      llvm::consumeError(name.takeError());
    if (auto table = reader.tryNumber(task.mm, pgd); task.mm.value && table) {
      const Translation found = kernel.memory().find(VirtAddr(*table));
      if (found.isMapped())
        task.root = found.address;
    }
    samples.push_back(std::move(task));
  }
  return samples;
}

} // namespace vmpt
