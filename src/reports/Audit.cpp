//===- Audit.cpp - is something wrong with the tables? --------------------===//
#include "views/Audit.h"
#include "analysis/Auditor.h"
#include "reports/Reports.h"
#include "session/AnswerGaps.h"

namespace vmpt {

std::vector<AuditFinding> reportAudit(Session &session, const Kernel &kernel,
                                      llvm::ArrayRef<AuditRule> rules,
                                      RecordWriter &writer) {
  reportSectionGaps(session, kernel.image());
  AuditReport report;
  if (!rules.empty())
    report.select(rules);
  std::vector<AuditFinding> findings =
      auditKernel(kernel, report, session.diagnostics().threads());
  writeAudit(writer, report, findings);
  reportGaps(session, report);
  return findings;
}

} // namespace vmpt
