#include "kernel/tasks/PidTable.h"

#include "kernel/context/FieldTable.h"
#include "kernel/context/TaskLimits.h"

#include "llvm/ADT/DenseSet.h"

namespace vmpt {

namespace {

class PidTableReader {
public:
  PidTableReader(const Kernel &kernel) : reader_(kernel.reader()) {}

  llvm::Error findMembers(const TypeSources &types) {
    llvm::StringRef nodeType =
        types.hasMember("xa_node", "slots") ? "xa_node" : "radix_tree_node";
    const WantedField wanted[] = {
        {&head_, "pid_namespace", {"idr.idr_rt.xa_head", "idr.idr_rt.rnode"}},
        {&slots_, nodeType, {"slots"}},
        {&pidTasks_, "pid", {"tasks"}},
        {&pidLinks_, "task_struct", {"pid_links"}},
    };
    return findFields(types, wanted);
  }

  llvm::Expected<std::vector<VirtAddr>> read(VirtAddr pidNamespace) {
    llvm::Expected<VirtAddr> head = reader_.pointer(pidNamespace, head_);
    if (!head)
      return head.takeError();
    visit(head->value, 0);
    return std::move(tasks_);
  }

private:
  /// An entry that points to a node has 10 in its low bits (01 before 4.20);
  /// one that points to an object has 00.
  void visit(uint64_t entry, unsigned depth) {
    // 64 slots a node: six levels hold more pids than there can be.
    constexpr unsigned maxDepth = 8, maxSlots = 64;
    if (entry == 0 || depth > maxDepth || isFull())
      return;
    if ((entry & 3) == 0)
      return addPid(VirtAddr(entry));
    VirtAddr node(entry & ~uint64_t(3));
    if (!nodes_.insert(node.value).second)
      return;
    const size_t count =
        std::min<size_t>(maxSlots, slots_.sizeBytes / reader_.wordBytes());
    for (size_t i = 0; i < count && !isFull(); ++i) {
      llvm::Expected<uint64_t> slot =
          reader_.word(node + slots_.offset + i * reader_.wordBytes());
      if (!slot)
        return llvm::consumeError(slot.takeError());
      visit(*slot, depth + 1);
    }
  }

  /// tasks[PIDTYPE_PID].first points to task_struct.pid_links[0]. A number
  /// that only names a group or a session has no such task.
  void addPid(VirtAddr pid) {
    llvm::Expected<VirtAddr> link = reader_.pointer(pid, pidTasks_);
    if (!link)
      return llvm::consumeError(link.takeError());
    if (link->value)
      tasks_.push_back(*link - pidLinks_.offset);
  }

  /// More nodes or tasks are a tree that somebody made up.
  bool isFull() const {
    return nodes_.size() >= maxPids || tasks_.size() >= maxPids;
  }

  const StructReader &reader_;
  Field head_, slots_, pidTasks_, pidLinks_;
  llvm::DenseSet<uint64_t> nodes_;
  std::vector<VirtAddr> tasks_;
};

/// The symbol, or what init_task's own nsproxy points to: kernels without
/// KALLSYMS_ALL name no data (linux include/linux/nsproxy.h).
llvm::Expected<VirtAddr> findPidNamespace(const Kernel &kernel) {
  llvm::Expected<VirtAddr> named = kernel.address("init_pid_ns");
  if (named)
    return named;
  llvm::Expected<VirtAddr> initTask = kernel.address("init_task");
  std::optional<Field> nsproxy =
      findOptionalField(kernel.types(), "task_struct", {"nsproxy"});
  std::optional<Field> pidNamespace = findOptionalField(
      kernel.types(), "nsproxy", {"pid_ns_for_children", "pid_ns"});
  if (!initTask || !nsproxy || !pidNamespace) {
    if (!initTask)
      llvm::consumeError(initTask.takeError());
    return named.takeError();
  }
  llvm::consumeError(named.takeError());
  llvm::Expected<VirtAddr> proxy = kernel.reader().pointer(*initTask, *nsproxy);
  return proxy ? kernel.reader().pointer(*proxy, *pidNamespace)
               : proxy.takeError();
}

} // namespace

llvm::Expected<std::vector<VirtAddr>> readPidTable(const Kernel &kernel) {
  llvm::Expected<VirtAddr> pidNamespace = findPidNamespace(kernel);
  if (!pidNamespace)
    return pidNamespace.takeError();
  PidTableReader reader(kernel);
  if (llvm::Error error = reader.findMembers(kernel.types()))
    return error;
  return reader.read(*pidNamespace);
}

} // namespace vmpt
