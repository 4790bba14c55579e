//===- Explain.h - why a kernel died, as a page and as keys ---------------===//
#pragma once

#include "analysis/Crash.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// What JSON has of it, without its own findings.
Record makeCrashRecord(const Crash &crash);
void writeCrash(RecordWriter &writer, const Crash &crash);

} // namespace vmpt
