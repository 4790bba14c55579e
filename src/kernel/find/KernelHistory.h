//===- KernelHistory.h - what was before a kernel, and did it end? --------===//
#pragma once

#include "kernel/find/KernelArch.h"
#include "kernel/find/RegisterRoots.h"

namespace vmpt {

/// By what it left in memory, in words; "" where that does not say so.
struct KernelHistory {
  /// Why it runs no more: "its system_state is SYSTEM_RESTART". A kernel that
  /// crashed says that in its VMCOREINFO, one that was reset by its machine
  /// nowhere.
  std::string end;
  /// What was before it in this memory, and may still be there: "kexec booted
  /// it".
  std::string origin;
};

KernelHistory readHistory(const RootQuery &query,
                          const KernelCandidate &candidate);

} // namespace vmpt
