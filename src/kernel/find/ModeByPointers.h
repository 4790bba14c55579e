//===- ModeByPointers.h - which mode the kernel's pointers are made for ---===//
//
// A root that cannot be confirmed looks alike in every mode whose tables are of
// one shape. Where nothing names the mode, the kernel's own data do: a pointer
// to what was allocated leads into the direct map, and where that starts
// depends on the mode (KernelArch::directMapStarts).
//
#pragma once

#include "kernel/find/RootCheck.h"

namespace vmpt {

struct PointedMode {
  size_t index = 0; ///< Among the modes.
  std::string source;
  bool isGuess = false; ///< Too few pointers, or as many to another's.
};

/// Counts pointers in the image around the top table at \p root. Nothing where
/// VMCOREINFO or an option names the mode.
std::optional<PointedMode> findModeByPointers(const KernelArch &arch,
                                              const RootQuery &query,
                                              PhysAddr root,
                                              llvm::ArrayRef<ModeChoice> modes);

} // namespace vmpt
