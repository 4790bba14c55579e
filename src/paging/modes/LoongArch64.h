//===- LoongArch64.h - the paging modes of 64-bit LoongArch ---------------===//
//
// [loongarch/v1] 5.4: a CPU has no walker of its own in most models; the
// refill code goes from directory to directory by LDDIR and LDPTE, and what a
// directory holds is what these take for an address. Linux (v6.12
// arch/loongarch/include/asm/pgtable.h) keeps virtual addresses of a direct
// window there, and lets entries without a table point to one of three tables
// that are full of nothing: invalid_pud_table, invalid_pmd_table,
// invalid_pte_table. Where those lie is known when the kernel is found; until
// then its modes have a value there that no entry has (withEmptyEntries()).
//
// Page size and levels are chosen by the configuration: tables are a page
// each. One root (PGDL) is for the lower half of the addresses, one (PGDH) for
// the upper. Direct windows (DMW0 to DMW2) go before both: the kernel's image
// and its linear map are in none of its tables.
//
// Linux sets "valid" when a page is accessed, as "young": what is "present" is
// taken for a page here, as by /proc/PID/pagemap.
//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt::loongarch64 {

inline constexpr unsigned physicalBits = 48;

/// linux v6.12 arch/loongarch/include/asm/loongarch.h CSR_DMW*_INIT: write
/// combining, not cached, cached.
inline constexpr uint64_t cachedWindow = uint64_t(9) << 60;
inline constexpr DirectWindow windows[] = {
    {bits(63, physicalBits), uint64_t(8) << 60},
    {bits(63, physicalBits), cachedWindow},
    {bits(63, physicalBits), uint64_t(10) << 60},
};

inline constexpr uint64_t present = bit(7), huge = bit(6), noExecute = bit(62),
                          windowMask = bits(63, 60);

/// An entry that is the same in no table.
inline constexpr uint64_t noEntry = ~uint64_t(0);

constexpr EntryFormat makeEntries(unsigned shift, unsigned fromLast,
                                  unsigned pageShift) {
  const AddressBits page = {.lowMask = bits(physicalBits - 1, shift)};
  const EntryPattern hole = {present, 0, EntryMeaning::Hole};
  if (fromLast == 0)
    return {hole, {present, present, EntryMeaning::Page, uint8_t(shift), page}};
  return {{noEntry, noEntry, EntryMeaning::Hole},
          {windowMask,
           cachedWindow,
           EntryMeaning::Table,
           0,
           {.lowMask = bits(physicalBits - 1, pageShift)}},
          {huge | present, huge | present, EntryMeaning::Page, uint8_t(shift),
           page},
          hole};
}

/// \p mode with the entries of \p level that lead to a table of nothing.
constexpr void setEmptyEntry(PagingMode &mode, unsigned level, uint64_t entry) {
  mode.levels[level].empty = entry;
  mode.levels[level].entries.patterns[0].mask = noEntry;
  mode.levels[level].entries.patterns[0].bits = entry;
}

/// Bits 3:2 are the privilege level, 3 that of user code.
inline constexpr RightsRules rights = {{{bit(8), 0, WriteRight},
                                        {bits(3, 2), 0, UserRights},
                                        {noExecute, noExecute, ExecuteRights}}};

/// [loongarch/v1] Figure 5-1, and the names of pgtable-bits.h for what is
/// software's.
inline constexpr EntryFlag flags[] = {
    EntryFlag::of(0, "V", InPages),
    EntryFlag::of(1, "D", InPages),
    {bits(3, 2), bit(2), "PLV=1", InPages},
    {bits(3, 2), bit(3), "PLV=2", InPages},
    {bits(3, 2), bits(3, 2), "PLV=3", InPages},
    {bits(5, 4), 0, "SUC", InPages},
    {bits(5, 4), bit(4), "CC", InPages},
    {bits(5, 4), bit(5), "WUC", InPages},
    EntryFlag::of(6, "G", InLastLevel),
    EntryFlag::of(6, "H", InLargePages),
    EntryFlag::of(7, "P", InPages),
    EntryFlag::of(8, "W", InPages),
    EntryFlag::of(9, "MODIFIED", InPages),
    EntryFlag::of(10, "PROTNONE", InPages),
    EntryFlag::of(11, "SPECIAL", InPages),
    EntryFlag::of(12, "G", InLargePages),
    EntryFlag::of(61, "NR", InPages),
    EntryFlag::of(62, "NX", InPages),
    EntryFlag::of(63, "RPLV", InPages),
};

/// vm_map_base, on CPUs with 48 bits of virtual address.
inline constexpr uint64_t kernelStart = ~lowBits(47);

/// Bits of a kernel's address that index no table are those of kernelStart.
constexpr Coverage kernelHalf(unsigned virtualBits) {
  const uint64_t mask = ~lowBits(virtualBits);
  return {mask, kernelStart & mask, kernelStart & mask, 0};
}

constexpr PagingMode makeMode(llvm::StringLiteral name, unsigned pageShift,
                              unsigned levelCount) {
  const unsigned virtualBits = pageShift + levelCount * (pageShift - 3);
  return {
      .name = name,
      .arch = Arch::LoongArch64,
      .virtualBits = uint8_t(virtualBits),
      .pageShift = uint8_t(pageShift),
      .levelCount = uint8_t(levelCount),
      .levels = makeLevels(virtualBits, pageShift, 3,
                           [=](unsigned shift, unsigned fromLast) {
                             return makeEntries(shift, fromLast, pageShift);
                           }),
      .coverage = kernelHalf(virtualBits),
      .pageRights = rights,
      .flags = flags,
      .windows = windows,
  };
}

inline constexpr PagingMode page16K3 =
                                makeMode("loongarch64 16K 3-level", 14, 3),
                            page4K3 = makeMode("loongarch64 4K 3-level", 12, 3),
                            page4K4 = makeMode("loongarch64 4K 4-level", 12, 4),
                            page64K2 =
                                makeMode("loongarch64 64K 2-level", 16, 2),
                            page16K2 =
                                makeMode("loongarch64 16K 2-level", 14, 2),
                            page64K3 =
                                makeMode("loongarch64 64K 3-level", 16, 3);

static_assert(isConsistent(page16K3) && isConsistent(page16K2) &&
              isConsistent(page4K3) && isConsistent(page4K4) &&
              isConsistent(page64K2) && isConsistent(page64K3));

/// The likeliest first.
inline constexpr const PagingMode *modes[] = {&page16K3, &page4K3,  &page4K4,
                                              &page64K2, &page16K2, &page64K3};

} // namespace vmpt::loongarch64
