//===- X86_64Layout.h - address markers of kernels that carry none --------===//
#pragma once

#include "kernel/find/KernelArch.h"

namespace vmpt {

/// address_markers[] as the kernel would have filled it, in its order. What
/// KASLR moves is read from the kernel's variables, else from VMCOREINFO or
/// the container, else the documented constant stands. \p source says which
/// of these were used. A section whose start cannot be known is left out.
std::vector<AddressMarker> makeX86_64Markers(const RootQuery &query,
                                             const KernelImage &image,
                                             std::string &source);

} // namespace vmpt
