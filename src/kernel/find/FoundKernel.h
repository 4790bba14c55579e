//===- FoundKernel.h - one of the kernels in a memory ---------------------===//
#pragma once

#include "support/Address.h"

#include <cstdint>
#include <optional>
#include <string>

namespace vmpt {

struct KernelArch;

/// A kernel that was found, as people want to know of it.
struct FoundKernel {
  unsigned number = 1;
  bool isChosen = false; ///< It is the one that is read now.
  const KernelArch *arch = nullptr;
  std::string mode;
  PhysAddr root;
  std::string release; ///< "" if it is not known.
  std::string source;  ///< Of its VMCOREINFO, or of its root.
  std::string doubt;   ///< Why the root may not be its own; else "".
  /// When it crashed, in seconds since 1970: its VMCOREINFO says so.
  std::optional<uint64_t> crashTime;
  /// Nothing where neither registers nor memory tell.
  std::optional<bool> isRunning;
  std::string reason; ///< What says whether it runs.
};

} // namespace vmpt
