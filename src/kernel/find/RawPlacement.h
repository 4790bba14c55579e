//===- RawPlacement.h - where a raw image's bytes lie in memory -----------===//
//
// An image of all RAM has no holes, the machine has: QEMU puts all but the
// first 2 or 3 GiB of a PC at 4 GiB, and all RAM of an arm64 at 1 GiB. The
// kernel in the image knows: its root table maps itself to where it lies, and
// its direct map ends where RAM does.
//
#pragma once

#include "dump/formats/Dump.h"
#include "support/Diagnostics.h"

namespace vmpt {

/// Gives a raw image that no option places (Dump::unplacedImage) the layout of
/// rawLayouts() that suits the kernel in it. It stays at 0 where that suits as
/// well, or where no kernel tells: none whose VMCOREINFO starts a page.
void placeRawImage(Dump &dump, Diagnostics &diagnostics);

} // namespace vmpt
