//===- Displacement.h - a raw image of which a piece is missing -----------===//
#pragma once

#include "kernel/find/KernelImage.h"

namespace vmpt {

/// A list of the kernel's that is empty holds its own address, twice: so pages
/// of raw memory say where the kernel's tables map them. Why those at one end
/// of \p dump, or most of all, are elsewhere, a sentence; nothing where they
/// are not, or none tells. Looks at 64 MiB at most, of all memory alike.
std::optional<std::string> findDisplacement(const Dump &dump,
                                            const KernelImage &kernel);

} // namespace vmpt
