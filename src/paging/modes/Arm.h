//===- Arm.h - the paging modes of 32-bit Arm -----------------------------===//
//
// Short descriptors, [armv7/arm] B3.5: entries of 4 bytes. An entry of the
// first level spans 1 MiB, as a section, as one of sixteen equal entries of a
// supersection of 16 MiB, or by a table of 256 pages of 4 KiB.
//
// Linux keeps more of a page than such an entry can hold, "young" and "dirty"
// for instance. So the entries of the last level are there twice (linux v6.12
// arch/arm/include/asm/pgtable-2level.h): a page of memory has two tables of
// Linux's in its first half, and behind them, 2 KiB further on, the two of the
// MMU, to which entries of the first level point. The mode here reads Linux's:
// /proc/PID/pagemap, the kernel's listing and swap entries are about those. The
// MMU's entry is made of Linux's, and is 0 where a fault shall set "young".
//
// Linux takes two entries of the first level for one; here each stands for
// itself, as the tables below do lie side by side.
//
// LPAE, [armv7/arm] B3.6: entries of 8 bytes as on arm64, a root of four
// entries, which is 32 bytes and so aligned where it is a process's. One set of
// entries serves MMU and Linux.
//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt::arm {

/// From a table of the MMU's to Linux's.
inline constexpr uint64_t hardwareTable = bit(11);

/// First level of short descriptors.
inline constexpr uint64_t section = bit(1), supersection = bit(18),
                          domain = bits(8, 5);

/// Supersections of Linux have the address bits 35:32 in their bits 23:20, and
/// domain 0 (linux v6.12 arch/arm/mm/mmu.c create_36bit_mapping()); the bits
/// 39:36 would be in those of the domain.
constexpr EntryFormat makeShortEntries(unsigned, unsigned fromLast) {
  constexpr uint64_t valid = bit(0), none = bit(11);
  if (fromLast == 0) // Linux's
    return {{valid | none, valid | none, EntryMeaning::Hole},
            {valid, 0, EntryMeaning::Hole},
            {valid, valid, EntryMeaning::Page, 12, {.lowMask = bits(31, 12)}}};
  return {
      {bits(1, 0), 0, EntryMeaning::Hole},
      {bits(1, 0),
       bit(0),
       EntryMeaning::Table,
       0,
       {.lowMask = bits(31, 10) & ~hardwareTable}},
      {section | supersection | domain,
       section | supersection,
       EntryMeaning::Page,
       24,
       {.lowMask = bits(31, 24), .highMask = bits(23, 20), .highShift = 12}},
      {section | supersection, section | supersection},
      {section, section, EntryMeaning::Page, 20, {.lowMask = bits(31, 20)}}};
}

/// L_PTE_* of linux v6.12 arch/arm/include/asm/pgtable-2level.h.
inline constexpr RightsRules
    shortPageRights = {{{bit(7), bit(7), WriteRight},
                        {bit(8), 0, UserRights},
                        {bit(9), bit(9), ExecuteRights}}},
    /// [armv7/arm] B3.7: AP[2] is bit 15, AP[1:0] are bits 11:10.
    sectionRights = {{{bit(15), bit(15), WriteRight},
                      {bit(15) | bits(11, 10), 0, WriteRight},
                      {bit(11), 0, UserRights},
                      {bit(4), bit(4), ExecuteRights},
                      {bit(0), bit(0), KernelExecuteRight}}},
    shortTableRights = {{{bit(2), bit(2), KernelExecuteRight}}};

inline constexpr EntryFlag shortFlags[] = {
    EntryFlag::of(1, "YOUNG", InLastLevel),
    EntryFlag::of(6, "DIRTY", InLastLevel),
    EntryFlag::of(7, "RDONLY", InLastLevel),
    EntryFlag::of(8, "USER", InLastLevel),
    EntryFlag::of(9, "XN", InLastLevel),
    EntryFlag::of(10, "SHARED", InLastLevel),
    EntryFlag::of(11, "NONE", InLastLevel),
    EntryFlag::of(0, "PXN", InLargePages),
    EntryFlag::of(2, "B", InLargePages),
    EntryFlag::of(3, "C", InLargePages),
    EntryFlag::of(4, "XN", InLargePages),
    EntryFlag::of(10, "AP[0]", InLargePages),
    EntryFlag::of(11, "AP[1]", InLargePages),
    EntryFlag::of(15, "AP[2]", InLargePages),
    EntryFlag::of(16, "S", InLargePages),
    EntryFlag::of(17, "nG", InLargePages),
    EntryFlag::of(18, "supersection", InLargePages),
    EntryFlag::of(2, "PXN", InTables),
    EntryFlag::of(3, "NS", InTables),
    {domain, bit(5), "domain=1", InTables | InLargePages},
    {domain, bit(6), "domain=2", InTables | InLargePages},
    {domain, bits(6, 5), "domain=3", InTables | InLargePages},
};

inline constexpr PagingMode shortDescriptors = {
    .name = "arm short descriptors",
    .arch = Arch::Arm,
    .virtualBits = 32,
    .pageShift = 12,
    .entryBytes = 4,
    .levelCount = 2,
    .levels = {{{20, 12, makeShortEntries(20, 1)},
                {12, 8, makeShortEntries(12, 0)}}},
    .coverage = Coverage::lowerHalf(32),
    .pageRights = shortPageRights,
    .tableRights = shortTableRights,
    .largePageRights = sectionRights,
    .hasLargePageRights = true,
    .flags = shortFlags,
};

constexpr EntryFormat makeLongEntries(unsigned shift, unsigned fromLast) {
  constexpr uint64_t kind = bits(1, 0), table = 3, block = 1;
  const EntryPattern hole = {bit(0), 0, EntryMeaning::Hole};
  if (fromLast == 0)
    return {hole,
            {kind, table, EntryMeaning::Page, 12, {.lowMask = bits(39, 12)}}};
  return {hole,
          {kind, table, EntryMeaning::Table, 0, {.lowMask = bits(39, 12)}},
          {kind,
           block,
           EntryMeaning::Page,
           uint8_t(shift),
           {.lowMask = bits(39, shift)}}};
}

/// [armv7/arm] B3.7: AP[2:1] are bits 7:6, APTable bits 62:61.
inline constexpr RightsRules
    longPageRights = {{{bit(7), bit(7), WriteRight},
                       {bit(6), 0, UserRights},
                       {bit(54), bit(54), ExecuteRights},
                       {bit(53), bit(53), KernelExecuteRight}}},
    longTableRights = {{{bit(62), bit(62), WriteRight},
                        {bit(61), bit(61), UserRights},
                        {bit(60), bit(60), ExecuteRights},
                        {bit(59), bit(59), KernelExecuteRight}}};

/// The last four are Linux's, of pgtable-3level.h.
inline constexpr EntryFlag longFlags[] = {
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
    EntryFlag::of(52, "Contiguous", InPages),
    EntryFlag::of(53, "PXN", InPages),
    EntryFlag::of(54, "XN", InPages),
    EntryFlag::of(59, "PXNTable", InTables),
    EntryFlag::of(60, "XNTable", InTables),
    EntryFlag::of(61, "APTable[0]", InTables),
    EntryFlag::of(62, "APTable[1]", InTables),
    EntryFlag::of(63, "NSTable", InTables),
    EntryFlag::of(55, "DIRTY", InPages),
    EntryFlag::of(56, "SPECIAL", InPages),
    EntryFlag::of(57, "NONE", InPages),
    EntryFlag::of(58, "RDONLY", InPages),
};

inline constexpr PagingMode lpae = {
    .name = "arm LPAE",
    .arch = Arch::Arm,
    .virtualBits = 32,
    .pageShift = 12,
    .levelCount = 3,
    .levels = makeLevels(32, 12, 3, makeLongEntries),
    .coverage = Coverage::lowerHalf(32),
    .pageRights = longPageRights,
    .tableRights = longTableRights,
    .flags = longFlags,
};

static_assert(isConsistent(shortDescriptors) && isConsistent(lpae));

/// The likeliest first.
inline constexpr const PagingMode *modes[] = {&lpae, &shortDescriptors};

} // namespace vmpt::arm
