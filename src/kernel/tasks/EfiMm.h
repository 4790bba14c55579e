//===- EfiMm.h - the mm_struct of EFI runtime services --------------------===//
//
// `efi_mm` lies in the kernel's data. Kernels without KALLSYMS_ALL do not name
// it, but what its initializer wrote can be found: a list head that leads to
// itself, mm_users 2, mm_count 1. `init_mm` is the other mm_struct of that
// kind, and its top table is the kernel's. linux drivers/firmware/efi/efi.c,
// mm/init-mm.c.
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// Its address, by its symbol or by its structure.
llvm::Expected<VirtAddr> findEfiMm(const Kernel &kernel);

/// The top table, which there is none where the machine runs without EFI
/// runtime services (linux arch/x86/platform/efi/efi_64.c).
llvm::Expected<PhysAddr> readEfiRoot(const Kernel &kernel);

} // namespace vmpt
