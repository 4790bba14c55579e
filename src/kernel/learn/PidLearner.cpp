#include "kernel/learn/TaskLinks.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

constexpr uint64_t pidBytes = 384, namespaceBytes = 128;
constexpr const char *tasksInMemory = "tasks in memory";

class PidLearner {
public:
  PidLearner(const Kernel &kernel, llvm::ArrayRef<TaskSample> tasks)
      : reader_(kernel.reader()), word_(reader_.wordBytes()), tasks_(tasks),
        samples_(reader_, maxTaskBytes), pids_(reader_, pidBytes) {}

  llvm::Expected<LearnedPlaces> learn();

private:
  /// Where the slots of a tree's node are, and how many.
  struct NodeShape {
    uint64_t slots = 0;
    unsigned bits = 6;
  };
  uint64_t wordAt(uint64_t at, uint64_t offset) const {
    return reader_.tryNumber(VirtAddr(at), Field{offset, word_}).value_or(0);
  }
  bool fitsLink(uint64_t link) const;
  llvm::Error learnLink();
  llvm::Error learnNumber();
  bool visit(uint64_t entry, uint64_t first, unsigned height,
             const NodeShape &shape, std::set<uint64_t> &found) const;
  llvm::Error learnTree();
  llvm::Error learnWayToNamespace();

  const StructReader &reader_;
  const unsigned word_;
  llvm::ArrayRef<TaskSample> tasks_;
  Samples samples_; ///< All but init_task, which has no number.
  Samples pids_;    ///< Theirs.
  std::vector<uint64_t> numbers_;
  uint64_t heads_ = 0, number_ = 0;
  VirtAddr namespace_;
  LearnedPlaces places_{""};
};

/// thread_pid, then pid_links[], the first of which hangs on that pid's first
/// head: {next, pprev}.
bool PidLearner::fitsLink(uint64_t link) const {
  std::set<uint64_t> seen;
  const uint64_t heads =
      samples_.word(0, link + word_) - samples_.word(0, link - word_);
  return heads < pidBytes / 2 && samples_.all([&](size_t i) {
    const uint64_t pid = samples_.word(i, link - word_),
                   head = samples_.word(i, link + word_);
    // Lists that nothing hangs on lead to themselves.
    return pid && head - pid == heads && seen.insert(pid).second &&
           pid - samples_.address(i).value >= link + 2 * word_ &&
           wordAt(head, 0) == samples_.address(i).value + link;
  });
}

llvm::Error PidLearner::learnLink() {
  for (const TaskSample &task : tasks_)
    if (task.pid && samples_.add(task.at))
      numbers_.push_back(task.pid);
  if (samples_.empty())
    return llvm::make_error<LookupError>("no task in memory has a number");
  std::vector<uint64_t> found =
      samples_.find(word_, samples_.bound() - 2 * word_ + 1, word_,
                    [&](uint64_t at) { return fitsLink(at); });
  // The other three of pid_links[], for groups and sessions, can look alike.
  if (!found.empty() && found.back() - found.front() < 8 * word_)
    found.resize(1);
  llvm::Expected<uint64_t> at =
      takeOnly(found, tasksInMemory, "which struct pid is theirs");
  if (!at)
    return at.takeError();
  heads_ = samples_.word(0, *at + word_) - samples_.word(0, *at - word_);
  for (size_t i = 0; i < samples_.size(); ++i)
    if (!pids_.add(VirtAddr(samples_.word(i, *at - word_))))
      return llvm::make_error<LookupError>("the struct pid at " +
                                           hex(samples_.word(i, *at - word_)) +
                                           " cannot be read");
  places_.put("task_struct.pid_links", *at, 8 * word_);
  places_.put("pid.tasks", heads_, 4 * word_);
  return llvm::Error::success();
}

/// numbers[0], a struct upid {nr, ns}, is of the first namespace for all.
llvm::Error PidLearner::learnNumber() {
  const auto found = pids_.find(0, pidBytes, 4, [&](uint64_t at) {
    const uint64_t space = alignUp(at + 4, word_);
    return pids_.all([&](size_t i) {
      return pids_.number(i, at, 4) == numbers_[i] &&
             pids_.word(i, space) == pids_.word(0, space);
    }) && isObject(reader_, pids_.word(0, space));
  });
  llvm::Expected<uint64_t> at =
      takeOnly(found, "the pids in memory", "where they have their numbers");
  if (!at)
    return at.takeError();
  number_ = *at;
  namespace_ = VirtAddr(pids_.word(0, alignUp(number_ + 4, word_)));
  return llvm::Error::success();
}

/// A node begins with how far its index is shifted; each pid is at its number.
bool PidLearner::visit(uint64_t entry, uint64_t first, unsigned height,
                       const NodeShape &shape,
                       std::set<uint64_t> &found) const {
  constexpr unsigned maxHeight = 8;
  constexpr size_t maxFound = 1 << 20;
  if (!entry)
    return true;
  if ((entry & 3) == 0) {
    found.insert(entry);
    return reader_.tryNumber(VirtAddr(entry), Field{number_, 4}) == first;
  }
  const uint64_t node = entry & ~uint64_t(3);
  const auto shift = reader_.tryNumber(VirtAddr(node), Field{0, 1});
  if (height > maxHeight || !shift || *shift > 60 || found.size() > maxFound ||
      *shift % shape.bits)
    return false;
  for (uint64_t i = 0; i < bit(shape.bits); ++i) {
    const auto slot = reader_.tryNumber(VirtAddr(node),
                                        Field{shape.slots + i * word_, word_});
    if (!slot || !visit(*slot, first + (i << *shift), height + 1, shape, found))
      return false;
  }
  return true;
}

llvm::Error PidLearner::learnTree() {
  struct Tree {
    uint64_t head;
    NodeShape shape;
  };
  std::vector<Tree> found;
  for (uint64_t head = 0; head < namespaceBytes; head += word_) {
    const uint64_t entry = wordAt(namespace_.value, head);
    if ((entry & 3) == 0 || (entry & 3) == 3 ||
        !isObject(reader_, entry & ~uint64_t(3)))
      continue;
    for (uint64_t slots = word_; slots <= 10 * word_; slots += word_)
      for (unsigned bits : {6u, 4u}) { // the latter with CONFIG_BASE_SMALL
        std::set<uint64_t> known;
        if (!visit(entry, 0, 0, {slots, bits}, known) ||
            !pids_.all(
                [&](size_t i) { return known.count(pids_.address(i).value); }))
          continue;
        found.push_back({head, {slots, bits}});
        break; // of a node of 64, the first 16 are no proof of less
      }
  }
  if (found.size() != 1)
    return notShown(tasksInMemory, "the tree of their numbers", found.size());
  const Tree &tree = found.front();
  places_.put("pid_namespace.idr.idr_rt.xa_head", tree.head, word_);
  places_.put("xa_node.slots", tree.shape.slots, word_ << tree.shape.bits);
  return llvm::Error::success();
}

/// For kernels that do not name init_pid_ns.
llvm::Error PidLearner::learnWayToNamespace() {
  constexpr uint64_t proxyBytes = 128;
  Samples initTask(reader_, maxTaskBytes);
  if (tasks_.empty() || !initTask.add(tasks_.front().at))
    return llvm::make_error<LookupError>("init_task cannot be read");
  for (uint64_t at = 0; at + word_ <= maxTaskBytes; at += word_) {
    const uint64_t proxy = initTask.word(0, at);
    if (!isObject(reader_, proxy))
      continue;
    for (uint64_t member = word_; member < proxyBytes; member += word_)
      if (wordAt(proxy, member) == namespace_.value) {
        places_.put("task_struct.nsproxy", at, word_);
        places_.put("nsproxy.pid_ns_for_children", member, word_);
        return llvm::Error::success();
      }
  }
  return notShown("what init_task points to", "the namespace of pids");
}

llvm::Expected<LearnedPlaces> PidLearner::learn() {
  if (llvm::Error error = learnLink())
    return error;
  if (llvm::Error error = learnNumber())
    return error;
  if (llvm::Error error = learnTree())
    return error;
  if (llvm::Error error = learnWayToNamespace())
    return error;
  return std::move(places_);
}

} // namespace

llvm::Expected<LearnedPlaces> learnPids(const Kernel &kernel,
                                        llvm::ArrayRef<TaskSample> tasks) {
  return PidLearner(kernel, tasks).learn();
}

} // namespace vmpt
