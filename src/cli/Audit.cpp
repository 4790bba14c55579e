//===- Audit.cpp - vmpt audit: is something wrong with the tables? --------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "reports/Reports.h"

namespace vmpt {

namespace {

class AuditCommand final : public KernelReport {
public:
  AuditCommand() : KernelReport("audit") {}

  void addOwnOptions(OptionParser &parser) override {
    parser.addTexts("--rule", "RULE",
                    "apply this rule alone; may be given several times",
                    rules_);
    parser.addText("--fail-on", "SEVERITY",
                   "exit status 3 if there is a finding that is info, low, "
                   "medium, high or more",
                   failOn_);
    std::vector<std::string> rules;
    for (const AuditRuleInfo &rule : getAuditRules())
      rules.push_back(rule.word.str());
    parser.offer("--rule", std::move(rules));
    parser.offer("--fail-on", {"info", "low", "medium", "high"});
  }
  llvm::Error check(RecordWriter &) override;
  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override;

private:
  void raiseAlarm(Session &session,
                  llvm::ArrayRef<AuditFinding> findings) const;

  std::vector<std::string> rules_;
  std::optional<std::string> failOn_;
  std::vector<AuditRule> selected_;
  std::optional<AuditSeverity> alarm_;
};

llvm::Error AuditCommand::check(RecordWriter &) {
  for (const std::string &word : rules_) {
    llvm::Expected<AuditRule> rule = parseAuditRule(word);
    if (!rule)
      return rule.takeError();
    selected_.push_back(*rule);
  }
  if (!failOn_)
    return llvm::Error::success();
  llvm::Expected<AuditSeverity> severity = parseAuditSeverity(*failOn_);
  if (!severity)
    return severity.takeError();
  alarm_ = *severity;
  return llvm::Error::success();
}

void AuditCommand::raiseAlarm(Session &session,
                              llvm::ArrayRef<AuditFinding> findings) const {
  if (!alarm_)
    return;
  const auto count = llvm::count_if(findings, [&](const AuditFinding &finding) {
    return finding.severity >= *alarm_;
  });
  if (count)
    session.diagnostics().report({"fail-on",
                                  std::to_string(count) + " findings are " +
                                      getSeverityWord(*alarm_).str() +
                                      " or more",
                                  {},
                                  Severity::Alarm});
}

llvm::Error AuditCommand::write(Session &session, const Kernel &kernel,
                                RecordWriter &writer) {
  raiseAlarm(session, reportAudit(session, kernel, selected_, writer));
  return llvm::Error::success();
}

} // namespace

const CommandInfo auditCommand = {
    "audit", "look for what is wrong with the page tables",
    "Goes through all page tables and struct pages, and names each entry that "
    "no sound kernel has: what it is, whose, what says so, and what to ask "
    "next. docs/audit.md has the rules and their innocent causes.",
    createCommand<AuditCommand>};

} // namespace vmpt
