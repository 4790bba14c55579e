//===- RiscV64.h - the paging modes of RISC-V -----------------------------===//
//
// [riscv/priv] "Sv39", "Sv48", "Sv57": one entry format for all three. Bit 0
// is V; an entry with any of R, W, X (bits 3:1) is a page at whatever level it
// stands, one without is a table, and W without R is reserved. The page number
// is in bits 53:10, so an address is the entry's bits shifted left by 2. Bits
// 9:8 are software's.
//
// [riscv/priv] "Svpbmt": bits 62:61 are the memory type and no address bits.
// [riscv/priv] "Svnapot": with bit 63 in the last level the entry stands for
// 64 KiB, and the low four bits of its page number are 1000; other patterns
// are reserved.
//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt::riscv64 {

inline constexpr uint64_t valid = bit(0), readWriteExecute = bits(3, 1);
inline constexpr uint64_t readExecute = bit(1) | bit(3);
inline constexpr uint64_t napot = bit(63), napotSize = bits(13, 10);
inline constexpr AddressBits pageNumber = {.lowMask = bits(53, 10),
                                           .lowShift = 2};

constexpr EntryFormat makeEntries(unsigned shift, unsigned fromLast) {
  const EntryPattern hole = {.mask = valid, .meaning = EntryMeaning::Hole};
  const EntryPattern neither = {valid | readExecute, valid};
  const EntryPattern page = {valid, valid, EntryMeaning::Page, uint8_t(shift),
                             pageNumber.without(lowBits(shift))};
  if (fromLast)
    return {
        {hole,
         {valid | readWriteExecute, valid, EntryMeaning::Table, 0, pageNumber},
         neither,
         page}};
  return {hole,
          neither,
          {valid | napot | napotSize, valid | napot | bit(13),
           EntryMeaning::Page, 16, pageNumber.without(lowBits(16))},
          {valid | napot, valid | napot},
          page};
}

/// [riscv/priv] "Addressing and Memory Protection": a page says all, and bits
/// of tables above it nothing. The kernel never executes a page with U.
inline constexpr RightsRules rights = {{{bit(2), 0, WriteRight},
                                        {bit(3), 0, ExecuteRights},
                                        {bit(4), 0, UserRights},
                                        {bit(4), bit(4), KernelExecuteRight}}};

inline constexpr EntryFlag flags[] = {
    EntryFlag::of(0, "V"),
    EntryFlag::of(1, "R", InPages),
    EntryFlag::of(2, "W", InPages),
    EntryFlag::of(3, "X", InPages),
    EntryFlag::of(4, "U", InPages),
    EntryFlag::of(5, "G"),
    EntryFlag::of(6, "A", InPages),
    EntryFlag::of(7, "D", InPages),
    {bits(62, 61), bit(61), "PBMT=NC", InPages},
    {bits(62, 61), bit(62), "PBMT=IO", InPages},
    EntryFlag::of(63, "N", InLastLevel),
};

constexpr PagingMode makeMode(llvm::StringLiteral name, unsigned virtualBits) {
  return {
      .name = name,
      .arch = Arch::RiscV64,
      .virtualBits = uint8_t(virtualBits),
      .pageShift = 12,
      .levelCount = countLevels(virtualBits, 12, 3),
      .levels = makeLevels(virtualBits, 12, 3, makeEntries),
      .coverage = Coverage::signExtended(virtualBits),
      .pageRights = rights,
      .flags = flags,
  };
}

inline constexpr PagingMode sv39 = makeMode("RISC-V Sv39", 39);
inline constexpr PagingMode sv48 = makeMode("RISC-V Sv48", 48);
inline constexpr PagingMode sv57 = makeMode("RISC-V Sv57", 57);

static_assert(isConsistent(sv39) && isConsistent(sv48) && isConsistent(sv57));

/// The likeliest first.
inline constexpr const PagingMode *modes[] = {&sv39, &sv48, &sv57};

} // namespace vmpt::riscv64
