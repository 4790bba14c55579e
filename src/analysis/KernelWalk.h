//===- KernelWalk.h - the faulting address, walked as the handler does ----===//
#pragma once

#include "analysis/CrashScene.h"

namespace vmpt {

/// Entry by entry from \p root, as far as the handler of that architecture
/// looks. A table that was left out as a page of zeros is one.
KernelWalk walkAsHandler(const Kernel &kernel, const PagingMode &mode,
                         PhysAddr root, VirtAddr at);

/// Walks the address of \p crash in the table that was in use, and words the
/// kernel's line; says whose table it is. \p event is what the log has, or
/// null.
void addWalk(CrashScene &scene, const OopsEvent *event, Crash &crash);

} // namespace vmpt
