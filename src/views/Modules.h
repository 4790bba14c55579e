//===- Modules.h - modules as records -------------------------------------===//
#pragma once

#include "kernel/modules/ModuleList.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// "POE": the letters of TAINT_ bits that a module can have, as /proc/modules
/// has them (linux kernel/panic.c taint_flags[]).
std::string taintLetters(uint64_t taints);

void writeModules(RecordWriter &writer, const ModuleList &list);

} // namespace vmpt
