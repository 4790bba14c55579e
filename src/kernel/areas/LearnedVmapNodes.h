//===- LearnedVmapNodes.h - where a struct vmap_node has its lists --------===//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// The array that `vmap_nodes` points to, and places in one of its members.
struct LearnedVmapNodes {
  VirtAddr first;
  uint64_t count = 0, bytes = 0;
  uint64_t busyHead = 0, lazyHead = 0; ///< Each a list_head.
};

/// The error says what does not fit.
llvm::Expected<LearnedVmapNodes> learnVmapNodes(const Kernel &kernel);

} // namespace vmpt
