//===- I386.h - the paging modes of 32-bit x86 ----------------------------===//
//
// PAE, [intel/vol3] 4.4 "PAE Paging": entries of 8 bytes as on x86-64, a root
// of four entries (32 bytes, so aligned), which map no page themselves and
// have no bits for rights (Table 4-8: R/W, U/S and XD are reserved there).
//
// Two levels, [intel/vol3] 4.3 "32-Bit Paging": entries of 4 bytes, bit 7 of
// an upper entry maps 4 MiB. Such an entry has address bits 39:32 in its bits
// 20:13 (PSE-36); a pointer to a table has none of them.
//
#pragma once

#include "paging/modes/X86_64.h"

namespace vmpt::i386 {

inline constexpr uint64_t presentBit = bit(0), pageSizeBit = bit(7);

inline constexpr PagingMode pae = {
    .name = "i386 PAE",
    .arch = Arch::I386,
    .virtualBits = 32,
    .pageShift = 12,
    .levelCount = 3,
    .levels = makeLevels(32, 12, 3,
                         [](unsigned shift, unsigned fromLast) {
                           return x86_64::makeEntries(
                               shift, fromLast == 0, fromLast <= 1,
                               {.lowMask = bits(51, 12)});
                         }),
    .coverage = Coverage::lowerHalf(32),
    .pageRights = x86_64::rights,
    .tableRights = x86_64::rights,
    .firstLevelWithRights = 1,
    .flags = x86_64::flags,
};

constexpr EntryFormat makeTwoLevelEntries(unsigned shift, unsigned fromLast) {
  EntryFormat format = x86_64::makeEntries(shift, fromLast == 0, true,
                                           {.lowMask = bits(31, 12)});
  if (fromLast) // PSE-36
    format.patterns[2].address = {
        .lowMask = bits(31, 22), .highMask = bits(20, 13), .highShift = 19};
  return format;
}

inline constexpr PagingMode twoLevel = {
    .name = "i386 2-level",
    .arch = Arch::I386,
    .virtualBits = 32,
    .pageShift = 12,
    .entryBytes = 4,
    .levelCount = 2,
    .levels = makeLevels(32, 12, 2, makeTwoLevelEntries),
    .coverage = Coverage::lowerHalf(32),
    .pageRights = x86_64::rights,
    .tableRights = x86_64::rights,
    .flags = x86_64::flags,
};

static_assert(isConsistent(pae) && isConsistent(twoLevel));

/// The likeliest first.
inline constexpr const PagingMode *modes[] = {&pae, &twoLevel};

} // namespace vmpt::i386
