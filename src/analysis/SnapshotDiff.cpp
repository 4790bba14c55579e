#include "analysis/SnapshotDiff.h"

#include "analysis/SpaceDiff.h"

#include "support/Text.h"

#include <unordered_set>

namespace vmpt {

llvm::StringRef getChangeName(ChangeKind kind) {
  static constexpr llvm::StringLiteral names[] = {"added", "removed", "rights",
                                                  "target"};
  return names[size_t(kind)];
}

bool areOfOneBoot(const Snapshot &before, const Snapshot &after) {
  return !before.bootMarks.empty() && before.bootMarks == after.bootMarks;
}

/// linux kernel/workqueue.c wq_worker_comm(): '-' what it does, '+' what it
/// did last.
llvm::StringRef baseName(const SnapshotTask &task) {
  const llvm::StringRef name = task.comm;
  if (!task.isKernelThread || !startsWith(name, "kworker/"))
    return name;
  return name.take_until([](char c) { return c == '-' || c == '+'; });
}

namespace {

/// Pairs what has the same key, the first with the first; each visited once, in
/// the order of \p after, what is gone behind it.
template <class T, class KeyOf, class Visit>
void pairUp(const std::vector<T> &before, const std::vector<T> &after,
            KeyOf keyOf, Visit visit) {
  std::map<std::string, std::vector<const T *>> waiting;
  for (auto one = before.rbegin(); one != before.rend(); ++one)
    waiting[keyOf(*one)].push_back(&*one);
  for (const T &one : after) {
    auto found = waiting.find(keyOf(one));
    if (found == waiting.end()) {
      visit(nullptr, &one);
      continue;
    }
    visit(found->second.back(), &one);
    found->second.pop_back();
    if (found->second.empty())
      waiting.erase(found);
  }
  std::unordered_set<const T *> left;
  for (const auto &[key, group] : waiting)
    left.insert(group.begin(), group.end());
  for (const T &one : before)
    if (left.count(&one))
      visit(&one, nullptr);
}

class Comparison {
public:
  Comparison(const Snapshot &before, const Snapshot &after,
             const DiffOptions &options)
      : before_(before), after_(after), options_(options) {
    diff_.isOneBoot = areOfOneBoot(before, after);
  }

  SnapshotDiff run() {
    compareSections();
    compareSpaces();
    if (before_.hasTasks && after_.hasTasks)
      compareTasks();
    if (before_.hasModules && after_.hasModules)
      compareModules();
    return std::move(diff_);
  }

private:
  /// In one boot a pid is a process; in two, its name is all that stays.
  std::string keyOf(llvm::StringRef name, uint32_t pid) const {
    return (name + "\n" + (diff_.isOneBoot ? std::to_string(pid) : "")).str();
  }

  template <class T>
  void note(std::vector<ThingChange<T>> &changes, const T *before,
            const T *after) {
    ThingChange<T> change;
    if (before)
      change.before = *before;
    if (after)
      change.after = *after;
    changes.push_back(std::move(change));
  }

  void compareSections() {
    const bool isAbsolute = options_.isAbsolute;
    pairUp(
        before_.sections, after_.sections,
        [](const SnapshotSection &section) { return section.name; },
        [&](const SnapshotSection *one, const SnapshotSection *other) {
          if (!one || !other || (isAbsolute && one->first != other->first))
            note(diff_.sections, one, other);
        });
  }

  void compareSpaces() {
    SpaceDiff spaces(before_, after_, options_, diff_);
    const bool hasBoth = before_.hasTasks && after_.hasTasks;
    pairUp(
        before_.spaces, after_.spaces,
        [&](const SnapshotSpace &space) {
          return space.isKernel
                     ? std::string()
                     : keyOf(space.comm, space.pid) + "\n" + space.part.str();
        },
        [&](const SnapshotSpace *one, const SnapshotSpace *other) {
          if ((one && other) || hasBoth)
            spaces.compare(one, other);
          if (one && other && one->isKernel &&
              one->tableBytes != other->tableBytes)
            diff_.tables.push_back(
                {std::nullopt, "", one->tableBytes, other->tableBytes});
        });
  }

  void compareTasks() {
    pairUp(
        before_.tasks, after_.tasks,
        [&](const SnapshotTask &task) {
          return keyOf(baseName(task), task.pid);
        },
        [&](const SnapshotTask *one, const SnapshotTask *other) {
          if (!one || !other || one->isKernelThread != other->isKernelThread ||
              (diff_.isOneBoot &&
               (one->ppid != other->ppid || one->root != other->root)))
            note(diff_.tasks, one, other);
          else if (one->tableBytes && other->tableBytes &&
                   *one->tableBytes != *other->tableBytes)
            diff_.tables.push_back({other->pid, other->comm, *one->tableBytes,
                                    *other->tableBytes});
        });
  }

  void compareModules() {
    const bool stays = diff_.isOneBoot || options_.isAbsolute;
    pairUp(
        before_.modules, after_.modules,
        [](const SnapshotModule &module) { return module.name; },
        [&](const SnapshotModule *one, const SnapshotModule *other) {
          if (!one || !other || one->sizeBytes != other->sizeBytes ||
              one->state != other->state || (stays && one->base != other->base))
            note(diff_.modules, one, other);
        });
  }

  const Snapshot &before_, &after_;
  const DiffOptions &options_;
  SnapshotDiff diff_;
};

} // namespace

SnapshotDiff compareSnapshots(const Snapshot &before, const Snapshot &after,
                              const DiffOptions &options) {
  return Comparison(before, after, options).run();
}

} // namespace vmpt
