#include "session/AnswerGaps.h"

namespace vmpt {

void reportSectionGaps(Session &session, const KernelImage &kernel) {
  if (!kernel.sectionsDoubt.empty())
    session.gap("sections-unknown", kernel.sectionsDoubt);
}

void reportGaps(Session &session, const Crash &crash) {
  for (const MissingSource &missing : crash.missing)
    if (missing.isGap)
      session.gap(missing.kind, missing.sentence);
    else
      session.warn(missing.kind, missing.sentence);
  if (crash.tablesChanged())
    session.warn("tables-changed",
                 "the page tables are not those of the log's line: they "
                 "have changed since");
}

void reportGaps(Session &session, const AuditReport &report) {
  for (const AuditGapGroup &group : groupGaps(report.gaps()))
    if (group.kind != AuditGap::NotApplicable)
      session.gap("rule-not-judged",
                  group.rules +
                      (group.kind == AuditGap::Partial ? ": judged in part: "
                                                       : ": not judged: ") +
                      group.reason);
  for (const AuditRuleInfo &info : getAuditRules())
    if (const uint64_t count = report.dropped(info.rule))
      session.gap("findings-cut", llvm::Twine(count) + " further findings of " +
                                      info.word + " are left out");
}

} // namespace vmpt
