//===- Explainer.h - why the kernel died ----------------------------------===//
//
// From the log where the dump has it: the oops that led to the end, its
// registers, its address. From the stack and the registers of the CPUs where it
// has not. Each statement comes with its source; a source that is missing is
// named. The kind is then a rule's (CrashRules.h).
//
#pragma once

#include "analysis/CrashScene.h"

namespace vmpt {

/// \p machine has the CPUs' registers.
Crash explainCrash(const Kernel &kernel, const Machine &machine);

} // namespace vmpt
