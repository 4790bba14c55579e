//===- EntryFormat.h - what an entry of a page table means ----------------===//
//
// Said once, for all who read entries: translation, the walker, counts. The
// format of a level is a short list of patterns, and the first that an entry
// fits decides: a hole, a pointer to a table, a page, or something that the
// MMU takes for a fault. That is enough to say
//   - present when a bit is set (x86's P) or when one is clear (s390x's I),
//   - several kinds of page, or of table, at one level, each with its address
//     in bits of its own (PSE-36, sections and supersections of 32-bit ARM),
//   - a page that is larger than what the entry spans, because entries side by
//     side stand for one page (RISC-V Svnapot).
// What Linux's dumper takes for a hole is another question: listing/Plan.h.
//
#pragma once

#include "support/Address.h"
#include "support/Bits.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <initializer_list>

namespace vmpt {

enum class EntryMeaning : uint8_t {
  Hole,     ///< The MMU does not look at the rest; software may use it.
  Table,    ///< Points to a table of the next level.
  Page,     ///< Maps a page.
  Reserved, ///< In use, but in a form that the MMU takes for a fault.
};

/// Where an entry keeps a physical address:
/// (entry & lowMask) << lowShift | (entry & highMask) << highShift.
struct AddressBits {
  uint64_t lowMask = 0;
  uint64_t highMask = 0; ///< What has the top bits elsewhere: LPA, PSE-36.
  uint8_t lowShift = 0;
  uint8_t highShift = 0;

  constexpr uint64_t of(uint64_t entry) const {
    return (entry & lowMask) << lowShift | (entry & highMask) << highShift;
  }
  /// Every address bit that an entry can hold.
  constexpr uint64_t all() const { return of(~uint64_t(0)); }
  /// The address bits in \p mask are taken for something else.
  constexpr AddressBits without(uint64_t mask) const {
    AddressBits result = *this;
    result.lowMask &= ~(mask >> lowShift);
    result.highMask &= ~(mask >> highShift);
    return result;
  }
};

/// An entry that agrees with `bits` in `mask` is of this kind.
struct EntryPattern {
  uint64_t mask = 0, bits = 0;
  EntryMeaning meaning = EntryMeaning::Reserved;
  /// Page: address bits below this one come from the virtual address. May be
  /// more than the entry spans.
  uint8_t pageShift = 0;
  AddressBits address = {}; ///< Table, Page.

  constexpr bool fits(uint64_t entry) const { return (entry & mask) == bits; }
};

struct DecodedEntry {
  EntryMeaning meaning = EntryMeaning::Reserved;
  uint8_t pageShift = 0; ///< Page.
  PhysAddr address;      ///< First byte of the table or page.

  constexpr bool operator==(const DecodedEntry &) const = default;
  constexpr bool isTable() const { return meaning == EntryMeaning::Table; }
  constexpr bool isPage() const { return meaning == EntryMeaning::Page; }
  /// Page: the byte behind a virtual address that leads to this entry.
  constexpr PhysAddr byteAt(VirtAddr at) const {
    return address + (at.value & lowBits(pageShift));
  }
};

/// The kinds of entry of one level; what fits none of them is reserved.
struct EntryFormat {
  static constexpr unsigned maxPatterns = 7;

  /// The last one is never filled: it fits everything, and ends the search.
  std::array<EntryPattern, maxPatterns> patterns = {};

  constexpr EntryFormat() = default;
  constexpr EntryFormat(std::initializer_list<EntryPattern> kinds) {
    assert(kinds.size() < maxPatterns);
    std::copy(kinds.begin(), kinds.end(), patterns.begin());
  }

  constexpr const EntryPattern &find(uint64_t entry) const {
    unsigned i = 0;
    while (i + 1 < maxPatterns && !patterns[i].fits(entry))
      ++i;
    return patterns[i];
  }
  constexpr DecodedEntry decode(uint64_t entry) const {
    const EntryPattern &pattern = find(entry);
    return {pattern.meaning, pattern.pageShift,
            PhysAddr(pattern.address.of(entry))};
  }
  constexpr EntryMeaning meaningOf(uint64_t entry) const {
    return find(entry).meaning;
  }
  /// The plain kind of pages (the last in the list) or of tables; null where
  /// the level has none.
  constexpr const EntryPattern *plain(EntryMeaning meaning) const {
    for (unsigned i = maxPatterns - 1; i-- > 0;)
      if (patterns[i].meaning == meaning)
        return &patterns[i];
    return nullptr;
  }
};

/// A pattern's bits lie in its mask, addresses of pages are aligned, and the
/// list has an end.
constexpr bool isConsistent(const EntryFormat &format) {
  for (const EntryPattern &pattern : format.patterns) {
    if (pattern.bits & ~pattern.mask)
      return false;
    if (pattern.meaning == EntryMeaning::Page &&
        (!pattern.pageShift || pattern.pageShift >= 64 ||
         pattern.address.all() & lowBits(pattern.pageShift)))
      return false;
  }
  return format.patterns.back().mask == 0 &&
         format.patterns.back().meaning == EntryMeaning::Reserved;
}

} // namespace vmpt
