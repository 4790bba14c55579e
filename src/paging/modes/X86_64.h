//===- X86_64.h - the paging modes of x86-64 ------------------------------===//
//
// [intel/vol3] 4.5 "4-level paging and 5-level paging", Tables 4-15 to 4-20:
// bit 0 present, bit 7 (PS) in a PDPTE or PDE maps a page, address bits 51:12.
// Bit 12 of a 2 MiB or 1 GiB entry is PAT, so a page's address is cut to the
// page's own alignment. With AMD's SME one of the address bits means
// "encrypted"; `withoutAddressBits` takes such a bit out of a mode.
//
// 4.6.1 "Determination of Access Rights": R/W and U/S count where they are set
// in every entry, XD where it is set in any. That the kernel may not execute
// what user code may (SMEP) is a matter of CR4 and is not told here.
//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt::x86_64 {

inline constexpr uint64_t presentBit = bit(0), pageSizeBit = bit(7);

/// An entry of a level: \p pages tells whether bit 7 makes it a page there, or
/// a fault. Bit 7 of the last level is PAT.
constexpr EntryFormat makeEntries(unsigned shift, bool isLast, bool pages,
                                  AddressBits address) {
  const EntryPattern page = {presentBit, presentBit, EntryMeaning::Page,
                             uint8_t(shift), address.without(lowBits(shift))};
  const EntryPattern hole = {.mask = presentBit, .meaning = EntryMeaning::Hole};
  if (isLast)
    return {hole, page};
  const EntryPattern table = {presentBit | pageSizeBit, presentBit,
                              EntryMeaning::Table, 0, address};
  return {hole, table, pages ? page : EntryPattern()};
}

inline constexpr uint64_t writableBit = bit(1), userBit = bit(2),
                          noExecuteBit = bit(63);
inline constexpr RightsRules rights = {
    {{writableBit, 0, WriteRight},
     {userBit, 0, UserRights},
     {noExecuteBit, noExecuteBit, ExecuteRights}}};

/// [intel/vol3] Tables 4-15 to 4-20.
inline constexpr EntryFlag flags[] = {
    EntryFlag::of(0, "P"),
    EntryFlag::of(1, "RW"),
    EntryFlag::of(2, "US"),
    EntryFlag::of(3, "PWT"),
    EntryFlag::of(4, "PCD"),
    EntryFlag::of(5, "A"),
    EntryFlag::of(6, "D", InPages),
    EntryFlag::of(7, "PS", InLargePages),
    EntryFlag::of(7, "PAT", InLastLevel),
    EntryFlag::of(12, "PAT", InLargePages),
    EntryFlag::of(8, "G", InPages),
    EntryFlag::of(63, "XD"),
};

constexpr PagingMode makeMode(llvm::StringLiteral name, unsigned virtualBits) {
  return {
      .name = name,
      .arch = Arch::X86_64,
      .virtualBits = uint8_t(virtualBits),
      .pageShift = 12,
      .levelCount = countLevels(virtualBits, 12, 3),
      .levels = makeLevels(virtualBits, 12, 3,
                           [](unsigned shift, unsigned fromLast) {
                             return makeEntries(shift, fromLast == 0,
                                                fromLast <= 2,
                                                {.lowMask = bits(51, 12)});
                           }),
      .coverage = Coverage::signExtended(virtualBits),
      .pageRights = rights,
      .tableRights = rights,
      .flags = flags,
  };
}

inline constexpr PagingMode fourLevel = makeMode("x86-64 4-level", 48);
inline constexpr PagingMode fiveLevel = makeMode("x86-64 5-level", 57);

static_assert(isConsistent(fourLevel) && isConsistent(fiveLevel));

/// The likeliest first.
inline constexpr const PagingMode *modes[] = {&fourLevel, &fiveLevel};

} // namespace vmpt::x86_64
