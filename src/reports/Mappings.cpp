//===- Mappings.cpp - who maps physical memory ----------------------------===//
#include "reports/Reports.h"
#include "reports/TaskChoice.h"
#include "views/ReverseMap.h"

namespace vmpt {

static TaskList readTasksOrNone(Session &session, const Kernel &kernel) {
  llvm::Expected<TaskList> tasks =
      readTaskList(session, kernel, /*withThreads=*/true, /*needsAll=*/true);
  if (!tasks) {
    session.gap("task-list", tasks.takeError());
    return TaskList();
  }
  return std::move(*tasks);
}

/// No table has to do with them, so no mapping of theirs is listed.
static void tellWindows(Session &session, const PagingMode &mode) {
  std::string starts;
  for (const DirectWindow &window : mode.windows)
    if (window.physical(VirtAddr(window.bits)) == PhysAddr(0))
      starts += (starts.empty() ? "" : ", ") + hex(window.bits);
  if (!starts.empty())
    session.warn("direct-windows",
                 "listed is what tables map; besides, the kernel has all of "
                 "memory in direct windows, at " +
                     starts + " plus the physical address");
}

void reportMappings(Session &session, const Kernel &kernel,
                    std::vector<PhysicalRange> targets,
                    std::optional<uint64_t> maxLines, RecordWriter &writer) {
  constexpr uint64_t defaultMaxLines = 20'000'000;
  const uint64_t limit = maxLines.value_or(defaultMaxLines);
  // Without tasks the kernel's own mappings are still to be had.
  const TaskList tasks = readTasksOrNone(session, kernel);
  ReverseMap map(kernel, tasks, session.diagnostics().threads());
  if (targets.empty())
    targets = map.findDuplicates();
  ReverseMapView view(writer);
  map.find(targets, limit,
           [&](const ReverseMapOwner &owner, const Mapping &mapping) {
             view.add(owner, mapping);
           });
  view.finish();
  tellWindows(session, kernel.image().mode);
  for (const std::string &problem : map.problems())
    session.gap("tables-absent", problem);
  if (map.isCut())
    session.gap("listing-cut", "the output was ended after " +
                                   llvm::Twine(limit) +
                                   " mappings; --max-lines sets the limit");
  if (map.hasExcludedTables())
    session.warn("tables-excluded", "tables that were excluded, as pages of "
                                    "zeros are, were read as empty");
}

} // namespace vmpt
