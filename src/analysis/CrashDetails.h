//===- CrashDetails.h - which oops it was, its lines, the CPUs ------------===//
#pragma once

#include "analysis/CrashScene.h"

namespace vmpt {

/// The oops that the panic is of; where there was no panic, the last. Null if
/// there is none. What it leaves out is in the evidence.
const OopsEvent *chooseOops(const CrashScene &scene, Crash &crash);

/// The lines of the log from the first that is of the crash to the end of the
/// panic. \p event is its oops, or null.
void cutExcerpt(CrashScene &scene, const OopsEvent *event, Crash &crash);

/// What each CPU was doing when the dump was made.
void describeCpus(CrashScene &scene, Crash &crash);

} // namespace vmpt
