//===- S390xLayout.h - where the areas of an s390x kernel are -------------===//
#pragma once

#include "kernel/find/KernelArch.h"

namespace vmpt {

/// The kernel's own array, of either kind: `markers`, which is allocated at
/// boot (6.9), or address_markers[] with "Start" and "End" in its names.
std::optional<MarkerArray> findS390xMarkers(const AddressSpace &memory,
                                            llvm::ArrayRef<MappedRun> image,
                                            std::string &broken);

/// The same sections, computed as the kernel lays itself out; \p source says
/// what from.
std::vector<AddressMarker> makeS390xMarkers(const RootQuery &query,
                                            const KernelImage &image,
                                            std::string &source);

/// What the first header says since the array is allocated.
inline constexpr llvm::StringLiteral s390xFirstHeader =
    "Kernel Virtual Address Space";

} // namespace vmpt
