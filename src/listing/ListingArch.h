//===- ListingArch.h - an architecture's plans ----------------------------===//
#pragma once

#include "listing/Plan.h"

namespace vmpt {

struct ListingArch {
  /// All that the kernel's own table is listed with.
  ListingPlan (*planKernel)(const KernelImage &);
  /// The same for the table of EFI's runtime services at \p root; null where
  /// it is listed as a task's is.
  ListingPlan (*planEfi)(const KernelImage &, PhysAddr root) = nullptr;
  /// The kernel has a file of a task's whole table (x86 `current_kernel`).
  bool listsTasks = false;
};

// Defined in the architecture's file in this folder.
#define VMPT_ARCH(X, x) extern const ListingArch listingArch##X;
#include "memory/Archs.def"

const ListingArch &getListingArch(Arch arch);

} // namespace vmpt
