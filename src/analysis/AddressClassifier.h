//===- AddressClassifier.h - what a faulting address is -------------------===//
#pragma once

#include "analysis/CrashScene.h"

namespace vmpt {

/// Whose the crash's address is, where that does not show (s390x): added to the
/// evidence, or named as missing.
void judgeSpace(const CrashScene &scene, llvm::StringRef source, Crash &crash);

/// What \p at is, of the address space of \p task (or null); what tells it is
/// added to the evidence of \p crash. \p sp is the stack pointer of then.
AddressFacts classifyAddress(CrashScene &scene, VirtAddr at, const Task *task,
                             std::optional<VirtAddr> sp, Crash &crash);

} // namespace vmpt
