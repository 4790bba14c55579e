//===- Arm64Layout.h - Linux's address space on arm64, by formula ---------===//
//
// For kernels that carry no marker array (it is only linked in with
// PTDUMP_DEBUGFS). Up to 6.12 the layout was rearranged four times; each
// arrangement is a function of a few numbers.
//
#pragma once

#include "kernel/image/AddressMarkers.h"
#include "kernel/image/KernelVersion.h"

namespace vmpt::arm64 {

struct LayoutNumbers {
  KernelVersion version;
  unsigned configuredBits = 48; ///< CONFIG_ARM64_VA_BITS
  unsigned usedBits = 48;       ///< 64 - TCR_EL1.T1SZ; less without LVA/LPA2.
  unsigned pageShift = 12;
  uint64_t structPageBytes = 64;
  /// What VMCOREINFO says (from 6.1 on); goes before the formulas.
  std::optional<uint64_t> modulesStart, modulesEnd, vmallocStart, vmallocEnd,
      vmemmapStart, vmemmapEnd;
};

/// The array as that version writes it. Without KASAN, and with the fixmap of
/// a distribution's configuration (ACPI_APEI_GHES, ARM_SDE_INTERFACE,
/// UNMAP_KERNEL_AT_EL0): neither can be told from these numbers.
std::vector<AddressMarker> computeMarkers(const LayoutNumbers &numbers);

} // namespace vmpt::arm64
