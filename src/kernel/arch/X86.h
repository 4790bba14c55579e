//===- X86.h - what Linux on 32- and 64-bit x86 shares --------------------===//
#pragma once

#include "kernel/find/NonPresentRules.h"
#include "support/Bits.h"

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

} // namespace vmpt::x86
