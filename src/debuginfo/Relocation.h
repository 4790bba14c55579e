//===- Relocation.h - how far KASLR moved a kernel from its symbols -------===//
#pragma once

#include "support/Address.h"
#include "support/Bits.h"

namespace vmpt {

struct Relocation {
  uint64_t offset = 0;    ///< Is added, modulo the size of an address.
  VirtAddr text{bit(63)}; ///< Where the image is linked to.

  /// Where a symbol is that was linked to \p address. Absolute ones stay, and
  /// what is no address of the kernel: x86-64 counts per-cpu variables from 0
  /// (until 6.14). s390x is linked to 1 MiB.
  VirtAddr apply(uint64_t address, bool isAbsolute, bool is64Bit) const {
    const bool inKernel =
        !is64Bit || address >> 63 || VirtAddr(address) >= text;
    const uint64_t moved = address + (inKernel && !isAbsolute ? offset : 0);
    return VirtAddr(moved & lowBits(is64Bit ? 64 : 32));
  }
};

} // namespace vmpt
