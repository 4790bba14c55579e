//===- Ppc64le.h - the paging modes of 64-bit Power -----------------------===//
//
// [power/isa3] Book III 6.7.10 "Radix Tree Translation": four levels. An entry
// has bit 63 where it is valid and bit 62 where it maps a page; one that leads
// to a table says in its lowest bits how large that table is. The table of a
// process has 8192 entries, the last level 512 with pages of 4 KiB and 32 with
// pages of 64 KiB: 256 bytes, many of which share a page of memory.
//
// Entries are big-endian whatever the kernel is. The two highest bits of an
// address name the quadrant: 0 is that of the process that runs, 3 that of
// process 0, whose table is the kernel's own. No table serves both.
//
// Processors before POWER9, and newer ones on demand, have a hash table
// instead. The tables are Linux's alone then (linux v6.12
// arch/powerpc/include/asm/book3s/64/hash-64k.h, hash-4k.h), which fills the
// hash table from them: the same entries, with other numbers of bits, and no
// size in what leads to a table. They hold no linear map: that is in the hash
// table only, and here a direct window.
//
// Bit numbers here count from the lowest, the manual's from the highest.
//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt::ppc64le {

inline constexpr uint64_t valid = bit(63), leaf = bit(62);
/// Linux's: the page is there, but the MMU shall not use it now.
inline constexpr uint64_t invalidated = bit(61);
inline constexpr uint64_t exec = bit(0), write = bit(1), read = bit(2),
                          privileged = bit(3), attributes = bits(5, 4);

/// linux v6.12 arch/powerpc/include/asm/book3s/64/pgtable.h _PAGE_PA_MAX; the
/// bits above are Linux's own.
inline constexpr unsigned pageBits = 53;

/// Where the kernel's addresses begin, in quadrant 3.
inline constexpr uint64_t kernelStart = uint64_t(0xc) << 60;

/// Next Level Size and Next Level Base of an entry that leads to a table.
inline constexpr uint64_t nextSize = bits(4, 0);
constexpr AddressBits nextBase(unsigned indexBits) {
  return {.lowMask = bits(59, indexBits + 3)};
}
constexpr AddressBits pageNumber(unsigned shift) {
  return {.lowMask = bits(pageBits - 1, shift)};
}

/// Pages are at every level but the first.
constexpr EntryFormat makeRadixEntries(unsigned shift, unsigned level,
                                       unsigned nextBits) {
  const EntryPattern hole = {valid, 0, EntryMeaning::Hole},
                     table = {valid | leaf | nextSize, valid | nextBits,
                              EntryMeaning::Table, 0, nextBase(nextBits)},
                     page = {valid | leaf, valid | leaf, EntryMeaning::Page,
                             uint8_t(shift), pageNumber(shift)};
  if (!nextBits)
    return {hole, page};
  if (!level)
    return {hole, table};
  return {hole, table, page};
}

/// linux v6.12 arch/powerpc/include/asm/book3s/64/hash.h HASH_PMD_VAL_BITS:
/// what leads to a table has bit 63 (since 4.20) and not bit 62. With a size in
/// its lowest bits it leads to huge pages of a kind of its own, up to 6.10
/// (hash__hugepd_ok()); a radix entry has one there, too.
constexpr EntryFormat makeHashEntries(unsigned shift, unsigned level,
                                      unsigned nextBits) {
  constexpr uint64_t hugeSize = bits(5, 0);
  const EntryPattern hole = {valid, 0, EntryMeaning::Hole},
                     empty = {~uint64_t(0), 0, EntryMeaning::Hole},
                     table = {valid | leaf | hugeSize, valid,
                              EntryMeaning::Table, 0, nextBase(nextBits)},
                     old = {valid | leaf | hugeSize, 0, EntryMeaning::Table, 0,
                            nextBase(nextBits)},
                     page = {valid | leaf, valid | leaf, EntryMeaning::Page,
                             uint8_t(shift), pageNumber(shift)};
  if (!nextBits)
    return {hole, page};
  if (!level)
    return {empty, table, old, hole};
  return {empty, table, old, hole, page};
}

/// [power/isa3] Figure 36 "Radix Tree Page Table Entry": EAA. Neither read nor
/// write is PROT_NONE.
inline constexpr RightsRules rights = {{{write, 0, WriteRight},
                                        {exec, 0, ExecuteRights},
                                        {privileged, privileged, UserRights},
                                        {read | write, 0, UserRight}}};

/// By the same figure; the last four are Linux's.
inline constexpr EntryFlag flags[] = {
    EntryFlag::of(0, "EAA.X", InPages),
    EntryFlag::of(1, "EAA.W", InPages),
    EntryFlag::of(2, "EAA.R", InPages),
    EntryFlag::of(3, "EAA.Priv", InPages),
    {attributes, bit(4), "SAO", InPages},
    {attributes, bit(5), "Non-idempotent", InPages},
    {attributes, bits(5, 4), "Tolerant", InPages},
    EntryFlag::of(7, "C", InPages),
    EntryFlag::of(8, "R", InPages),
    EntryFlag::of(9, "SOFT_DIRTY", InPages),
    EntryFlag::of(10, "SPECIAL", InPages),
    EntryFlag::of(11, "DEVMAP", InPages),
    EntryFlag::of(61, "INVALID", InPages),
};

using MakeEntries = EntryFormat (*)(unsigned shift, unsigned level,
                                    unsigned nextBits);

/// \p indexBits of the levels from the root on.
constexpr PagingMode makeMode(llvm::StringLiteral name, unsigned pageShift,
                              std::array<uint8_t, 4> indexBits,
                              MakeEntries makeEntries) {
  PagingMode mode = {
      .name = name,
      .arch = Arch::Ppc64le,
      .pageShift = uint8_t(pageShift),
      .entryOrder = ByteOrder::big,
      .levelCount = 4,
      .pageRights = rights,
      .flags = flags,
  };
  unsigned shift = pageShift;
  for (unsigned level = mode.levelCount; level-- > 0;) {
    const unsigned nextBits =
        level < mode.lastLevel() ? indexBits[level + 1] : 0;
    mode.levels[level] = {uint8_t(shift), indexBits[level],
                          makeEntries(shift, level, nextBits)};
    shift += indexBits[level];
  }
  mode.virtualBits = uint8_t(shift);
  const uint64_t mask = ~lowBits(shift), first = kernelStart & mask;
  mode.coverage = {mask, first, first, 0};
  return mode;
}

/// linux v6.12 arch/powerpc/include/asm/book3s/64/radix-64k.h, radix-4k.h
inline constexpr PagingMode radix64K =
                                makeMode("ppc64le radix 64K", 16, {13, 9, 9, 5},
                                         makeRadixEntries),
                            radix4K = makeMode("ppc64le radix 4K", 12,
                                               {13, 9, 9, 9}, makeRadixEntries);

/// The linear map is the lower half of the kernel's addresses (H_VMALLOC_START
/// is that of the upper one).
inline constexpr DirectWindow linearMap[] = {{bits(63, 51), kernelStart}};
inline constexpr PagingMode hash64K = [] {
  PagingMode mode =
      makeMode("ppc64le hash 64K", 16, {8, 10, 10, 8}, makeHashEntries);
  const uint64_t mask = bits(63, 51), first = kernelStart | bit(51);
  mode.coverage = {mask, first, first, 0};
  mode.windows = linearMap;
  return mode;
}();

/// H_KERN_VIRT_START with pages of 4 KiB, since 5.8: of the 64 TiB that Linux's
/// tables span, the linear map has the first 61. Here the tables have four of
/// them, since bits of an address are to tell: memory from 60 to 61 TiB on is
/// taken for unmapped.
inline constexpr uint64_t hashStart4K = 0xc0003d0000000000;
inline constexpr DirectWindow linearMap4K[] = {{bits(63, 46), kernelStart}};
inline constexpr PagingMode hash4K = [] {
  PagingMode mode =
      makeMode("ppc64le hash 4K", 12, {9, 9, 7, 9}, makeHashEntries);
  const uint64_t mask = bits(63, 42), first = hashStart4K & mask;
  mode.coverage = {mask, first, first, 0};
  mode.windows = linearMap4K;
  return mode;
}();

/// Where the kernel's addresses begin that are in tables.
constexpr VirtAddr firstOfTables(const PagingMode &mode) {
  return mode.pageShift == 12 && mode.levels[0].indexBits == 9
             ? VirtAddr(hashStart4K)
             : mode.coverage.first();
}

/// The same of a process, which has all that its table spans.
constexpr PagingMode ofProcess(PagingMode mode) {
  mode.coverage = Coverage::lowerHalf(mode.virtualBits);
  return mode;
}

static_assert(isConsistent(radix64K) && isConsistent(radix4K) &&
              isConsistent(hash64K) && isConsistent(hash4K));

/// The likeliest first.
inline constexpr const PagingMode *modes[] = {&radix64K, &radix4K, &hash64K,
                                              &hash4K};

} // namespace vmpt::ppc64le
