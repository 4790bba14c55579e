//===- Audit.h - findings of an audit as records --------------------------===//
#pragma once

#include "analysis/Audit.h"
#include "output/RecordWriter.h"

namespace vmpt {

Record makeRecord(const AuditFinding &finding);
/// Of the rules that were not judged.
Array makeGapRecords(llvm::ArrayRef<AuditGap> gaps);
/// \p findings are those of \p report, in the order in which they are written.
void writeAudit(RecordWriter &writer, const AuditReport &report,
                llvm::ArrayRef<AuditFinding> findings);

/// "2 high, 1 info", or "none"
std::string countBySeverity(llvm::ArrayRef<AuditFinding> findings);

} // namespace vmpt
