//===- InitMm.h - kernels' init_mm, in memory that nothing names ----------===//
#pragma once

#include "memory/Machine.h"
#include "memory/PhysicalMemory.h"
#include "support/Diagnostics.h"

#include <vector>

namespace vmpt {

struct InitMm {
  PhysAddr bounds;      ///< Of its member start_code.
  VirtAddr first, last; ///< The kernel's image, from its text to its end.
};

/// Each kernel notes the bounds of its image in init_mm as it does those of a
/// program, with nothing for what it has not: linux v2.6.12 to v6.18
/// include/linux/mm_types.h, setup_initial_init_mm(). It is found by that, in
/// all of memory; no image is below \p lowest.
std::vector<InitMm> findInitMms(const PhysicalMemory &memory, Arch arch,
                                VirtAddr lowest, Diagnostics &diagnostics);

/// Does it name the top table at \p table, its virtual address, as its pgd?
/// That lies in the image, on 32-bit Arm in front of its text.
bool isPgdOf(const PhysicalMemory &memory, const InitMm &kernel, Arch arch,
             VirtAddr table);

} // namespace vmpt
