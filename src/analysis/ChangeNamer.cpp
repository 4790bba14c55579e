#include "analysis/ChangeNamer.h"

namespace vmpt {

namespace {

std::string describe(const RangeNames &found) {
  constexpr size_t most = 2;
  std::string text;
  for (size_t i = 0; i < std::min(found.names.size(), most); ++i)
    text += (i ? ", " : "") + found.names[i].kind.str() + " " +
            (found.names[i].name.empty() ? "anonymous" : found.names[i].name);
  const uint64_t more =
      found.moreCount +
      (found.names.size() > most ? found.names.size() - most : 0);
  return more ? text + ", and " + std::to_string(more) + " more" : text;
}

} // namespace

void nameOwners(SnapshotDiff &diff, DiffSide side, const Kernel &kernel,
                const TaskList *tasks) {
  if (diff.ranges.empty())
    return;
  RangeNamer namer(kernel);
  llvm::consumeError(namer.readModules());
  llvm::consumeError(namer.readVmalloc());
  std::optional<uint32_t> pid; ///< Whose areas are known.
  for (RangeChange &change : diff.ranges) {
    auto &mine = side == DiffSide::Before ? change.before : change.after;
    if (!mine)
      continue;
    if (!change.isKernel && pid != change.pid) {
      pid = change.pid;
      namer.forgetAreas();
      const Task *task = tasks ? tasks->findPid(change.pid) : nullptr;
      if (task && task->mm.value)
        llvm::consumeError(namer.readAreas(task->mm));
    }
    mine->owner = describe(namer.find(mine->first, mine->last));
  }
  namer.takeProblems();
}

} // namespace vmpt
