#include "analysis/Audit.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

llvm::ArrayRef<AuditRuleInfo> getAuditRules() {
  static constexpr AuditRuleInfo rules[] = {
#define VMPT_AUDIT_RULE(Name, word, severity, sentence)                        \
  {AuditRule::Name, word, AuditSeverity::severity, sentence},
#include "analysis/AuditRules.def"
  };
  return rules;
}

static constexpr llvm::StringLiteral severities[] = {"info", "low", "medium",
                                                     "high"};

llvm::StringRef getSeverityWord(AuditSeverity severity) {
  return severities[size_t(severity)];
}

llvm::StringRef getGapWord(AuditGap::Kind kind) {
  switch (kind) {
  case AuditGap::NotApplicable:
    return "not_applicable";
  case AuditGap::Partial:
    return "partial";
  case AuditGap::NotJudged:
    return "not_judged";
  }
  return "not_judged";
}

llvm::Expected<AuditRule> parseAuditRule(llvm::StringRef word) {
  std::string known;
  for (const AuditRuleInfo &info : getAuditRules()) {
    if (info.word == word)
      return info.rule;
    known += (known.empty() ? "" : ", ") + info.word.str();
  }
  return llvm::make_error<UsageError>("no rule '" + word + "'; there are " +
                                      known);
}

llvm::Expected<AuditSeverity> parseAuditSeverity(llvm::StringRef word) {
  for (size_t i = 0; i < auditSeverityCount; ++i)
    if (severities[i] == word)
      return AuditSeverity(i);
  return llvm::make_error<UsageError>(
      "no severity '" + word + "'; there are info, low, medium and high");
}

void AuditReport::select(llvm::ArrayRef<AuditRule> rules) {
  wanted_.fill(false);
  for (AuditRule rule : rules)
    wanted_[size_t(rule)] = true;
}

void AuditReport::add(AuditFinding finding) {
  if (!wants(finding.rule))
    return;
  std::vector<AuditFinding> &known = findings_[size_t(finding.rule)];
  if (!known.empty() && finding.first) {
    AuditFinding &before = known.back();
    if (before.last && *before.last + 1 == *finding.first &&
        before.severity == finding.severity && before.owner == finding.owner &&
        before.detail == finding.detail) {
      before.last = finding.last;
      return;
    }
  }
  if (accepts(finding.rule))
    known.push_back(std::move(finding));
}

std::vector<AuditGapGroup> groupGaps(llvm::ArrayRef<AuditGap> gaps) {
  std::vector<AuditGapGroup> groups;
  for (const AuditGap &gap : gaps) {
    auto known = llvm::find_if(groups, [&](const AuditGapGroup &group) {
      return group.kind == gap.kind && group.reason == gap.reason;
    });
    if (known == groups.end())
      groups.push_back({gap.kind, gap.reason, getInfo(gap.rule).word.str()});
    else
      known->rules += (", " + getInfo(gap.rule).word).str();
  }
  return groups;
}

void AuditReport::gap(AuditRule rule, AuditGap::Kind kind,
                      const llvm::Twine &reason) {
  if (!wants(rule))
    return;
  AuditGap gap{rule, kind, reason.str()};
  if (!llvm::is_contained(gaps_, gap))
    gaps_.push_back(std::move(gap));
}

std::vector<AuditFinding> AuditReport::takeFindings() {
  std::vector<AuditFinding> all;
  for (std::vector<AuditFinding> &found : findings_) {
    std::move(found.begin(), found.end(), std::back_inserter(all));
    found.clear();
  }
  return all;
}

} // namespace vmpt
