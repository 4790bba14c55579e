//===- RawPlacement.h - where a raw image's bytes lie in memory -----------===//
//
// An image of all RAM has no holes, the machine has: QEMU puts all but the
// first 2 or 3 GiB of a PC at 4 GiB, and all RAM of an arm64 at 1 GiB. The
// kernel in the image knows: its root table maps itself to where it lies, and
// its direct map ends where RAM does. It knows, too, if the image does not
// begin where memory does (RawShift.h).
//
#pragma once

#include "dump/formats/Dump.h"
#include "dump/formats/RawLayout.h"
#include "kernel/find/KernelImage.h"
#include "support/Diagnostics.h"

namespace vmpt {

/// What the kernel in a raw image says of where the image lies.
struct RawPlacement {
  /// Null: it stays at 0, and there is something to say of that.
  const RawLayout *layout = nullptr;
  int64_t shift = 0; ///< OpenOptions::rawShift.
  /// Why, or what: a sentence for Dump::quirks.
  std::string reason;
};

/// The layout of rawLayouts() that suits the kernel in a raw image that no
/// option places (Dump::unplacedImage), for whoever opens it again. Nothing
/// where 0 suits as well, or where no kernel tells: none whose VMCOREINFO
/// starts a page.
std::optional<RawPlacement> findRawPlacement(const Dump &dump,
                                             Diagnostics &diagnostics);

/// Why the kernel contradicts a container that lays its RAM out by the name of
/// the machine (Dump::ramEnd); nothing if it does not, or cannot tell.
std::optional<std::string> describeMisplacement(const Dump &dump,
                                                const KernelImage &kernel);

} // namespace vmpt
