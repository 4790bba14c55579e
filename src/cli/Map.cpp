//===- Map.cpp - vmpt map: the machine as a page to look at ---------------===//
#include "analysis/Auditor.h"
#include "analysis/Explainer.h"
#include "cli/Commands.h"
#include "kernel/pages/NonPresentEntry.h"
#include "reports/PageSession.h"
#include "reports/TaskChoice.h"
#include "session/AnswerGaps.h"
#include "views/MapPage.h"

#include "llvm/ADT/StringExtras.h"

#include <map>

namespace vmpt {

namespace {

class MapCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    file_.add(parser);
    parser_ = &parser;
  }
  llvm::Error run(const CommandContext &context) override;

private:
  llvm::Error write(Session &session, const Kernel &kernel, Output &output);
  std::vector<MapOption> optionsGiven() const;

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  FileOptions file_;
  const OptionParser *parser_ = nullptr;
};

/// What says how the dump and its kernel are to be read.
std::vector<MapOption> MapCommand::optionsGiven() const {
  std::vector<MapOption> given;
  for (const std::string &file : llvm::drop_begin(dump_.files, 1))
    given.push_back({"--part", file});
  parser_->forEachValue([&](llvm::StringRef name, const std::string &value) {
    if (name.take_front(2) == "--" && name != "--output" &&
        name != "--threads" && name != "--color")
      given.push_back({name.str(), value});
  });
  if (symbols_.forceVmlinux)
    given.push_back({"--force-vmlinux", std::nullopt});
  // It is the output's, too: without another option it says nothing here.
  if (kernel_.force && !given.empty())
    given.push_back({"--force", std::nullopt});
  return given;
}

std::optional<TaskList> readTasks(Session &session, const Kernel &kernel) {
  llvm::Expected<TaskList> list =
      readTaskList(session, kernel, /*withThreads=*/true, /*needsAll=*/true);
  if (!list) {
    session.gap("tasks", "processes are not known: " +
                             session.takeMessage(list.takeError()));
    return std::nullopt;
  }
  return std::move(*list);
}

/// Null if they are not known.
std::unique_ptr<PageSession> readPages(Session &session) {
  llvm::Expected<std::unique_ptr<PageSession>> pages =
      PageSession::create(session);
  if (pages)
    return std::move(*pages);
  session.gap("pages", "struct pages are not known: " +
                           session.takeMessage(pages.takeError()));
  return nullptr;
}

/// A page with all that a hostile dump gives cause to find opens nowhere.
void cutFindings(Session &session, std::vector<AuditFinding> &findings) {
  constexpr size_t most = 1000; // Of a rule.
  std::map<AuditRule, size_t> met;
  llvm::erase_if(findings, [&](const AuditFinding &finding) {
    return ++met[finding.rule] > most;
  });
  for (const auto &[rule, count] : met)
    if (count > most)
      session.gap("findings-cut",
                  llvm::Twine(count - most) + " further findings of " +
                      getInfo(rule).word + " are left out of the page");
}

MapTables collectTables(Session &session, const Kernel &kernel,
                        const MachineMap &map, const ListingPlan &plan,
                        const NonPresentRules &rules) {
  MapTables tables(plan, rules);
  for (size_t mode = 0; mode < map.modes.size(); ++mode)
    tables.add(kernel.memory().physical(), map.modes[mode], map.rootsOf(mode));
  if (tables.leftOut())
    session.gap("tables-left-out", llvm::Twine(tables.leftOut()) +
                                       " page tables are more than the page "
                                       "has room for");
  if (tables.unstyled())
    session.gap("entries-unusual",
                llvm::Twine(tables.unstyled()) +
                    " entries have bits of too many kinds; the page shows "
                    "their values alone");
  if (tables.isExhausted())
    session.gap("tables-cut",
                "there are more tables than the dump has room for");
  return tables;
}

llvm::Error MapCommand::write(Session &session, const Kernel &kernel,
                              Output &output) {
  const Dump &dump = session.wholeDump();
  llvm::Expected<ListingPlan> plan = planKernelListing(kernel.image());
  if (!plan)
    return plan.takeError();
  reportSectionGaps(session, kernel.image());
  const std::optional<TaskList> tasks = readTasks(session, kernel);
  const std::unique_ptr<PageSession> pages = readPages(session);
  const MachineMap map =
      readMachineMap(kernel, tasks ? &*tasks : nullptr,
                     pages ? &pages->flags() : nullptr, session.diagnostics());
  for (const Finding &problem : map.problems)
    session.gap(problem.kind, problem.sentence, problem.subject);
  const NonPresentRules rules = findNonPresentRules(kernel);
  const MapTables tables = collectTables(session, kernel, map, *plan, rules);
  const Crash crash = explainCrash(kernel, session.machineOf(kernel.image()));
  reportGaps(session, crash);
  AuditReport report;
  std::vector<AuditFinding> findings =
      auditKernel(kernel, report, session.diagnostics().threads());
  reportGaps(session, report);
  cutFindings(session, findings);
  if (kernel.symbols().empty() || !kernel.kallsyms())
    session.warn("symbols", "the dump has no symbols that could be searched");

  std::string text;
  llvm::raw_string_ostream os(text);
  const std::vector<Finding> noticed = session.finalFindings();
  const std::vector<MapOption> options = optionsGiven();
  writeMapPage(os, {kernel, dump, map, tables, crash, report, findings, noticed,
                    session.request().path, "vmpt " VMPT_VERSION, options});
  os.flush();
  if (llvm::Error error = output.file->write(llvm::arrayRefFromStringRef(text)))
    return llvm::createFileError(output.path, std::move(error));
  if (llvm::Error error = output.file->commit())
    return llvm::createFileError(output.path, std::move(error));
  return llvm::Error::success();
}

llvm::Error MapCommand::run(const CommandContext &context) {
  auto opened = context.openForOutput("map", file_, dump_, kernel_, symbols_);
  if (!opened)
    return opened.takeError();
  Session &session = *opened->session;
  llvm::Expected<const Kernel &> kernel = session.kernel();
  if (!kernel)
    return kernel.takeError();
  if (llvm::Error error = write(session, *kernel, opened->output))
    return session.withFileName(std::move(error));
  return llvm::Error::success();
}

} // namespace

const CommandInfo mapCommand = {
    "map", "make a page to look at: address spaces, memory, processes",
    "Writes one HTML file that needs nothing else: every address space from "
    "its whole down to a page, physical memory, processes, what explain and "
    "audit say. It opens in a browser from disk.",
    createCommand<MapCommand>};

} // namespace vmpt
