//===- X86.h - what Linux on 32- and 64-bit x86 shares --------------------===//
#pragma once

#include "kernel/find/NonPresentRules.h"
#include "memory/Machine.h"
#include "support/Bits.h"

#include <optional>

namespace vmpt::x86 {

/// linux arch/x86/include/asm/pgtable_64.h, pgtable-3level.h "Encode and
/// de-code a swap entry": type in 63:59, offset turned in 58:9; _PAGE_PSE and
/// _PAGE_PROTNONE (bit 8) are zero. So since 4.19 and the L1TF fixes of older
/// series.
inline constexpr NonPresentFormat wideEntries = {
    8,
    {0, 0},
    {.protNone = bit(8),
     .hugeProtNone = bit(8) | bit(7),
     .isInverted = true,
     .typeShift = 59,
     .offsetShift = 9,
     .offsetBits = 50}};

/// linux arch/x86/include/asm/pgtable-2level.h
inline constexpr NonPresentFormat narrowEntries = {
    4,
    {0, 0},
    {.protNone = bit(8),
     .hugeProtNone = bit(8) | bit(7),
     .typeShift = 1,
     .offsetShift = 9,
     .offsetBits = 23}};

/// Is \p mask set in CR4 of any CPU? A CPU that is off has zeros there.
/// Nothing if the dump has no CR4.
inline std::optional<bool> findControlBit(const Machine &machine,
                                          uint64_t mask) {
  std::optional<bool> isSet;
  for (const CpuRegisters &cpu : machine.cpus)
    if (auto cr4 = cpu.find("cr4"))
      isSet = isSet.value_or(false) || (*cr4 & mask);
  return isSet;
}

} // namespace vmpt::x86
