//===- Arm64.h - the stage 1 paging modes of AArch64 ----------------------===//
//
// [arm/ddi0487] D8.2 "Translation process", D8.3 "Translation table descriptor
// formats". Bit 0 is "valid"; bit 1 tells a table (1) from a block (0), and is
// set in a page of the last level, where 0b01 is reserved.
//
// A mode is a granule (4K, 16K, 64K: the size of a page and of a full table)
// and the size of the address space, 64 - TCR_ELx.T1SZ for the upper half. The
// root takes the index bits that are left: two entries with 16K and 48 bits,
// 1024 (not 8192) with 64K and 52.
//
// 52-bit physical addresses put the highest bits where others had room:
//   64K (FEAT_LPA):           PA[51:48] in bits 15:12 of every descriptor.
//   4K, 16K (FEAT_LPA2):      PA[49:48] in place, PA[51:50] in bits 9:8, which
//                             are otherwise SH. Only with TCR_ELx.DS, which
//                             Linux sets exactly when it uses 52-bit virtual
//                             addresses, so it is a property of the mode.
// Without LPA bits 15:12 of a 64K descriptor are zero, so all 64K modes read
// them. Blocks: 4K at 2 MiB and 1 GiB, and 512 GiB with LPA2; 16K at 32 MiB,
// and 64 GiB with LPA2; 64K at 512 MiB, and 4 TiB with LPA.
//
// The modes are those of TTBR1, which translates where bit 55 is set and the
// bits below it down to the size are, too. Whether the top byte may hold a tag
// (TCR_ELx.TBI1: KASAN's and MTE's are there) is in no dump, so it may.
//
// [arm/ddi0487] D8.4 "Memory access control": AP[2:1] in bits 7:6, PXN and UXN
// in 53 and 54; what EL0 may write, EL1 may not execute. Tables take rights
// from all that is below them: PXNTable, UXNTable, APTable in bits 59 to 62.
// Whether hardware makes a page with DBM writable by itself is in no dump: such
// a page counts as writable once it was written to, as in Linux's listing.
//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt::arm64 {

inline constexpr uint64_t validBit = bit(0);
inline constexpr uint64_t tableBit = bit(1);
inline constexpr uint64_t topByte = bits(63, 56);

constexpr EntryFormat makeEntries(unsigned shift, bool isLast, bool blocks,
                                  AddressBits address) {
  const EntryPattern hole = {.mask = validBit, .meaning = EntryMeaning::Hole};
  EntryPattern page = {validBit | tableBit, validBit | tableBit,
                       EntryMeaning::Page, uint8_t(shift),
                       address.without(lowBits(shift))};
  if (isLast)
    return {hole, page};
  const EntryPattern table = {validBit | tableBit, validBit | tableBit,
                              EntryMeaning::Table, 0, address};
  page.bits = validBit;
  return {hole, table, blocks ? page : EntryPattern()};
}

inline constexpr RightsRules
    pageRights = {{{bit(7), bit(7), WriteRight},
                   {bit(6), 0, UserRight},
                   {bit(54), bit(54), UserExecuteRight},
                   {bit(53), bit(53), KernelExecuteRight},
                   {bits(7, 6), bit(6), KernelExecuteRight}}},
    tableRights = {{{bit(62), bit(62), WriteRight},
                    {bit(61), bit(61), UserRight},
                    {bit(60), bit(60), UserExecuteRight},
                    {bit(59), bit(59), KernelExecuteRight}}};

/// AttrIndx is the number of a field in MAIR_EL1.
inline constexpr EntryFlag flags[] = {
    {bits(4, 2), 0, "AttrIndx=0", InPages},
    {bits(4, 2), bit(2), "AttrIndx=1", InPages},
    {bits(4, 2), bit(3), "AttrIndx=2", InPages},
    {bits(4, 2), bits(3, 2), "AttrIndx=3", InPages},
    {bits(4, 2), bit(4), "AttrIndx=4", InPages},
    {bits(4, 2), bit(4) | bit(2), "AttrIndx=5", InPages},
    {bits(4, 2), bits(4, 3), "AttrIndx=6", InPages},
    {bits(4, 2), bits(4, 2), "AttrIndx=7", InPages},
    EntryFlag::of(6, "AP[1]", InPages),
    EntryFlag::of(7, "AP[2]", InPages),
    EntryFlag::of(10, "AF", InPages),
    EntryFlag::of(11, "nG", InPages),
    EntryFlag::of(50, "GP", InPages),
    EntryFlag::of(51, "DBM", InPages),
    EntryFlag::of(52, "Contiguous", InPages),
    EntryFlag::of(53, "PXN", InPages),
    EntryFlag::of(54, "UXN", InPages),
    EntryFlag::of(59, "PXNTable", InTables),
    EntryFlag::of(60, "UXNTable", InTables),
    EntryFlag::of(61, "APTable[0]", InTables),
    EntryFlag::of(62, "APTable[1]", InTables),
    EntryFlag::of(63, "NSTable", InTables),
};

/// \p blocks has a bit for each level that has pages, bit 0 the last one.
constexpr PagingMode makeMode(llvm::StringLiteral name, unsigned virtualBits,
                              unsigned pageShift, unsigned blocks,
                              AddressBits address) {
  return {
      .name = name,
      .arch = Arch::Arm64,
      .virtualBits = uint8_t(virtualBits),
      .pageShift = uint8_t(pageShift),
      .levelCount = countLevels(virtualBits, pageShift, 3),
      .levels = makeLevels(virtualBits, pageShift, 3,
                           [=](unsigned shift, unsigned fromLast) {
                             return makeEntries(shift, fromLast == 0,
                                                blocks >> fromLast & 1,
                                                address);
                           }),
      .coverage = Coverage::upperHalf(virtualBits, topByte),
      .pageRights = pageRights,
      .tableRights = tableRights,
      .flags = flags,
  };
}

inline constexpr AddressBits address4K = {.lowMask = bits(47, 12)},
                             address16K = {.lowMask = bits(47, 14)},
                             address64K = {.lowMask = bits(47, 16),
                                           .highMask = bits(15, 12),
                                           .highShift = 36},
                             address4KLpa2 = {.lowMask = bits(49, 12),
                                              .highMask = bits(9, 8),
                                              .highShift = 42},
                             address16KLpa2 = {.lowMask = bits(49, 14),
                                               .highMask = bits(9, 8),
                                               .highShift = 42};

inline constexpr PagingMode granule4K39 =
    makeMode("arm64 4K 39-bit", 39, 12, 0b111, address4K);
inline constexpr PagingMode granule4K48 =
    makeMode("arm64 4K 48-bit", 48, 12, 0b0111, address4K);
inline constexpr PagingMode granule4K52 =
    makeMode("arm64 4K 52-bit", 52, 12, 0b01111, address4KLpa2);
inline constexpr PagingMode granule16K36 =
    makeMode("arm64 16K 36-bit", 36, 14, 0b11, address16K);
inline constexpr PagingMode granule16K47 =
    makeMode("arm64 16K 47-bit", 47, 14, 0b011, address16K);
inline constexpr PagingMode granule16K48 =
    makeMode("arm64 16K 48-bit", 48, 14, 0b0011, address16K);
inline constexpr PagingMode granule16K52 =
    makeMode("arm64 16K 52-bit", 52, 14, 0b0111, address16KLpa2);
inline constexpr PagingMode granule64K42 =
    makeMode("arm64 64K 42-bit", 42, 16, 0b11, address64K);
inline constexpr PagingMode granule64K48 =
    makeMode("arm64 64K 48-bit", 48, 16, 0b111, address64K);
inline constexpr PagingMode granule64K52 =
    makeMode("arm64 64K 52-bit", 52, 16, 0b111, address64K);

static_assert(isConsistent(granule4K39) && isConsistent(granule4K48) &&
              isConsistent(granule4K52) && isConsistent(granule16K36) &&
              isConsistent(granule16K47) && isConsistent(granule16K48) &&
              isConsistent(granule16K52) && isConsistent(granule64K42) &&
              isConsistent(granule64K48) && isConsistent(granule64K52));

/// The likeliest first.
inline constexpr const PagingMode *modes[] = {
    &granule4K48,  &granule4K39,  &granule64K48, &granule64K52, &granule64K42,
    &granule16K47, &granule16K48, &granule4K52,  &granule16K52, &granule16K36};

} // namespace vmpt::arm64
