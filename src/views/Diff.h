//===- Diff.h - what changed between two dumps, as it reads ---------------===//
#pragma once

#include "analysis/SnapshotDiff.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// Text in unified form, under the names of both; nothing where both are the
/// same.
void writeDiff(RecordWriter &writer, const SnapshotDiff &diff,
               llvm::StringRef before, llvm::StringRef after);

} // namespace vmpt
