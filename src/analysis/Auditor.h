//===- Auditor.h - goes through all tables and applies every rule ---------===//
#pragma once

#include "analysis/Audit.h"
#include "analysis/AuditScene.h"

namespace vmpt {

/// Adds to \p report, for the rules that it wants, what is found and what could
/// not be judged. Tables are walked once for each address space, the kernel's
/// half once for all.
void auditMachine(AuditScene &scene, AuditReport &report);

/// The same with all that the dump has, by \p threads; the findings, the most
/// severe first.
std::vector<AuditFinding> auditKernel(const Kernel &kernel, AuditReport &report,
                                      unsigned threads);

} // namespace vmpt
