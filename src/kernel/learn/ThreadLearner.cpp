#include "kernel/context/FieldTable.h"
#include "kernel/context/ListWalk.h"
#include "kernel/context/TaskLimits.h"
#include "kernel/learn/TaskLinks.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

constexpr uint64_t maxSignalBytes = 2048;
constexpr const char *tasksInMemory = "tasks in memory";

class ThreadLearner {
public:
  ThreadLearner(const Kernel &kernel, llvm::ArrayRef<TaskSample> tasks)
      : reader_(kernel.reader()), types_(kernel.types()),
        word_(reader_.wordBytes()), tasks_(tasks),
        samples_(reader_, maxTaskBytes) {}

  llvm::Expected<LearnedPlaces> learn();

private:
  struct Shape {
    uint64_t signal = 0, head = 0, node = 0;
  };
  bool mayBeSignal(uint64_t at) const;
  bool fits(const Shape &shape) const;
  std::vector<Shape> findShapes(uint64_t signal) const;
  bool areThreads(size_t i, const Shape &shape) const;

  const StructReader &reader_;
  const TypeSources &types_;
  const unsigned word_;
  llvm::ArrayRef<TaskSample> tasks_;
  Samples samples_;
  uint64_t bound_ = maxTaskBytes;
  Field tgid_;
};

/// Each leader has a signal_struct of its own.
bool ThreadLearner::mayBeSignal(uint64_t at) const {
  std::set<uint64_t> seen;
  return samples_.all([&](size_t i) {
    const uint64_t value = samples_.word(i, at);
    return value && value % word_ == 0 && seen.insert(value).second &&
           (i > 3 || isObject(reader_, value));
  });
}

/// A leader is the first of its threads: the head is before it.
bool ThreadLearner::fits(const Shape &shape) const {
  return samples_.all([&](size_t i) {
    const uint64_t head = samples_.word(i, shape.signal) + shape.head,
                   node = samples_.address(i).value + shape.node;
    return samples_.word(i, shape.node + word_) == head &&
           reader_.tryNumber(VirtAddr(head), Field{0, word_}) == node;
  });
}

std::vector<ThreadLearner::Shape>
ThreadLearner::findShapes(uint64_t signal) const {
  std::vector<Shape> found;
  for (uint64_t node = 0; node + 2 * word_ <= bound_; node += word_) {
    const uint64_t head =
        samples_.word(0, node + word_) - samples_.word(0, signal);
    if (head >= maxSignalBytes)
      continue;
    // The list's own links lead to the head, too.
    if (signal == node || signal == node + word_)
      continue;
    // Not in the task itself, where lists are that nothing hangs on.
    if (samples_.word(0, signal) - samples_.address(0).value <
        std::max(signal, node) + 2 * word_)
      continue;
    const Shape shape{signal, head, node};
    if (fits(shape))
      found.push_back(shape);
  }
  return found;
}

/// All on the list are of the leader's process.
bool ThreadLearner::areThreads(size_t i, const Shape &shape) const {
  const ListMembers threads =
      followList(reader_, VirtAddr(samples_.word(i, shape.signal) + shape.head),
                 maxPids, "threads");
  return threads.problems.empty() &&
         llvm::all_of(threads.links, [&](VirtAddr link) {
           const VirtAddr task = link - shape.node;
           return reader_.tryNumber(task, tgid_) == tasks_[i].tgid &&
                  reader_.tryNumber(task, Field{shape.signal, word_}) ==
                      samples_.word(i, shape.signal);
         });
}

llvm::Expected<LearnedPlaces> ThreadLearner::learn() {
  const WantedField wanted[] = {{&tgid_, "task_struct", {"tgid"}}};
  if (llvm::Error error = findFields(types_, wanted))
    return error;
  for (const TaskSample &task : tasks_)
    if (!samples_.add(task.at))
      return llvm::make_error<LookupError>("the task at " + hex(task.at) +
                                           " cannot be read");
  bound_ = samples_.bound();
  std::vector<Shape> found;
  for (uint64_t at = 0; at + word_ <= bound_; at += word_)
    if (mayBeSignal(at))
      for (const Shape &shape : findShapes(at))
        if (samples_.all([&](size_t i) { return areThreads(i, shape); }))
          found.push_back(shape);
  if (found.size() != 1)
    return notShown(tasksInMemory, "where they have their threads",
                    found.size());
  LearnedPlaces places("");
  places.put("task_struct.signal", found.front().signal, word_);
  places.put("task_struct.thread_node", found.front().node, 2 * word_);
  places.put("signal_struct.thread_head", found.front().head, 2 * word_);
  return places;
}

} // namespace

llvm::Expected<LearnedPlaces> learnThreads(const Kernel &kernel,
                                           llvm::ArrayRef<TaskSample> tasks) {
  return ThreadLearner(kernel, tasks).learn();
}

} // namespace vmpt
