//===- RawShift.h - a raw image that does not begin where memory does -----===//
//
// Something stands in front of the memory in it (a header that nobody knows),
// its beginning was cut off, or RAM starts where no machine of RawLayout.h has
// it. Where the kernel lies in the image, its name in init_uts_ns shows; where
// it lies in memory, its VMCOREINFO or its own tables say.
//
#pragma once

#include "dump/formats/RawLayout.h"
#include "dump/storage/FileImage.h"
#include "kernel/find/KernelArch.h"
#include "kernel/image/Vmcoreinfo.h"
#include "support/Diagnostics.h"

namespace vmpt {

/// A layout in which the kernel's root is confirmed, if the image is shifted.
struct RawShift {
  const RawLayout *layout = nullptr;
  int64_t bytes = 0; ///< OpenOptions::rawShift; not 0.
};

/// The shifts of \p image, in which the kernel with that VMCOREINFO was found,
/// that are nearest to none: several where layouts differ above its root.
std::vector<RawShift> findRawShifts(const FileImage &image,
                                    const Vmcoreinfo &info,
                                    Diagnostics &diagnostics);

/// An architecture that \p info may be of, and where that puts the image.
struct PossibleArch {
  const KernelArch *arch = nullptr;
  ImageSymbols symbols;
};
/// Those that own \p info; if none does, all whose symbols it names.
std::vector<PossibleArch> listPossibleArchs(const Vmcoreinfo &info);

} // namespace vmpt
