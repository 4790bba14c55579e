//===- PageLayout.h - what a struct page of this kernel looks like --------===//
//
// Members, flag bits and page types by what the types and VMCOREINFO know.
// The union in struct page says different things in a head and in the pages
// behind it; members of a compound page are kept here as distances from its
// head. linux include/linux/mm_types.h, include/linux/page-flags.h.
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// Bits of /proc/kpageflags: linux include/uapi/linux/kernel-page-flags.h,
/// and of include/linux/kernel-page-flags.h those above 31.
enum PageBit : uint8_t {
  KpfLocked = 0,
  KpfError = 1,
  KpfReferenced = 2,
  KpfUptodate = 3,
  KpfDirty = 4,
  KpfLru = 5,
  KpfActive = 6,
  KpfSlab = 7,
  KpfWriteback = 8,
  KpfReclaim = 9,
  KpfBuddy = 10,
  KpfMmap = 11,
  KpfAnon = 12,
  KpfSwapCache = 13,
  KpfSwapBacked = 14,
  KpfCompoundHead = 15,
  KpfCompoundTail = 16,
  KpfHuge = 17,
  KpfUnevictable = 18,
  KpfHwPoison = 19,
  KpfNoPage = 20,
  KpfKsm = 21,
  KpfThp = 22,
  KpfOffline = 23,
  KpfZeroPage = 24,
  KpfIdle = 25,
  KpfPgTable = 26,
  KpfReserved = 32,
  KpfMlocked = 33,
  KpfOwner2 = 34,
  KpfPrivate = 35,
  KpfPrivate2 = 36,
  KpfOwnerPrivate = 37,
  KpfArch = 38,
  KpfUncached = 39,
  KpfArch2 = 41,
  KpfArch3 = 42,
};

/// Bits of page->flags, by the PageBit that copies them; -1: this kernel has
/// no such flag, or nothing knows where.
using PageFlagBits = std::array<int8_t, 64>;

/// How page->_mapcount says that a page is no mapped page, but of a kind.
struct PageTypeRules {
  enum class Scheme : uint8_t {
    Value,       ///< Up to 4.17: the number is the kind.
    ClearedBits, ///< 4.18 to 6.11: a base, and one bit that is clear.
    TopByte,     ///< Since 6.12: the highest byte.
  };
  Scheme scheme = Scheme::ClearedBits;
  uint32_t base = 0xf0000000; ///< ClearedBits.
  /// 0: not a page type in this kernel.
  uint32_t buddy = 0, offline = 0, table = 0, hugetlb = 0, slab = 0;

  bool is(uint32_t mapCount, uint32_t kind) const;
  /// Is there any kind, so that the number counts no mappings?
  bool hasKind(uint32_t mapCount) const {
    return scheme != Scheme::Value && int32_t(mapCount) < -128;
  }
};

struct PageLayout {
  uint64_t sizeBytes = 0;
  unsigned wordBytes = 8;
  ByteOrder order = ByteOrder::little;
  uint64_t flags = 0, head = 0, mapping = 0, mapCount = 0, refCount = 0;
  std::optional<uint64_t> index, privateData, memcg;
  /// 7.0: the second word of a tail can be a mask instead of a pointer.
  bool headMayBeMask = false;

  /// Of a compound page, from its head.
  std::optional<uint64_t> compoundOrder, compoundDestructor, entireMapCount,
      pagesMapped, largeMapCount;
  /// Since 6.6 the order is the lowest byte of the second page's flags.
  bool orderIsInFlags = false;
  unsigned hugetlbDestructor = 2; ///< HUGETLB_PAGE_DTOR

  PageFlagBits bits;
  int8_t headBit = -1, swapCacheBit = -1, doubleMapBit = -1,
         largeRmappableBit = -1, hugetlbBit = -1;
  /// PG_swapcache shares its bit, and only counts in swap-backed pages.
  bool swapCacheNeedsSwapBacked = true;
  PageTypeRules types;
  unsigned maxOrderCount = 11; ///< Length of zone.free_area.

  /// What is not known, and makes flags incomplete; a sentence each.
  std::vector<std::string> problems;

  /// The LookupError names the first member that is not known but needed.
  static llvm::Expected<PageLayout> create(const Kernel &kernel);

  uint64_t word(const uint8_t *page, uint64_t offset) const {
    return wordBytes == 8 ? loadUnaligned<uint64_t>(page + offset, order)
                          : loadUnaligned<uint32_t>(page + offset, order);
  }
  uint32_t number(const uint8_t *page, uint64_t offset) const {
    return loadUnaligned<uint32_t>(page + offset, order);
  }
};

} // namespace vmpt
