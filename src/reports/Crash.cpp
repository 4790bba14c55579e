//===- Crash.cpp - why the kernel died ------------------------------------===//
#include "analysis/Explainer.h"
#include "reports/Reports.h"
#include "session/AnswerGaps.h"
#include "views/Explain.h"

namespace vmpt {

void reportCrash(Session &session, const Kernel &kernel, RecordWriter &writer) {
  reportSectionGaps(session, kernel.image());
  const Crash crash = explainCrash(kernel, session.machineOf(kernel.image()));
  writeCrash(writer, crash);
  reportGaps(session, crash);
}

} // namespace vmpt
