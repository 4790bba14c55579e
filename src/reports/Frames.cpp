//===- Frames.cpp - page frames in full -----------------------------------===//
#include "reports/Reports.h"
#include "reports/TaskChoice.h"
#include "support/Bits.h"
#include "views/Page.h"

#include <map>

namespace vmpt {

namespace {

/// One pass over all tables for all pages.
void findMappings(PageSession &pages, uint64_t limit,
                  llvm::MutableArrayRef<PageDetails> details) {
  Session &session = pages.session();
  // Without tasks the kernel's own mappings are still to be had.
  llvm::Expected<const TaskList &> tasks = pages.tasks();
  const TaskList none;
  if (!tasks)
    session.gap("task-list", tasks.takeError());
  else
    tellLack(session, *tasks);

  std::vector<PhysicalRange> targets;
  std::multimap<uint64_t, PageDetails *> byFrame;
  const unsigned shift = pages.pageShift();
  for (PageDetails &page : details) {
    const PhysAddr first(page.facts.frame << shift);
    targets.push_back({first, first + lowBits(shift)});
    byFrame.insert({page.facts.frame, &page});
  }
  ReverseMap map(pages.kernel(), tasks ? *tasks : none,
                 session.diagnostics().threads());
  map.find(mergeRanges(std::move(targets)), limit,
           [&](const ReverseMapOwner &owner, const Mapping &mapping) {
             auto [first, end] =
                 byFrame.equal_range(mapping.physical.value >> shift);
             for (; first != end; ++first)
               first->second->mappings.push_back(
                   {owner, mapping, map.wayTo(owner, mapping.at)});
           });
  for (const std::string &problem : map.problems())
    session.gap("tables-absent", problem);
  if (map.isCut())
    session.gap("listing-cut",
                "only the first " + llvm::Twine(limit) +
                    " places where the pages are mapped are named; "
                    "--max-lines sets the limit");
  if (map.hasExcludedTables())
    session.warn("tables-excluded", "tables that were excluded, as pages of "
                                    "zeros are, were read as empty");
}

void reportProblems(Session &session, const PageDetails &details,
                    unsigned pageShift) {
  const std::string frame = "frame " + hex(details.facts.frame) + ": ";
  Subject subject;
  subject.physical = PhysAddr(details.facts.frame << pageShift);
  for (const std::string &problem : details.problems)
    session.gap("page-details", frame + problem, subject);
}

} // namespace

void reportFrames(PageSession &pages, llvm::ArrayRef<uint64_t> frames,
                  std::optional<uint64_t> maxLines, RecordWriter &writer) {
  constexpr uint64_t defaultMaxLines = 100'000;
  PageExplorer explorer(pages.kernel(), pages.flags());
  std::vector<PageDetails> details;
  for (uint64_t frame : frames)
    details.push_back(explorer.explore(frame));
  findMappings(pages, maxLines.value_or(defaultMaxLines), details);
  PageView view(writer, pages.version(), pages.kernel().image().mode);
  view.begin();
  for (const PageDetails &page : details) {
    view.add(page);
    pages.reportAbsent(page.facts);
    reportProblems(pages.session(), page, pages.pageShift());
  }
  view.end();
}

} // namespace vmpt
