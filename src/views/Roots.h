//===- Roots.h - top tables that were found in memory ---------------------===//
#pragma once

#include "kernel/find/TopTables.h"
#include "output/RecordWriter.h"

namespace vmpt {

void writeRoots(RecordWriter &writer, const TopTables &found);

} // namespace vmpt
