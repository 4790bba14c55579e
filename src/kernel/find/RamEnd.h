//===- RamEnd.h - how far RAM goes, as the kernel has it ------------------===//
#pragma once

#include "kernel/find/KernelImage.h"

namespace vmpt {

/// One past the last byte of RAM that the kernel's own tables tell of: those of
/// them that lie beyond the end of \p dump's memory, and, for a raw image,
/// which has all there is, the end of the direct map. At least that much; 0
/// where they tell nothing.
PhysAddr findRamEnd(const KernelImage &kernel, const Dump &dump);

} // namespace vmpt
