#include "kernel/tasks/TaskFields.h"

#include "kernel/context/FieldTable.h"
#include "kernel/context/TaskLimits.h"

namespace vmpt {

namespace {

constexpr uint64_t workqueueWorker = 0x20; ///< PF_WQ_WORKER
/// linux fs/proc/array.c proc_task_name(): char tcomm[64].
constexpr size_t maxName = 63;

} // namespace

llvm::Expected<TaskFields> TaskFields::find(const TypeSources &types) {
  TaskFields fields;
  const WantedField wanted[] = {
      {&fields.tasks, "task_struct", {"tasks"}},
      {&fields.pid, "task_struct", {"pid"}},
      {&fields.tgid, "task_struct", {"tgid"}},
      {&fields.comm, "task_struct", {"comm"}},
      {&fields.mm, "task_struct", {"mm"}},
      {&fields.parent, "task_struct", {"real_parent"}},
      {&fields.state, "task_struct", {"__state", "state"}},
      {&fields.flags, "task_struct", {"flags"}},
  };
  if (llvm::Error error = findFields(types, wanted))
    return error;
  fields.pgd = findOptionalField(types, "mm_struct", {"pgd"});
  fields.signal = findOptionalField(types, "task_struct", {"signal"});
  fields.threadHead =
      findOptionalField(types, "signal_struct", {"thread_head"});
  fields.threadNode = findOptionalField(types, "task_struct", {"thread_node"});
  fields.exitState = findOptionalField(types, "task_struct", {"exit_state"});
  fields.onCpu = findOptionalField(types, "task_struct", {"on_cpu"});
  fields.cpu =
      findOptionalField(types, "task_struct", {"thread_info.cpu", "cpu"});
  return fields;
}

TaskNames::TaskNames(const Kernel &kernel, const TaskFields &fields)
    : kernel_(kernel), fields_(fields) {
  const TypeSources &types = kernel.types();
  // Up to 5.16 the struct kthread hung on set_child_tid and had no name.
  kthread_ = findOptionalField(types, "task_struct",
                               {"worker_private", "set_child_tid"});
  fullName_ = findOptionalField(types, "kthread", {"full_name"});
  kthreadData_ = findOptionalField(types, "kthread", {"data"});
  workerDesc_ = findOptionalField(types, "worker", {"desc"});
  workerCurrent_ = findOptionalField(types, "worker", {"current_work"});
  workerPool_ = findOptionalField(types, "worker", {"pool"});
  workersHaveFullNames_ = kernel.symbols().find("format_worker_id").has_value();
}

std::string TaskNames::workerSuffix(VirtAddr kthread) const {
  const StructReader &reader = kernel_.reader();
  std::optional<uint64_t> worker = reader.tryNumber(kthread, kthreadData_);
  if (!worker || !*worker || !workerDesc_ ||
      !reader.tryNumber(VirtAddr(*worker), workerPool_).value_or(0))
    return "";
  llvm::Expected<std::string> description =
      reader.text(VirtAddr(*worker), *workerDesc_);
  if (!description) {
    llvm::consumeError(description.takeError());
    return "";
  }
  if (description->empty())
    return "";
  bool busy =
      reader.tryNumber(VirtAddr(*worker), workerCurrent_).value_or(0) != 0;
  return (busy ? "+" : "-") + *description;
}

std::string TaskNames::explainMissing() const {
  std::string text;
  if (cutNames_)
    text = std::to_string(cutNames_) + " kernel threads have short names";
  if (bareWorkers_)
    text += (text.empty() ? "" : ", ") + std::to_string(bareWorkers_) +
            " kworkers without what they work for";
  if (!text.empty())
    text += ": struct kthread or worker is unknown (tried " +
            kernel_.types().describe() + "); pass --vmlinux or --btf";
  return text;
}

llvm::Expected<std::string> TaskNames::read(VirtAddr task,
                                            uint64_t flags) const {
  const StructReader &reader = kernel_.reader();
  llvm::Expected<std::string> comm = reader.text(task, fields_.comm);
  if (!comm || !(flags & kernelThreadFlag))
    return comm;
  // Since 5.17 a longer name is kept elsewhere.
  cutNames_ += !fullName_ && comm->size() + 1 >= fields_.comm.sizeBytes &&
               kernel_.image().version() >= KernelVersion{5, 17};
  bareWorkers_ += (flags & workqueueWorker) && !(kthreadData_ && workerDesc_);
  std::optional<uint64_t> kthread = reader.tryNumber(task, kthread_);
  if (!kthread || !*kthread)
    return comm;
  const bool isWorker = flags & workqueueWorker;
  uint64_t name = reader.tryNumber(VirtAddr(*kthread), fullName_).value_or(0);
  if (name && (!isWorker || workersHaveFullNames_)) {
    llvm::Expected<std::string> text =
        reader.memory().readString(VirtAddr(name), 256);
    if (text)
      *comm = std::move(*text);
    else
      llvm::consumeError(text.takeError());
  }
  if (isWorker)
    *comm += workerSuffix(VirtAddr(*kthread));
  comm->resize(std::min(comm->size(), maxName));
  return comm;
}

} // namespace vmpt
