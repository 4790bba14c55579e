//===- DirectMap.h - where the kernel maps all of RAM ---------------------===//
#pragma once

#include "kernel/find/KernelImage.h"

namespace vmpt {

/// The kernel's window onto physical memory, one after the other: x86
/// PAGE_OFFSET, arm64 and riscv linear map. Virtual addresses [start, last];
/// physical address 0 would be at `offset`.
struct DirectMap {
  uint64_t start = 0, last = 0;
  uint64_t offset = 0; ///< Virtual minus physical address, modulo 2^64.

  /// Empty where the map does not reach (i386: high memory).
  std::optional<uint64_t> virtualAddress(PhysAddr at) const {
    uint64_t address = at.value + offset;
    if (address < start || address > last)
      return std::nullopt;
    return address;
  }
  PhysAddr firstPhysical() const { return PhysAddr(start - offset); }
  PhysAddr lastPhysical() const { return PhysAddr(last - offset); }
};

/// What the kernel's own tables map in that region. Nothing if there is none,
/// or it maps nothing.
std::optional<DirectMap> findDirectMap(const KernelImage &kernel,
                                       const PhysicalMemory &memory);

} // namespace vmpt
