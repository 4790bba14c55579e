//===- PagingMode.h - an MMU's page tables as a handful of numbers --------===//
//
// x86-64, i386, arm64 and RISC-V differ in the widths of the index fields, in
// the bits that say "present" and "this is a page, not a table", and in where
// an entry keeps its address. That is all a PagingMode holds; one walker and
// one translation serve every mode. Level 0 is the root.
//
// To add a mode, add a constant beside its kin in X86_64.h, Arm64.h or
// RiscV64.h, cite the manual, and list it in Modes.cpp. `isConsistent` is
// asserted over all of them.
//
#pragma once

#include "memory/Machine.h"
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
  bool mayMapPage = false;
};

/// Where an entry keeps a physical address:
/// (entry & lowMask) << lowShift | (entry & highMask) << highShift.
struct AddressBits {
  uint64_t lowMask = 0;
  uint8_t lowShift = 0;
  uint64_t highMask = 0; ///< arm64 LPA and LPA2 keep the top bits elsewhere.
  uint8_t highShift = 0;
};

/// Entries of the last level that stand for a naturally aligned group of pages
/// and say how large it is in the low bits of the address (RISC-V Svnapot).
struct GroupedPages {
  uint64_t flag = 0; ///< The entry bit that makes it so; 0: no such thing.
  /// The one pattern of the lowest address bits that is defined, and the
  /// bits of the page's offset that then come from the virtual address.
  uint64_t patternMask = 0, pattern = 0;
  uint8_t shift = 0;
};

struct PagingMode {
  llvm::StringLiteral name;
  Arch arch;
  uint8_t virtualBits = 0; ///< The root table spans 2^virtualBits bytes.
  uint8_t pageShift = 0;
  uint8_t entryBytes = 8;
  uint8_t levelCount = 0;
  std::array<PagingLevel, maxLevels> levels = {};
  uint64_t present = 0; ///< The MMU uses an entry if any of these is set.
  /// Above the last level, an entry is a page if it differs from `tableBits`
  /// in the bits of `leafMask`.
  uint64_t leafMask = 0;
  uint64_t tableBits = 0;
  /// A page of the last level has one of these bits set.
  uint64_t lastLevelNeeds = ~uint64_t(0);
  AddressBits address = {};
  /// Address bits that only a page above the last level has, elsewhere in the
  /// entry: (entry & mask) << shift (i386 PSE-36).
  uint64_t largePageMask = 0;
  uint8_t largePageShift = 0;
  GroupedPages grouped = {};

  constexpr unsigned lastLevel() const { return levelCount - 1u; }
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
  /// The address in an entry, low bits included as they stand.
  constexpr PhysAddr addressIn(uint64_t entry) const {
    return PhysAddr((entry & address.lowMask) << address.lowShift |
                    (entry & address.highMask) << address.highShift);
  }
  /// The root's address in a control register: aligned to the root's size,
  /// and the bits below are something else (PCID, flags).
  constexpr PhysAddr rootIn(uint64_t controlRegister) const {
    uint64_t size =
        tableBytes(0) < bit(pageShift) ? tableBytes(0) : bit(pageShift);
    return PhysAddr(controlRegister & (address.lowMask | lowBits(pageShift)) &
                    ~(size - 1));
  }
  constexpr bool isPresent(uint64_t entry) const { return entry & present; }
  /// For a present entry: is it a page (or block), not a pointer to a table?
  constexpr bool isLeaf(uint64_t entry, unsigned level) const {
    return level == lastLevel() ||
           (levels[level].mayMapPage && (entry & leafMask) != tableBits);
  }
  /// Present, but in a form that the MMU takes for a fault.
  constexpr bool isReserved(uint64_t entry, unsigned level) const {
    if (level == lastLevel())
      return !(entry & lastLevelNeeds);
    return !levels[level].mayMapPage && (entry & leafMask) != tableBits;
  }
  /// Address bits below this one come from the virtual address.
  constexpr unsigned pageShiftOf(uint64_t entry, unsigned level) const {
    if ((entry & grouped.flag) && level == lastLevel() &&
        (entry & grouped.patternMask) == grouped.pattern)
      return grouped.shift;
    return levels[level].shift;
  }
  /// First byte of the page that a leaf entry maps.
  constexpr PhysAddr pageAddress(uint64_t entry, unsigned level) const {
    uint64_t large =
        level == lastLevel() ? 0 : (entry & largePageMask) << largePageShift;
    return PhysAddr(
        alignDown(addressIn(entry).value, bit(pageShiftOf(entry, level))) |
        large);
  }
};

/// The fields of the levels lie side by side from the page offset to
/// virtualBits, and what may map a page has room for its address.
constexpr bool isConsistent(const PagingMode &mode) {
  if (mode.levelCount < 2 || mode.levelCount > maxLevels || !mode.present)
    return false;
  unsigned top = mode.pageShift;
  for (unsigned level = mode.levelCount; level-- > 0;) {
    if (mode.levels[level].shift != top || mode.levels[level].indexBits == 0)
      return false;
    top += mode.levels[level].indexBits;
  }
  return top == mode.virtualBits && mode.levels[mode.lastLevel()].mayMapPage &&
         (mode.entryBytes == 8 || mode.entryBytes == 4);
}

/// Levels of the regular kind: each table fills a page, the root takes what
/// is left. \p mayMapPage has a bit per level, bit 0 the last one.
constexpr std::array<PagingLevel, maxLevels> makeLevels(unsigned virtualBits,
                                                        unsigned pageShift,
                                                        unsigned entryShift,
                                                        unsigned mayMapPage) {
  unsigned indexBits = pageShift - entryShift;
  unsigned count = (virtualBits - pageShift + indexBits - 1) / indexBits;
  std::array<PagingLevel, maxLevels> levels = {};
  for (unsigned fromLast = 0; fromLast < count; ++fromLast) {
    unsigned shift = pageShift + fromLast * indexBits;
    unsigned left = virtualBits - shift;
    levels[count - 1 - fromLast] = {
        uint8_t(shift), uint8_t(left < indexBits ? left : indexBits),
        bool(mayMapPage >> fromLast & 1)};
  }
  return levels;
}

constexpr uint8_t countLevels(unsigned virtualBits, unsigned pageShift,
                              unsigned entryShift) {
  unsigned indexBits = pageShift - entryShift;
  return uint8_t((virtualBits - pageShift + indexBits - 1) / indexBits);
}

} // namespace vmpt
