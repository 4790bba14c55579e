#include "kernel/context/TaskLimits.h"
#include "kernel/image/Kallsyms.h"
#include "kernel/learn/TaskLinks.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

constexpr uint64_t kthreadBytes = 192, workerBytes = 320;
constexpr uint64_t descriptionBytes = 32;  ///< WORKER_DESC_LEN; 24 up to 6.8
constexpr uint64_t workqueueWorker = 0x20; ///< PF_WQ_WORKER
constexpr const char *threadsInMemory = "kernel threads in memory";

class KernelThreadLearner {
public:
  KernelThreadLearner(const Kernel &kernel, llvm::ArrayRef<TaskSample> tasks)
      : kernel_(kernel), reader_(kernel.reader()), word_(reader_.wordBytes()),
        kthreads_(reader_, kthreadBytes), workers_(reader_, workerBytes) {
    for (const TaskSample &task : tasks)
      if (task.pid && task.isKernelThread())
        tasks_.push_back(&task);
  }

  llvm::Expected<LearnedPlaces> learn();

private:
  struct Shape {
    uint64_t kthread = 0;  ///< In task_struct.
    uint64_t function = 0; ///< In struct kthread; its argument follows.
  };
  uint64_t wordAt(uint64_t at, uint64_t offset) const {
    return reader_.tryNumber(VirtAddr(at), Field{offset, word_}).value_or(0);
  }
  std::optional<std::string> textAt(uint64_t at, uint64_t bytes) const;
  bool fits(const Samples &tasks, const Shape &shape) const;
  llvm::Error learnKthread();
  bool fitsFullName(uint64_t offset) const;
  void learnFullName();
  bool fitsDescription(uint64_t at) const;
  llvm::Error learnWorker();

  const Kernel &kernel_;
  const StructReader &reader_;
  const unsigned word_;
  std::vector<const TaskSample *> tasks_;
  std::vector<std::string> names_; ///< Of kthreads_.
  Samples kthreads_, workers_;
  std::set<uint64_t> functions_; ///< What workers run.
  LearnedPlaces places_{""};
};

std::optional<std::string> KernelThreadLearner::textAt(uint64_t at,
                                                       uint64_t bytes) const {
  llvm::Expected<std::string> text =
      reader_.memory().readString(VirtAddr(at), bytes);
  if (text && llvm::all_of(*text, [](char c) { return llvm::isPrint(c); }))
    return std::move(*text);
  llvm::consumeError(text.takeError());
  return std::nullopt;
}

/// A worker's kthread runs worker_thread() or rescuer_thread(), and the
/// argument is a struct worker that has the task.
bool KernelThreadLearner::fits(const Samples &tasks, const Shape &shape) const {
  Samples arguments(reader_, workerBytes);
  const bool runsWorker = tasks.all([&](size_t i) {
    const uint64_t kthread = tasks.word(i, shape.kthread);
    return functions_.count(wordAt(kthread, shape.function)) &&
           arguments.add(VirtAddr(wordAt(kthread, shape.function + word_)));
  });
  return runsWorker &&
         !arguments
              .find(word_, workerBytes, word_,
                    [&](uint64_t at) {
                      return arguments.all([&](size_t i) {
                        return arguments.word(i, at) == tasks.address(i).value;
                      });
                    })
              .empty();
}

/// Workers sleep in a place or two, and have both words on their stacks there,
/// too: at few distances from where a page begins. Objects have many.
bool liesOnStacks(const Samples &tasks, uint64_t at) {
  constexpr uint64_t inPage = 0xfff;
  std::set<uint64_t> distances;
  for (size_t i = 0; i < tasks.size(); ++i)
    distances.insert(tasks.word(i, at) & inPage);
  return distances.size() * 4 <= tasks.size();
}

llvm::Error KernelThreadLearner::learnKthread() {
  Samples workers(reader_, maxTaskBytes);
  for (const TaskSample *task : tasks_)
    if (task->flags & workqueueWorker)
      workers.add(task->at);
  for (const auto &symbol :
       kernel_.symbols().findAll({llvm::StringRef("worker_thread"),
                                  llvm::StringRef("rescuer_thread")}))
    if (symbol)
      functions_.insert(symbol->address.value);
  if (workers.empty() || functions_.empty())
    return llvm::make_error<LookupError>(
        workers.empty() ? "there is no kworker in memory"
                        : "no symbol 'worker_thread' (tried " +
                              kernel_.symbols().describe() + ")");
  std::vector<Shape> found;
  for (uint64_t at = 0; at + word_ <= workers.bound(); at += word_) {
    if (!isObject(reader_, workers.word(0, at)) || liesOnStacks(workers, at))
      continue;
    for (uint64_t function = word_; function < kthreadBytes; function += word_)
      if (fits(workers, {at, function}))
        found.push_back({at, function});
  }
  if (found.size() != 1)
    return notShown(threadsInMemory, "their struct kthread", found.size());
  const Shape &shape = found.front();
  places_.put("task_struct.worker_private", shape.kthread, word_);
  places_.put("kthread.data", shape.function + word_, word_);
  for (size_t i = 0; i < workers.size(); ++i)
    workers_.add(VirtAddr(
        wordAt(workers.word(i, shape.kthread), shape.function + word_)));
  for (const TaskSample *task : tasks_)
    if (uint64_t kthread = wordAt(task->at.value, shape.kthread))
      if (kthreads_.add(VirtAddr(kthread)))
        names_.push_back(task->comm);
  return llvm::Error::success();
}

/// Since 5.17 names that are too long for task_struct have one, later all. Each
/// begins as the short one does, if that was not changed since.
bool KernelThreadLearner::fitsFullName(uint64_t offset) const {
  size_t names = 0, same = 0, longer = 0;
  const bool areTexts = kthreads_.all([&](size_t i) {
    const uint64_t at = kthreads_.word(i, offset);
    const auto text = textAt(at, 256);
    if (!at || !text)
      return !at;
    ++names;
    same += llvm::StringRef(*text).take_front(names_[i].size()) == names_[i];
    longer += text->size() > names_[i].size();
    return !text->empty();
  });
  return areTexts && longer && same * 4 >= names * 3;
}

void KernelThreadLearner::learnFullName() {
  const auto found =
      kthreads_.find(0, kthreads_.bound(), word_,
                     [&](uint64_t at) { return fitsFullName(at); });
  if (found.size() == 1)
    places_.put("kthread.full_name", found.front(), word_);
}

bool KernelThreadLearner::fitsDescription(uint64_t at) const {
  size_t names = 0;
  return workers_.all([&](size_t i) {
    const auto text = textAt(workers_.address(i).value + at, descriptionBytes);
    names += text && !text->empty();
    return text && (text->empty() || text->size() >= 2);
  }) && names;
}

/// A struct worker has its task and its pool, side by side, and further on what
/// it last worked for.
llvm::Error KernelThreadLearner::learnWorker() {
  std::set<uint64_t> owners;
  for (const TaskSample *task : tasks_)
    owners.insert(task->at.value);
  const auto tasks =
      workers_.find(2 * word_, workers_.bound(), word_, [&](uint64_t at) {
        return workers_.all(
            [&](size_t i) { return owners.count(workers_.word(i, at)); });
      });
  llvm::Expected<uint64_t> task =
      takeOnly(tasks, "kworkers in memory", "where they have their task");
  if (!task)
    return task.takeError();
  const auto found =
      workers_.find(*task + 2 * word_, workers_.bound() - descriptionBytes + 1,
                    4, [&](uint64_t at) { return fitsDescription(at); });
  // The end of a text is a text, too.
  if (found.empty() || found.back() - found.front() >= descriptionBytes)
    return notShown("kworkers in memory", "what they work for", found.size());
  places_.put("worker.current_work", 2 * word_, word_);
  places_.put("worker.pool", *task + word_, word_);
  places_.put("worker.desc", found.front(), descriptionBytes);
  return llvm::Error::success();
}

llvm::Expected<LearnedPlaces> KernelThreadLearner::learn() {
  if (llvm::Error error = learnKthread())
    return error;
  learnFullName();
  if (llvm::Error error = learnWorker())
    return error;
  return std::move(places_);
}

} // namespace

llvm::Expected<LearnedPlaces>
learnKernelThreads(const Kernel &kernel, llvm::ArrayRef<TaskSample> tasks) {
  return KernelThreadLearner(kernel, tasks).learn();
}

} // namespace vmpt
