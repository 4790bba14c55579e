//===- S390x.h - the paging modes of z/Architecture -----------------------===//
//
// [ibm/pop] "Dynamic Address Translation": up to five levels, named region
// first, second and third, segment, and page table. All but the last have 2048
// entries of 8 bytes; a page table has 256, so it takes 2 KiB and stands at a
// multiple of that. Which level a root is of is said by the address-space-
// control element (ASCE) that names it, not by the machine: the kernel and each
// process have a depth of their own. Every entry above the last level, empty
// ones too, repeats its level in bits 3:2.
//
// An entry is in use unless its invalid bit is set (0x20, in the last level
// 0x400). What Linux calls empty is therefore no zero: a zero page table entry
// maps the first page of memory, writable.
//
// Entries are big-endian, as all of the machine is. Bit numbers here count from
// the lowest, the manual's from the highest. A table may be shorter than 2048
// entries by its length field; Linux makes no such tables, and the field is not
// looked at.
//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt::s390x {

/// Of a region or segment table entry; 0x400: it maps a page (format control).
inline constexpr uint64_t invalid = bit(5), typeMask = bits(3, 2),
                          formatControl = bit(10);
/// Of a page table entry.
inline constexpr uint64_t pageInvalid = bit(10);
/// Of both.
inline constexpr uint64_t protect = bit(9), noExecute = bit(8);

/// Linux's own bits of a process's entries: the page is there, it may be read.
/// linux v6.12 arch/s390/include/asm/pgtable.h; those above the last level
/// since 6.14.
struct OldPageBits {
  uint64_t lastLevel = bit(0) | bit(4);
  uint64_t aboveLast = 0;
};

/// The table length that Linux gives to all tables, in region table entries and
/// in the ASCE: 2048 entries.
inline constexpr uint64_t fullLength = bits(1, 0);

/// Type of the entries of a level, counted from the last one (page: 0).
constexpr uint64_t typeOf(unsigned fromLast) {
  return fromLast ? uint64_t(fromLast - 1) << 2 : 0;
}

constexpr uint64_t emptyOf(unsigned fromLast) {
  return fromLast ? typeOf(fromLast) | invalid : pageInvalid;
}

/// Bit 11 of a page table entry has to be 0.
constexpr EntryFormat makePageEntries(const OldPageBits *old) {
  const AddressBits page = {.lowMask = ~lowBits(12)};
  const EntryPattern hole = {pageInvalid, pageInvalid, EntryMeaning::Hole};
  const EntryPattern valid = {pageInvalid | bit(11), 0, EntryMeaning::Page, 12,
                              page};
  if (!old)
    return {hole, valid};
  // To be tested before the hole, as what is old is invalid, too.
  const uint64_t mask = pageInvalid | old->lastLevel;
  return {{mask, mask, EntryMeaning::Page, 12, page}, hole, valid};
}

constexpr EntryFormat makeEntries(unsigned shift, unsigned fromLast,
                                  const OldPageBits *old) {
  const uint64_t type = typeOf(fromLast);
  const EntryPattern hole = {invalid, invalid, EntryMeaning::Hole};
  // Page tables stand at multiples of 2 KiB, others at those of a page.
  const AddressBits table = {.lowMask = ~lowBits(fromLast == 1 ? 11 : 12)};
  if (fromLast == 0)
    return makePageEntries(old);
  if (fromLast > 2) // no pages there: a bit that is not looked at
    return {hole, {typeMask, type, EntryMeaning::Table, 0, table}};
  const AddressBits large = {.lowMask = ~lowBits(shift)};
  const EntryPattern toTable = {typeMask | formatControl, type,
                                EntryMeaning::Table, 0, table};
  const EntryPattern page = {typeMask | formatControl, type | formatControl,
                             EntryMeaning::Page, uint8_t(shift), large};
  if (!old || !old->aboveLast)
    return {hole, toTable, page};
  const uint64_t mask = invalid | formatControl | old->aboveLast;
  return {
      {typeMask | mask, type | mask, EntryMeaning::Page, uint8_t(shift), large},
      hole,
      toTable,
      page};
}

/// [ibm/pop] "DAT Protection", "Instruction-Execution Protection": no-execute
/// is of pages alone. There is no bit for user code: kernel and processes have
/// spaces of their own.
inline constexpr RightsRules kernelRights = {
    {{protect, protect, WriteRight},
     {noExecute, noExecute, ExecuteRights},
     {0, 0, UserRights}}};
inline constexpr RightsRules userRights = {
    {{protect, protect, WriteRight},
     {noExecute, noExecute, ExecuteRights},
     {0, 0, KernelExecuteRight}}};
inline constexpr RightsRules tableRights = {{{protect, protect, WriteRight}}};

inline constexpr EntryFlag flags[] = {
    EntryFlag::of(5, "I", InTables | InLargePages),
    EntryFlag::of(8, "IEP", InPages),
    EntryFlag::of(9, "P"),
    EntryFlag::of(10, "FC", InLargePages),
    EntryFlag::of(10, "I", InLastLevel),
};

constexpr PagingMode makeMode(llvm::StringLiteral name, unsigned levelCount,
                              const OldPageBits *old = nullptr) {
  PagingMode mode = {
      .name = name,
      .arch = Arch::S390x,
      .pageShift = 12,
      .entryOrder = ByteOrder::big,
      .levelCount = uint8_t(levelCount),
      .pageRights = old ? userRights : kernelRights,
      .tableRights = tableRights,
      .flags = flags,
  };
  unsigned shift = 12;
  for (unsigned fromLast = 0; fromLast < levelCount; ++fromLast) {
    const unsigned indexBits = fromLast ? 11 : 8;
    mode.levels[levelCount - 1 - fromLast] = {
        uint8_t(shift), uint8_t(indexBits), makeEntries(shift, fromLast, old),
        emptyOf(fromLast)};
    shift += indexBits;
  }
  mode.virtualBits = uint8_t(shift);
  mode.coverage = Coverage::lowerHalf(shift);
  return mode;
}

inline constexpr PagingMode segments = makeMode("s390x 2-level", 2),
                            regionThird = makeMode("s390x 3-level", 3),
                            regionSecond = makeMode("s390x 4-level", 4),
                            regionFirst = makeMode("s390x 5-level", 5);

static_assert(isConsistent(segments) && isConsistent(regionThird) &&
              isConsistent(regionSecond) && isConsistent(regionFirst));

/// The likeliest first.
inline constexpr const PagingMode *modes[] = {&regionThird, &regionSecond,
                                              &regionFirst, &segments};

/// By the designation type of an ASCE, which is also the type of the entries of
/// the table that it names.
constexpr const PagingMode &modeOf(uint64_t asce) {
  constexpr const PagingMode *byType[] = {&segments, &regionThird,
                                          &regionSecond, &regionFirst};
  return *byType[asce >> 2 & 3];
}

/// The same depth as a process has it: for user code, and with pages that are
/// invalid only because Linux wants to know when they are used next.
constexpr PagingMode ofProcess(const PagingMode &mode, const OldPageBits &old) {
  return makeMode(mode.name, mode.levelCount, &old);
}

} // namespace vmpt::s390x
