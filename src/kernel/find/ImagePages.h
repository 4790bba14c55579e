//===- ImagePages.h - pages that a kernel maps at a second place ----------===//
#pragma once

#include "kernel/find/SoundTables.h"

namespace vmpt {

/// Those of \p pages that a top table maps at two places or more, from \p first
/// on. The kernel's image has a place of its own beside the direct map (x86-64,
/// arm64, riscv; not 32-bit kernels), and the kernel's own top table lies in
/// it; a page that was allocated does not. Each table is looked at once for
/// each level.
std::vector<PhysAddr> findMappedTwice(const SoundTables &tables, PhysAddr root,
                                      VirtAddr first,
                                      std::vector<PhysAddr> pages);

} // namespace vmpt
