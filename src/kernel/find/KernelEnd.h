//===- KernelEnd.h - did a kernel shut itself down? -----------------------===//
#pragma once

#include "kernel/find/KernelArch.h"
#include "kernel/find/RegisterRoots.h"

namespace vmpt {

/// Why \p candidate runs no more, by what it left in memory: "its system_state
/// is SYSTEM_RESTART"; "" where it does not say so. A kernel that crashed says
/// that in its VMCOREINFO, one that was reset by its machine nowhere.
std::string describeEnd(const RootQuery &query,
                        const KernelCandidate &candidate);

} // namespace vmpt
