//===- AnswerGaps.h - what an answer lacks, as findings -------------------===//
//
// The same for a command that gives one answer and for a survey of many dumps.
//
#pragma once

#include "analysis/Audit.h"
#include "analysis/Crash.h"
#include "session/Session.h"

namespace vmpt {

/// What an answer that names sections or regions lacks.
void reportSectionGaps(Session &session, const KernelImage &kernel);
/// Each source that is missing, and tables that have changed.
void reportGaps(Session &session, const Crash &crash);
/// One finding for all rules of one reason.
void reportGaps(Session &session, const AuditReport &report);

} // namespace vmpt
