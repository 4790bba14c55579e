#include "views/Audit.h"

#include "support/Styles.h"
#include "support/Text.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

/// "translate 0x1000 --pid 7" -> "vmpt translate DUMP 0x1000 --pid 7"
std::string commandText(const AuditFinding &finding) {
  const auto [name, rest] = llvm::StringRef(finding.next).split(' ');
  return ("vmpt " + name + " DUMP" + (rest.empty() ? "" : " ") + rest).str();
}

std::string whoText(const AuditOwner &owner) {
  return owner.pid ? "pid " + std::to_string(*owner.pid) + " (" +
                         escapeName(owner.comm) + ")"
                   : "kernel";
}

Style styleOf(AuditSeverity severity) {
  switch (severity) {
  case AuditSeverity::High:
    return Style::Danger;
  case AuditSeverity::Medium:
    return Style::Caution;
  case AuditSeverity::Low:
    return Style::Note;
  case AuditSeverity::Info:
    break;
  }
  return Style::Plain;
}

void printFinding(llvm::raw_ostream &os, const AuditFinding &finding) {
  const llvm::StringRef severity = getSeverityWord(finding.severity);
  os << styled(os, styleOf(finding.severity), severity);
  os.indent(unsigned(7 - severity.size()))
      << getInfo(finding.rule).word << ": " << whoText(finding.owner);
  if (finding.first)
    os << ' ' << hex(*finding.first) << '-' << hex(*finding.last);
  os << "\n       " << printable(finding.detail) << '\n';
  if (finding.entry) {
    os << "       entry " << hex(*finding.entry);
    if (finding.entryAddress)
      os << " at physical " << hex(*finding.entryAddress);
    os << '\n';
  }
  for (const std::string &evidence : finding.evidence)
    os << "       " << printable(evidence) << '\n';
  if (!finding.next.empty())
    os << "       next: " << printable(commandText(finding)) << '\n';
}

/// One line for all rules of one reason.
void printGaps(llvm::raw_ostream &os, llvm::ArrayRef<AuditGap> gaps) {
  for (const AuditGapGroup &group : groupGaps(gaps))
    os << (group.kind == AuditGap::NotApplicable ? "Does not apply: "
           : group.kind == AuditGap::Partial     ? "Judged in part: "
                                                 : "Not judged: ")
       << group.rules << ": " << printable(group.reason) << '\n';
}

void printText(llvm::raw_ostream &os, const AuditReport &report,
               llvm::ArrayRef<AuditFinding> findings) {
  for (const AuditFinding &finding : findings)
    printFinding(os, finding);
  if (!findings.empty())
    os << '\n';
  os << "Findings: " << countBySeverity(findings) << '\n';
  if (report.wxPages)
    os << "The kernel's own check of these tables would count "
       << *report.wxPages << " W+X pages";
  if (report.wxPages && report.notUxnPages)
    os << " and " << *report.notUxnPages << " non-UXN pages";
  if (report.wxPages)
    os << '\n';
  printGaps(os, report.gaps());
}

Record makeRecord(const AuditGap &gap) {
  Record record;
  record.add("rule", getInfo(gap.rule).word)
      .add("state", getGapWord(gap.kind))
      .add("reason", gap.reason);
  return record;
}

} // namespace

Record makeRecord(const AuditFinding &finding) {
  Array evidence = makeArray(finding.evidence);
  if (!finding.next.empty())
    evidence.push_back("next: " + commandText(finding));
  Record record;
  record.add("rule", getInfo(finding.rule).word)
      .add("severity", getSeverityWord(finding.severity))
      .add("pid", finding.owner.pid)
      .add("comm", finding.owner.pid ? Value(finding.owner.comm) : Value())
      .add("first", Value(finding.first))
      .add("last", Value(finding.last))
      .add("entry_address", Value(finding.entryAddress))
      .add("entry", finding.entry ? Value(Value::Hex{*finding.entry}) : Value())
      .add("detail", finding.detail)
      .add("evidence", std::move(evidence));
  return record;
}

Array makeGapRecords(llvm::ArrayRef<AuditGap> gaps) {
  Array records;
  for (const AuditGap &gap : gaps)
    records.push_back(makeRecord(gap));
  return records;
}

std::string countBySeverity(llvm::ArrayRef<AuditFinding> findings) {
  std::string text;
  for (unsigned i = auditSeverityCount; i-- > 0;) {
    const auto count =
        llvm::count_if(findings, [&](const AuditFinding &finding) {
          return unsigned(finding.severity) == i;
        });
    if (count)
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " +
              getSeverityWord(AuditSeverity(i)).str();
  }
  return text.empty() ? "none" : text;
}

void writeAudit(RecordWriter &writer, const AuditReport &report,
                llvm::ArrayRef<AuditFinding> findings) {
  if (llvm::raw_ostream *os = writer.text())
    return printText(*os, report, findings);
  writer.member("wx_pages", report.wxPages);
  writer.member("not_uxn_pages", report.notUxnPages);
  writer.beginList({"audit", "audit_finding"});
  for (const AuditFinding &finding : findings)
    writer.record(makeRecord(finding));
  writer.endList();
  writer.beginList({"rules_not_judged", "rule_not_judged"});
  for (const AuditGap &gap : report.gaps())
    writer.record(makeRecord(gap));
  writer.endList();
}

} // namespace vmpt
