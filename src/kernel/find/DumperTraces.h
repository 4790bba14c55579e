//===- DumperTraces.h - has the kernel a dumper, though not its array? ----===//
#pragma once

#include "kernel/find/KernelImage.h"

namespace vmpt {

/// Of a kernel whose address_markers[] was not found: why it may have one all
/// the same, so that sections by formula are not its own. Nothing where it has
/// none, or nothing in the dump tells.
std::optional<std::string> findDumperTrace(const PhysicalMemory &memory,
                                           const KernelImage &image);

} // namespace vmpt
