//===- PagingMode.h - an MMU's page tables as a handful of numbers --------===//
//
// Architectures differ in the widths of the index fields and in what an entry
// says (EntryFormat.h). That is all a PagingMode holds; one walker and one
// translation serve every mode. Level 0 is the root.
//
// To add a mode, add a constant beside its kin in X86_64.h, Arm64.h or
// RiscV64.h, cite the manual, and list it in `modes` there. `isConsistent` is
// asserted over all of them.
//
#pragma once

#include "memory/Machine.h"
#include "paging/Coverage.h"
#include "paging/EntryFormat.h"
#include "paging/EntryRights.h"
#include "support/Address.h"
#include "support/Bits.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <array>

namespace vmpt {

inline constexpr unsigned maxLevels = 5;

struct PagingLevel {
  uint8_t shift = 0;     ///< Lowest address bit that this level's index uses.
  uint8_t indexBits = 0; ///< A table has 2^indexBits entries.
  EntryFormat entries = {};
  /// What software writes where there is nothing: no zero on s390x, where a
  /// zero is in use.
  uint64_t empty = 0;
};

struct PagingMode {
  llvm::StringLiteral name = "";
  Arch arch = {};
  uint8_t virtualBits = 0; ///< The root table spans 2^virtualBits bytes.
  uint8_t pageShift = 0;
  uint8_t entryBytes = 8;
  /// Of tables; that of the kernel's data can be another (ppc64le).
  ByteOrder entryOrder = ByteOrder::little;
  uint8_t levelCount = 0;
  std::array<PagingLevel, maxLevels> levels = {};
  /// Of the root for kernels; see ofLowerRoot().
  Coverage coverage = {};
  RightsRules pageRights = {}, tableRights = {};
  /// Of pages above the last level, where those have bits of their own.
  RightsRules largePageRights = {};
  bool hasLargePageRights = false;
  /// Levels above this one have nothing to say about rights (PAE's root).
  uint8_t firstLevelWithRights = 0;
  llvm::ArrayRef<EntryFlag> flags = {};
  /// They go before the tables, and are only for the kernel.
  llvm::ArrayRef<DirectWindow> windows = {};

  constexpr unsigned lastLevel() const { return levelCount - 1u; }
  const DirectWindow *findWindow(VirtAddr at) const {
    for (const DirectWindow &window : windows)
      if (window.covers(at))
        return &window;
    return nullptr;
  }
  constexpr unsigned entryCount(unsigned level) const {
    return 1u << levels[level].indexBits;
  }
  constexpr uint64_t tableBytes(unsigned level) const {
    return uint64_t(entryCount(level)) * entryBytes;
  }
  /// Bytes of address space that one entry of this level covers.
  constexpr uint64_t entrySpan(unsigned level) const {
    return bit(levels[level].shift);
  }
  constexpr unsigned indexOf(VirtAddr address, unsigned level) const {
    return unsigned(address.value >> levels[level].shift) &
           unsigned(lowBits(levels[level].indexBits));
  }
  /// An entry in memory, zero-extended to 64 bits; entryBytes are there.
  uint64_t load(const uint8_t *raw) const {
    return entryBytes == 8 ? loadUnaligned<uint64_t>(raw, entryOrder)
                           : loadUnaligned<uint32_t>(raw, entryOrder);
  }
  /// What an entry of \p level means to the MMU.
  constexpr DecodedEntry decode(uint64_t entry, unsigned level) const {
    return levels[level].entries.decode(entry);
  }
  /// The rights, a set of Right, that an entry in use takes away.
  constexpr uint8_t deniedBy(uint64_t entry, unsigned level) const {
    if (level < firstLevelWithRights)
      return 0;
    const EntryMeaning meaning = levels[level].entries.meaningOf(entry);
    if (meaning == EntryMeaning::Table)
      return vmpt::deniedBy(tableRights, entry);
    return vmpt::deniedBy(hasLargePageRights && level < lastLevel()
                              ? largePageRights
                              : pageRights,
                          entry);
  }
  constexpr bool isHole(uint64_t entry, unsigned level) const {
    return levels[level].entries.meaningOf(entry) == EntryMeaning::Hole;
  }
  /// A hole that holds nothing.
  constexpr bool isEmpty(uint64_t entry, unsigned level) const {
    return entry == levels[level].empty;
  }
  /// Can a table of nothing but zeros be one that nothing is in?
  constexpr bool zerosAreEmpty(unsigned level) const {
    return levels[level].empty == 0;
  }
  constexpr bool mayMapPage(unsigned level) const {
    return levels[level].entries.plain(EntryMeaning::Page) != nullptr;
  }
  /// Where an entry leads that software takes for a pointer to a table,
  /// whatever the MMU takes it for. The last level has no such entries.
  constexpr PhysAddr tableAddress(uint64_t entry, unsigned level) const {
    const EntryFormat &format = levels[level].entries;
    const EntryPattern &found = format.find(entry);
    const EntryPattern *pattern = found.meaning == EntryMeaning::Table
                                      ? &found
                                      : format.plain(EntryMeaning::Table);
    return PhysAddr(pattern ? pattern->address.of(entry) : 0);
  }
  /// The page in an entry that need not be in use: software keeps pages in
  /// entries that the MMU takes for holes.
  constexpr PhysAddr pageAddress(uint64_t entry, unsigned level) const {
    const EntryFormat &format = levels[level].entries;
    const EntryPattern &found = format.find(entry);
    const EntryPattern *pattern = found.meaning == EntryMeaning::Page
                                      ? &found
                                      : format.plain(EntryMeaning::Page);
    return pattern ? PhysAddr(pattern->address.of(entry))
                   : PhysAddr(alignDown(tableAddress(entry, level).value,
                                        entrySpan(level)));
  }
  /// Do two entries of pages agree in all but the address?
  constexpr bool haveSameAttributes(uint64_t entry, uint64_t other,
                                    unsigned level) const {
    const AddressBits &address = levels[level].entries.find(entry).address;
    return !((entry ^ other) & ~(address.lowMask | address.highMask));
  }
  /// Where the root's entries keep the addresses of tables.
  constexpr AddressBits rootAddressBits() const {
    const EntryPattern *pattern = levels[0].entries.plain(EntryMeaning::Table);
    return pattern ? pattern->address : AddressBits();
  }
  /// The root's address in a control register: aligned to the root's size,
  /// and the bits below are something else (PCID, flags).
  constexpr PhysAddr rootIn(uint64_t controlRegister) const {
    uint64_t size =
        tableBytes(0) < bit(pageShift) ? tableBytes(0) : bit(pageShift);
    return PhysAddr(controlRegister &
                    (rootAddressBits().lowMask | lowBits(pageShift)) &
                    ~(size - 1));
  }
};

/// The fields of the levels lie side by side from the page offset to
/// virtualBits; all but the last level have tables below them, and the last
/// has pages.
constexpr bool isConsistent(const PagingMode &mode) {
  if (mode.levelCount < 2 || mode.levelCount > maxLevels)
    return false;
  unsigned top = mode.pageShift;
  for (unsigned level = mode.levelCount; level-- > 0;) {
    const PagingLevel &row = mode.levels[level];
    const bool hasTables = row.entries.plain(EntryMeaning::Table) != nullptr;
    if (row.shift != top || row.indexBits == 0 || !isConsistent(row.entries) ||
        hasTables != (level != mode.lastLevel()) ||
        !mode.isHole(row.empty, level))
      return false;
    for (const EntryPattern &pattern : row.entries.patterns)
      if (pattern.meaning == EntryMeaning::Page &&
          pattern.pageShift < row.shift)
        return false;
    top += row.indexBits;
  }
  const Coverage &covered = mode.coverage;
  const uint64_t above = ~lowBits(top);
  return ((covered.mask | covered.tagMask) & above) == above &&
         !((covered.lower | covered.upper) & ~covered.mask) &&
         top == mode.virtualBits && mode.mayMapPage(mode.lastLevel()) &&
         (mode.entryBytes == 8 || mode.entryBytes == 4);
}

/// \p mode on a machine where the address bits in \p mask mean something
/// else: AMD's SME marks encrypted pages with one. Whoever knows of such a bit
/// takes it out before the mode is used.
constexpr PagingMode withoutAddressBits(PagingMode mode, uint64_t mask) {
  for (PagingLevel &level : mode.levels)
    for (EntryPattern &pattern : level.entries.patterns)
      pattern.address = pattern.address.without(mask);
  return mode;
}

/// The mode of the root for the lower half, where that is another root: arm64's
/// TTBR0, a task's. Where one root serves both halves, the mode itself.
constexpr PagingMode ofLowerRoot(PagingMode mode) {
  if (mode.coverage.lower == mode.coverage.upper)
    mode.coverage.lower = mode.coverage.upper = 0;
  return mode;
}

/// Levels of the regular kind: each table fills a page, the root takes what
/// is left. \p makeEntries gives the format of a level by its shift and its
/// number counted from the last level, which is 0.
template <class MakeEntries>
constexpr std::array<PagingLevel, maxLevels>
makeLevels(unsigned virtualBits, unsigned pageShift, unsigned entryShift,
           MakeEntries makeEntries) {
  unsigned indexBits = pageShift - entryShift;
  unsigned count = (virtualBits - pageShift + indexBits - 1) / indexBits;
  std::array<PagingLevel, maxLevels> levels = {};
  for (unsigned fromLast = 0; fromLast < count; ++fromLast) {
    unsigned shift = pageShift + fromLast * indexBits;
    unsigned left = virtualBits - shift;
    levels[count - 1 - fromLast] = {
        uint8_t(shift), uint8_t(left < indexBits ? left : indexBits),
        makeEntries(shift, fromLast)};
  }
  return levels;
}

constexpr uint8_t countLevels(unsigned virtualBits, unsigned pageShift,
                              unsigned entryShift) {
  unsigned indexBits = pageShift - entryShift;
  return uint8_t((virtualBits - pageShift + indexBits - 1) / indexBits);
}

} // namespace vmpt
