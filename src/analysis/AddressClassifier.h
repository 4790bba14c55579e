//===- AddressClassifier.h - what a faulting address is -------------------===//
#pragma once

#include "analysis/CrashScene.h"

namespace vmpt {

/// What \p at is, of the address space of \p task (or null); what tells it is
/// added to the evidence of \p crash. \p sp is the stack pointer of then.
AddressFacts classifyAddress(CrashScene &scene, VirtAddr at, const Task *task,
                             std::optional<VirtAddr> sp, Crash &crash);

} // namespace vmpt
