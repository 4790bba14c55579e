#include "kernel/learn/LearnedStructs.h"

#include "kernel/learn/AreaLearner.h"
#include "kernel/learn/FileLearner.h"
#include "kernel/learn/NameLearner.h"
#include "kernel/learn/TaskLinks.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <mutex>

namespace vmpt {

namespace {

enum class Group : uint8_t {
  Areas,
  Files,
  Names,
  Threads,
  Pids,
  Workers,
  None
};
constexpr unsigned groupCount = unsigned(Group::None);

/// Which of the learners tells a member of \p type.
Group findGroup(llvm::StringRef type, llvm::StringRef member) {
  if (type == "task_struct")
    return llvm::StringSwitch<Group>(member)
        .Cases("signal", "thread_node", Group::Threads)
        .Cases("pid_links", "nsproxy", Group::Pids)
        .Case("worker_private", Group::Workers)
        .Default(Group::None);
  if (type == "vm_area_struct" && (member == "anon_name" || member == "shared"))
    return Group::Names;
  if (type == "mm_struct" && (member == "pgd" || member.contains('.')))
    return Group::None;
  return llvm::StringSwitch<Group>(type)
      .Cases("mm_struct", "vm_area_struct", "maple_tree", "maple_range_64",
             "maple_arange_64", Group::Areas)
      .Cases("file", "dentry", "dentry_operations", "inode", "super_block",
             Group::Files)
      .Cases("file_system_type", "mount", "vfsmount", "backing_file",
             Group::Files)
      .Cases("vm_operations_struct", "vm_special_mapping", "anon_vma_name",
             Group::Names)
      .Case("signal_struct", Group::Threads)
      .Cases("pid_namespace", "xa_node", "pid", "nsproxy", Group::Pids)
      .Cases("kthread", "worker", Group::Workers)
      .Default(Group::None);
}

class LearnedStructs final : public LearnedSource {
public:
  explicit LearnedStructs(const Kernel &kernel) : kernel_(kernel) {}

  std::optional<Member> findMember(llvm::StringRef name,
                                   llvm::StringRef path) const override {
    const LearnedPlaces *places = get(findGroup(name, path));
    return places ? places->findMember(name, path) : std::nullopt;
  }
  std::optional<uint64_t>
  findEnumConstant(llvm::StringRef name) const override {
    const LearnedPlaces *places =
        name.take_front(6) == "maple_" ? get(Group::Areas) : nullptr;
    return places ? places->findEnumConstant(name) : std::nullopt;
  }
  std::string describe() const override;
  void addTo(Evidence &evidence) const override;

private:
  struct Answer {
    bool isAsked = false;
    std::optional<LearnedPlaces> places;
    std::string from;   ///< "341 memory areas of 18 processes"
    std::string reason; ///< Why there are no places.
  };

  const LearnedPlaces *get(Group group) const;
  llvm::Error learn(Group group, Answer &answer) const;
  llvm::Error learnAreasOnce() const;

  const Kernel &kernel_;
  /// A learner may ask the kernel for members, and so come back here: then
  /// there are none.
  mutable std::recursive_mutex mutex_;
  mutable bool isLearning_ = false;
  mutable std::optional<std::vector<TaskSample>> tasks_;
  mutable std::optional<LearnedAreas> areas_;
  mutable Answer answers_[groupCount];
};

llvm::Error LearnedStructs::learnAreasOnce() const {
  if (areas_)
    return llvm::Error::success();
  llvm::Expected<LearnedAreas> areas = learnAreas(kernel_, *tasks_);
  if (!areas)
    return areas.takeError();
  areas_.emplace(std::move(*areas));
  return llvm::Error::success();
}

llvm::Error LearnedStructs::learn(Group group, Answer &answer) const {
  if (!tasks_) {
    llvm::Expected<std::vector<TaskSample>> tasks = sampleTasks(kernel_);
    // Whoever reads tasks hears why there are none.
    if (!tasks) {
      llvm::consumeError(tasks.takeError());
      tasks_.emplace();
    } else {
      tasks_ = std::move(*tasks);
    }
  }
  if (tasks_->empty())
    return llvm::make_error<LookupError>("there are no tasks to learn from");
  const auto take = [&](llvm::Expected<LearnedPlaces> places,
                        const llvm::Twine &from) -> llvm::Error {
    if (!places)
      return places.takeError();
    answer.places = std::move(*places);
    answer.from = from.str();
    return llvm::Error::success();
  };
  const std::string ofTasks = std::to_string(tasks_->size()) + " tasks";
  switch (group) {
  case Group::Threads:
    return take(learnThreads(kernel_, *tasks_), ofTasks);
  case Group::Pids:
    return take(learnPids(kernel_, *tasks_), ofTasks);
  case Group::Workers:
    return take(learnKernelThreads(kernel_, *tasks_), ofTasks);
  default:
    break;
  }
  if (llvm::Error error = learnAreasOnce())
    return error;
  const std::string ofAreas =
      std::to_string(areas_->areas.size()) + " memory areas";
  if (group == Group::Areas)
    return take(areas_->places, ofAreas);
  if (group == Group::Names)
    return take(learnAreaNames(kernel_, *areas_), ofAreas);
  llvm::Expected<LearnedFiles> files = learnFiles(kernel_, *areas_);
  if (!files)
    return files.takeError();
  return take(std::move(files->places),
              llvm::Twine(files->fileCount) + " files and " +
                  llvm::Twine(files->dentryCount) + " dentries");
}

const LearnedPlaces *LearnedStructs::get(Group group) const {
  if (group == Group::None)
    return nullptr;
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  Answer &answer = answers_[unsigned(group)];
  if (!answer.isAsked && isLearning_)
    return nullptr;
  if (!answer.isAsked) {
    isLearning_ = answer.isAsked = true;
    if (llvm::Error error = learn(group, answer))
      answer.reason = llvm::toString(std::move(error));
    isLearning_ = false;
  }
  return answer.places ? &*answer.places : nullptr;
}

std::string LearnedStructs::describe() const {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  std::vector<std::string> reasons;
  for (const Answer &answer : answers_)
    if (!answer.reason.empty() && !llvm::is_contained(reasons, answer.reason))
      reasons.push_back(answer.reason);
  return "what lies in memory" +
         (reasons.empty() ? "" : ": " + llvm::join(reasons, "; "));
}

void LearnedStructs::addTo(Evidence &evidence) const {
  const std::pair<Group, const char *> groups[] = {
      {Group::Threads, "signal_struct"},
      {Group::Pids, "pid, pid_namespace, xa_node"},
      {Group::Workers, "kthread, worker"},
      {Group::Areas, "mm_struct, vm_area_struct"},
      {Group::Names, "vm_operations_struct, vm_special_mapping"},
      {Group::Files, "file, dentry, inode, super_block, mount"}};
  for (const auto &[group, structs] : groups) {
    get(group);
    const Answer &answer = answers_[unsigned(group)];
    if (answer.places)
      evidence.add("types", std::string(structs) + ", in part",
                   "learned from " + answer.from + " in memory");
    else
      evidence.tried(std::string(structs) + ": " + answer.reason);
  }
}

} // namespace

llvm::Error learnStructs(Kernel &kernel, Diagnostics &diagnostics) {
  if (kernel.knowsStructs() ||
      !kernel.types().hasMember("task_struct", "tasks"))
    return llvm::Error::success();
  return kernel.addLearned(std::make_unique<LearnedStructs>(kernel),
                           diagnostics);
}

} // namespace vmpt
