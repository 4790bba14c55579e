//===- VmapNodes.h - where the nodes of vmalloc space are -----------------===//
#pragma once

#include "debuginfo/Symbols.h"
#include "kernel/context/Structs.h"

namespace vmpt {

/// Since 6.9; nothing that is read here is judged.
struct VmapNodeArray {
  VirtAddr first;
  uint64_t count = 0;
};

/// Do symbols tell that the kernel has them?
bool hasVmapNodes(const SymbolSources &symbols);

/// `vmap_nodes` and `nr_vmap_nodes`. Where nothing ever changes the former, as
/// on machines of 32 bits, there is no such variable, but the one node to which
/// it would point: linux v6.9 mm/vmalloc.c, `single`.
llvm::Expected<VmapNodeArray> findVmapNodes(const SymbolSources &symbols,
                                            const StructReader &reader);

} // namespace vmpt
