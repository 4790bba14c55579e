//===- NonPresentRules.h - how entries that are not present are written ---===//
#pragma once

#include "kernel/image/KernelVersion.h"

#include <cstdint>

namespace vmpt {

/// How many swap types the kernel keeps for other purposes, counted down from
/// 31; linux include/linux/swap.h MAX_SWAPFILES. In that order, the lowest
/// first: memory failure, migration, device memory, markers.
struct SwapTypes {
  uint8_t hwPoison = 1;  ///< CONFIG_MEMORY_FAILURE
  uint8_t migration = 3; ///< CONFIG_MIGRATION; 2 before 5.19
  uint8_t device = 0;    ///< CONFIG_DEVICE_PRIVATE: 3; 2 or 4 before 6.15
  uint8_t marker = 1;    ///< Since 5.19.
};

/// An architecture's way of writing them.
struct NonPresentRules {
  uint64_t protNone = 0;     ///< In the last level.
  uint64_t hugeProtNone = 0; ///< Above it.
  /// x86 with 64-bit entries: the address of a PROT_NONE page and the swap
  /// offset have all their bits turned, so that no such entry leads a
  /// speculating CPU to memory (L1TF).
  bool isInverted = false;
  uint8_t typeShift = 0, typeBits = 5;
  /// Where offsetShift is 0, the offset begins where a page's address does, and
  /// offsetBits are counted from bit 0 on.
  uint8_t offsetShift = 0, offsetBits = 0;
  SwapTypes types = {};
};

/// The rules from a version on. That a version decides is a last resort:
/// nothing in symbols or types speaks of these bits.
struct NonPresentFormat {
  uint8_t entryBytes;
  KernelVersion since; ///< The first version that writes entries so.
  NonPresentRules rules;
};

} // namespace vmpt
