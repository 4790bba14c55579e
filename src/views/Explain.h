//===- Explain.h - why a kernel died, as a page and as keys ---------------===//
#pragma once

#include "analysis/Crash.h"
#include "output/RecordWriter.h"

namespace vmpt {

void writeCrash(RecordWriter &writer, const Crash &crash);

} // namespace vmpt
