//===- X86_64.h - the paging modes of x86-64 ------------------------------===//
//
// [intel/vol3] 4.5 "4-level paging and 5-level paging", Tables 4-15 to 4-20:
// bit 0 present, bit 7 (PS) in a PDPTE or PDE maps a page, address bits 51:12.
// Bit 12 of a 2 MiB or 1 GiB entry is PAT, so a page's address is cut to the
// page's own alignment. With AMD's SME one of the address bits means
// "encrypted"; `withAddressMask` takes such a bit out of a mode.
//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt::x86_64 {

inline constexpr uint64_t pageSizeBit = bit(7);

inline constexpr PagingMode fourLevel = {
    .name = "x86-64 4-level",
    .arch = Arch::X86_64,
    .virtualBits = 48,
    .pageShift = 12,
    .levelCount = 4,
    .levels = makeLevels(48, 12, 3, 0b0111),
    .present = bit(0),
    .leafMask = pageSizeBit,
    .tableBits = 0,
    .address = {.lowMask = bits(51, 12)},
};

inline constexpr PagingMode fiveLevel = {
    .name = "x86-64 5-level",
    .arch = Arch::X86_64,
    .virtualBits = 57,
    .pageShift = 12,
    .levelCount = 5,
    .levels = makeLevels(57, 12, 3, 0b00111),
    .present = bit(0),
    .leafMask = pageSizeBit,
    .tableBits = 0,
    .address = {.lowMask = bits(51, 12)},
};

static_assert(isConsistent(fourLevel) && isConsistent(fiveLevel));

} // namespace vmpt::x86_64
