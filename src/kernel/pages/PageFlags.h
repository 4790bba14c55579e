//===- PageFlags.h - what /proc/kpageflags says of a frame ----------------===//
//
// stable_page_flags() of the dumped kernel: linux fs/proc/page.c. Up to 6.9 it
// looks at the page, and at the head only for some of the bits; since "proc:
// rewrite stable_page_flags()" (6.10) at the folio, so that the pages behind
// a head say what the head says.
//
#pragma once

#include "kernel/pages/MemoryMap.h"
#include "kernel/pages/PageLayout.h"
#include "kernel/pages/PageReader.h"

namespace vmpt {

/// The members of a struct page that we use.
struct PageSnapshot {
  VirtAddr address;
  uint64_t flags = 0, head = 0, mapping = 0, privateData = 0;
  int32_t mapCount = -1, refCount = 0;
};

/// A page with all that its head says; of a page that is in no compound page,
/// it is its own head.
struct PageFacts {
  enum class State : uint8_t {
    NoPage, ///< The kernel has no struct page for the frame.
    Known,
    Absent, ///< The struct page, or its head's, is not in the dump.
  };
  State state = State::NoPage;
  uint64_t frame = 0;
  PageSnapshot page, head;
  uint64_t headFrame = 0;
  bool isCompound = false, isTail = false;
  unsigned order = 0; ///< Of the compound page.
  bool isHugetlb = false, isSlab = false, isMapped = false;
  uint64_t secondFlags = 0; ///< Flags of the page behind the head.
  int32_t entireMapCount = -1;
  std::string problem; ///< Absent: why.

  bool isAnon() const { return head.mapping & 1; }
};

class PageFlags {
public:
  /// \p kernel must outlive the object.
  static llvm::Expected<PageFlags> create(const Kernel &kernel);

  const MemoryMap &map() const { return map_; }
  const PageLayout &layout() const { return layout_; }
  /// What makes flags incomplete, a sentence each.
  std::vector<std::string> problems() const;

  /// Everything about one frame.
  PageFacts look(uint64_t frame);
  /// The entry of /proc/kpageflags; of an absent page 0.
  uint64_t flags(const PageFacts &facts);
  /// The entry of /proc/kpagecount.
  uint64_t count(const PageFacts &facts) const;
  /// How often this one page is mapped: the kernel's page_mapcount().
  int32_t mapCount(const PageFacts &facts) const;
  bool isZeroPage(uint64_t frame) const {
    return zeroFrame_ && frame - *zeroFrame_ < zeroFrames_;
  }
  /// No symbol names the zero page, or the huge one: what processes map may
  /// show them (`learnZeroPage`).
  bool lacksZeroPage() const { return !zeroFrame_; }
  bool lacksHugeZeroPage() const { return hasThp_ && !knowsHugeZero_; }
  /// A process maps \p frame as if it were the zero page (or the huge one). It
  /// is taken for it if it holds zeros, and belongs to nobody.
  void learnZeroPage(uint64_t frame, bool isHuge);
  /// 6.10: flags are those of the folio.
  bool isFolioModel() const { return layout_.largeMapCount.has_value(); }

private:
  PageFlags(const Kernel &kernel, PageLayout layout, MemoryMap map);
  void findZeroPages(const Kernel &kernel);
  bool holdsZeros(const PageFacts &facts, bool isHuge);
  void growZeroPages(uint64_t frame);
  std::optional<PageSnapshot> snapshot(VirtAddr at);
  VirtAddr headOf(const PageSnapshot &page);
  bool readHead(PageFacts &facts, VirtAddr head);
  void readSecond(PageFacts &facts);
  bool isMapped(const PageFacts &facts);
  bool isAnySubPageMapped(const PageFacts &facts);
  bool isFreeInBuddy(const PageFacts &facts);
  uint64_t pageModelFlags(const PageFacts &facts) const;
  uint64_t folioModelFlags(const PageFacts &facts) const;
  uint64_t copiedFlags(uint64_t flags) const;
  bool has(uint64_t flags, int8_t bitNumber) const {
    return bitNumber >= 0 && (flags >> bitNumber & 1);
  }

  PageLayout layout_;
  MemoryMap map_;
  PageReader reader_;
  KernelVersion version_;
  uint64_t pageBytes_ = 4096;
  bool hasThp_ = true;
  bool hasSnapshots_ = false; ///< 6.17: kpageflags looks at a copy.
  uint64_t noPageFlags_ = 0;
  /// The first page of zeros; s390x has several, one for each cache colour.
  std::optional<uint64_t> zeroFrame_;
  uint64_t zeroFrames_ = 1;
  unsigned maxZeroOrder_ = 0;
  VirtAddr hugeZeroHead_;
  bool knowsHugeZero_ = false;
  const AddressSpace *memory_;

  /// Heads looked at last, by their frame; a compound page has many pages.
  std::vector<PageFacts> heads_;
  /// The free block looked at last.
  uint64_t buddyFirst_ = 1, buddyLast_ = 0;
};

} // namespace vmpt
