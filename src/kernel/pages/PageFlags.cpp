#include "kernel/pages/PageFlags.h"

#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

/// 16 GiB pages of 64 KiB, or 1 GiB pages of 4 KiB, and no more.
constexpr unsigned maxCompoundOrder = 18;
constexpr size_t headCacheSize = 1024;

constexpr uint64_t kpf(PageBit number) { return bit(number); }

} // namespace

llvm::Expected<PageFlags> PageFlags::create(const Kernel &kernel) {
  llvm::Expected<PageLayout> layout = PageLayout::create(kernel);
  if (!layout)
    return layout.takeError();
  llvm::Expected<MemoryMap> map = MemoryMap::create(kernel, layout->sizeBytes);
  if (!map)
    return map.takeError();
  PageFlags flags(kernel, std::move(*layout), std::move(*map));
  flags.findZeroPages(kernel);
  return flags;
}

PageFlags::PageFlags(const Kernel &kernel, PageLayout layout, MemoryMap map)
    : layout_(std::move(layout)), map_(std::move(map)),
      reader_(kernel.memory()), version_(kernel.image().version()),
      pageBytes_(bit(kernel.image().mode.pageShift)), memory_(&kernel.memory()),
      heads_(headCacheSize) {
  const std::vector<std::optional<Symbol>> code = kernel.symbols().findAll(
      {"vfs_read", "do_huge_pmd_anonymous_page", "snapshot_page"});
  hasThp_ = !code[0] || code[1]; // no symbols at all: taken for granted
  hasSnapshots_ = code[2] || (!code[0] && version_ >= KernelVersion{6, 17});
  // "fs/proc/page: refactoring to reduce code duplication" (6.16) writes 0.
  const bool saysNothing = hasSnapshots_ || version_ >= KernelVersion{6, 16};
  maxZeroOrder_ = kernel.image().arch->maxZeroPageOrder;
  noPageFlags_ = saysNothing ? 0 : kpf(KpfNoPage);
}

std::vector<std::string> PageFlags::problems() const {
  std::vector<std::string> all = layout_.problems;
  all.insert(all.end(), map_.problems().begin(), map_.problems().end());
  if (lacksZeroPage())
    all.push_back("the zero page is not marked: none of the symbols zero_pfn "
                  "and empty_zero_page is known, and no process maps it");
  if (lacksHugeZeroPage())
    all.push_back("the huge zero page is not marked: none of the symbols "
                  "huge_zero_folio and huge_zero_page is known, and no "
                  "process maps it");
  return all;
}

/// The page of zeros, and the huge one. linux mm/memory.c zero_pfn,
/// mm/huge_memory.c huge_zero_folio.
void PageFlags::findZeroPages(const Kernel &kernel) {
  const std::vector<std::optional<Symbol>> found = kernel.symbols().findAll(
      {"zero_page_pfn", "zero_pfn", "empty_zero_page", "huge_zero_folio",
       "huge_zero_page", "zero_page_mask"});
  const StructReader &reader = kernel.reader();
  auto wordOf = [&](size_t index) -> std::optional<uint64_t> {
    if (!found[index])
      return std::nullopt;
    return reader.tryNumber(found[index]->address, Field{0, layout_.wordBytes});
  };
  for (size_t index : {0, 1})
    if (!zeroFrame_)
      zeroFrame_ = wordOf(index);
  // linux v6.12 arch/s390/include/asm/pgtable.h is_zero_pfn()
  constexpr uint64_t maxFrames = 1024;
  if (std::optional<uint64_t> mask = wordOf(5))
    zeroFrames_ = std::min(*mask / pageBytes_, maxFrames - 1) + 1;
  // With several it is a variable.
  if (!zeroFrame_ && found[2] && !found[5]) {
    llvm::Expected<PhysAddr> physical =
        kernel.memory().translate(found[2]->address);
    if (physical)
      zeroFrame_ = physical->value / pageBytes_;
    else
      llvm::consumeError(physical.takeError());
  }
  for (size_t index : {3, 4})
    if (std::optional<uint64_t> head = wordOf(index)) {
      hugeZeroHead_ = VirtAddr(*head); // 0: none was made
      knowsHugeZero_ = true;
    }
}

/// Could it be the page of zeros, or the huge one?
bool PageFlags::holdsZeros(const PageFacts &facts, bool isHuge) {
  if (facts.state != PageFacts::State::Known || facts.isHugetlb ||
      facts.isAnon() || facts.isCompound != isHuge ||
      has(facts.head.flags, layout_.bits[KpfLru]) ||
      (!isHuge && !has(facts.page.flags, layout_.bits[KpfReserved])))
    return false;
  std::vector<uint8_t> bytes(pageBytes_);
  return !memory_->physical().tryRead(PhysAddr(facts.frame * pageBytes_),
                                      bytes) &&
         isZero(bytes);
}

void PageFlags::learnZeroPage(uint64_t frame, bool isHuge) {
  const PageFacts facts = look(frame);
  if (!holdsZeros(facts, isHuge))
    return;
  if (isHuge && lacksHugeZeroPage()) {
    hugeZeroHead_ = facts.head.address;
    knowsHugeZero_ = true;
  } else if (!isHuge && lacksZeroPage()) {
    growZeroPages(frame);
  }
}

/// The largest block around \p frame that the page allocator gives out in one
/// piece and that may be all pages of zeros.
void PageFlags::growZeroPages(uint64_t frame) {
  zeroFrame_ = frame;
  for (unsigned order = 1; order <= maxZeroOrder_; ++order) {
    const uint64_t first = alignDown(frame, bit(order));
    for (uint64_t each = first; each < first + bit(order); ++each)
      if (!isZeroPage(each) && !holdsZeros(look(each), false))
        return;
    zeroFrame_ = first;
    zeroFrames_ = bit(order);
  }
}

std::optional<PageSnapshot> PageFlags::snapshot(VirtAddr at) {
  const uint8_t *raw = reader_.read(at, layout_.sizeBytes);
  if (!raw)
    return std::nullopt;
  PageSnapshot page;
  page.address = at;
  page.flags = layout_.word(raw, layout_.flags);
  page.head = layout_.word(raw, layout_.head);
  page.mapping = layout_.word(raw, layout_.mapping);
  if (layout_.privateData)
    page.privateData = layout_.word(raw, *layout_.privateData);
  page.mapCount = int32_t(layout_.number(raw, layout_.mapCount));
  page.refCount = int32_t(layout_.number(raw, layout_.refCount));
  return page;
}

/// linux include/linux/page-flags.h compound_head(), page_fixed_fake_head().
VirtAddr PageFlags::headOf(const PageSnapshot &page) {
  auto follow = [&](const PageSnapshot &tail) {
    // 7.0: instead of a pointer, the bits that the head's address shares with
    // it. No array of struct pages lies where a mask could be a pointer.
    const uint64_t info = tail.head & ~uint64_t(1);
    if (layout_.headMayBeMask && isPowerOfTwo(~info + 1) &&
        ~info + 1 >= 2 * layout_.sizeBytes)
      return VirtAddr(page.address.value & info);
    return VirtAddr(info);
  };
  if (page.head & 1)
    return follow(page);
  // CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP maps the first page of struct pages
  // again and again behind itself: only the next page knows the real head.
  if (!has(page.flags, layout_.headBit) || page.address.value % pageBytes_)
    return page.address;
  std::optional<PageSnapshot> next = snapshot(page.address + layout_.sizeBytes);
  if (!next || !(next->head & 1))
    return page.address;
  return follow(*next);
}

/// What the page behind the head has of the whole.
void PageFlags::readSecond(PageFacts &facts) {
  const uint64_t size = layout_.sizeBytes;
  // Up to four pages long; the head is at least of order 1.
  const uint8_t *raw = reader_.read(facts.head.address, 2 * size);
  if (!raw)
    return;
  facts.secondFlags = layout_.word(raw + size, layout_.flags);
  auto numberAt = [&](uint64_t offset) -> std::optional<uint32_t> {
    const uint8_t *at = reader_.read(facts.head.address + offset, 4);
    return at ? std::optional<uint32_t>(layout_.number(at, 0)) : std::nullopt;
  };
  if (layout_.orderIsInFlags)
    facts.order = facts.secondFlags & 0xff;
  else if (const uint8_t *order =
               reader_.read(facts.head.address + *layout_.compoundOrder, 1))
    facts.order = *order;
  if (layout_.entireMapCount)
    if (auto number = numberAt(*layout_.entireMapCount))
      facts.entireMapCount = int32_t(*number);
  if (layout_.compoundDestructor) {
    if (const uint8_t *destructor =
            reader_.read(facts.head.address + *layout_.compoundDestructor, 1))
      facts.isHugetlb = *destructor == layout_.hugetlbDestructor;
  } else if (layout_.types.hugetlb) {
    facts.isHugetlb =
        layout_.types.is(uint32_t(facts.head.mapCount), layout_.types.hugetlb);
  } else {
    facts.isHugetlb = has(facts.secondFlags, layout_.hugetlbBit);
  }
}

/// linux v6.1 mm/util.c page_mapped(), v6.3 include/linux/mm.h
/// folio_large_is_mapped(), v6.12 folio_mapped().
bool PageFlags::isMapped(const PageFacts &facts) {
  if (!facts.isCompound)
    return facts.page.mapCount >= 0;
  auto numberAt = [&](uint64_t offset) {
    const uint8_t *at = reader_.read(facts.head.address + offset, 4);
    return at ? int32_t(layout_.number(at, 0)) : -1;
  };
  if (layout_.largeMapCount)
    return numberAt(*layout_.largeMapCount) >= 0;
  if (facts.entireMapCount >= 0)
    return true;
  if (facts.isHugetlb)
    return false;
  if (layout_.pagesMapped)
    return numberAt(*layout_.pagesMapped) > 0;
  return isAnySubPageMapped(facts);
}

bool PageFlags::isAnySubPageMapped(const PageFacts &facts) {
  // A head lies where its order puts it. What does not is damaged, and could
  // make us look at everything for each page.
  if (facts.order > maxCompoundOrder || facts.headFrame % bit(facts.order))
    return facts.page.mapCount >= 0;
  for (uint64_t i = 0; i < bit(facts.order); ++i) {
    const uint8_t *at = reader_.read(
        facts.head.address + i * layout_.sizeBytes + layout_.mapCount, 4);
    if (!at)
      return false;
    if (int32_t(layout_.number(at, 0)) >= 0)
      return true;
  }
  return false;
}

/// Fills what `facts` has of the head; false if it is not in the dump.
bool PageFlags::readHead(PageFacts &facts, VirtAddr head) {
  std::optional<uint64_t> frame = map_.findFrame(head);
  if (!frame) {
    facts.problem = "the page's head " + hex(head) + " is no struct page";
    return false;
  }
  PageFacts &known = heads_[*frame % heads_.size()];
  if (known.state != PageFacts::State::Known || known.headFrame != *frame) {
    std::optional<PageSnapshot> page = snapshot(head);
    if (!page) {
      facts.problem = reader_.problem();
      return false;
    }
    known = PageFacts();
    known.state = PageFacts::State::Known;
    known.frame = known.headFrame = *frame;
    known.page = known.head = *page;
    known.isCompound = true;
    readSecond(known);
    known.isMapped = isMapped(known);
    known.isSlab =
        has(page->flags, layout_.bits[KpfSlab]) ||
        layout_.types.is(uint32_t(page->mapCount), layout_.types.slab);
  }
  const PageSnapshot own = facts.page;
  const uint64_t ownFrame = facts.frame;
  facts = known;
  facts.page = own;
  facts.frame = ownFrame;
  facts.isTail = own.address != head;
  return true;
}

PageFacts PageFlags::look(uint64_t frame) {
  PageFacts facts;
  facts.frame = facts.headFrame = frame;
  std::optional<VirtAddr> at = map_.findPage(frame);
  if (!at)
    return facts;
  facts.state = PageFacts::State::Absent;
  std::optional<PageSnapshot> page = snapshot(*at);
  if (!page) {
    facts.problem = reader_.problem();
    return facts;
  }
  facts.page = facts.head = *page;
  const VirtAddr head = headOf(*page);
  if (head != *at || has(page->flags, layout_.headBit)) {
    if (!readHead(facts, head))
      return facts;
  } else {
    facts.isMapped = isMapped(facts);
    facts.isSlab =
        has(page->flags, layout_.bits[KpfSlab]) ||
        layout_.types.is(uint32_t(page->mapCount), layout_.types.slab);
  }
  facts.state = PageFacts::State::Known;
  return facts;
}

/// linux mm/page_alloc.c is_free_buddy_page(): is the page in a free block?
bool PageFlags::isFreeInBuddy(const PageFacts &facts) {
  const PageTypeRules &types = layout_.types;
  if (types.is(uint32_t(facts.page.mapCount), types.buddy))
    return true;
  if (facts.head.refCount != 0)
    return false;
  if (facts.frame >= buddyFirst_ && facts.frame <= buddyLast_)
    return true;
  for (unsigned order = 1; order < layout_.maxOrderCount; ++order) {
    const uint64_t first = alignDown(facts.frame, bit(order));
    std::optional<VirtAddr> at = map_.findPage(first);
    std::optional<PageSnapshot> head = at ? snapshot(*at) : std::nullopt;
    if (!head || !types.is(uint32_t(head->mapCount), types.buddy) ||
        head->privateData < order)
      continue;
    if (head->privateData >= layout_.maxOrderCount)
      return true;
    buddyFirst_ = first;
    buddyLast_ = first + bit(unsigned(head->privateData)) - 1;
    return true;
  }
  return false;
}

uint64_t PageFlags::copiedFlags(uint64_t flags) const {
  uint64_t copied = 0;
  for (unsigned number = 0; number < layout_.bits.size(); ++number)
    if (has(flags, layout_.bits[number]))
      copied |= bit(number);
  return copied;
}

/// The page model: linux v6.6 fs/proc/page.c.
uint64_t PageFlags::pageModelFlags(const PageFacts &facts) const {
  uint64_t flags = copiedFlags(facts.page.flags);
  if (!facts.isSlab && facts.isMapped)
    flags |= kpf(KpfMmap);
  if (facts.isSlab && facts.isTail)
    flags |= kpf(KpfSlab);
  if ((facts.head.mapping & 3) == 3)
    flags |= kpf(KpfKsm);
  if (has(facts.page.flags, layout_.headBit) && !facts.isTail)
    flags |= kpf(KpfCompoundHead);
  const bool isHugeZero = facts.head.address == hugeZeroHead_;
  if (facts.isCompound && facts.isHugetlb)
    flags |= kpf(KpfHuge);
  else if (facts.isCompound && hasThp_)
    flags |= has(facts.head.flags, layout_.bits[KpfLru]) || facts.isAnon()
                 ? kpf(KpfThp)
             : isHugeZero ? kpf(KpfZeroPage) | kpf(KpfThp)
                          : 0;
  else if (isZeroPage(facts.frame))
    flags |= kpf(KpfZeroPage);
  // "mm/page_idle: convert page_is_idle() to folio_test_idle()" (5.16).
  if (version_ >= KernelVersion{5, 16})
    flags = (flags & ~kpf(KpfIdle)) |
            (copiedFlags(facts.head.flags) & kpf(KpfIdle));
  return flags;
}

/// The folio model: linux v6.12 fs/proc/page.c.
uint64_t PageFlags::folioModelFlags(const PageFacts &facts) const {
  uint64_t flags = copiedFlags(facts.head.flags);
  if (facts.isMapped)
    flags |= kpf(KpfMmap);
  if (facts.isSlab)
    flags |= kpf(KpfSlab);
  // From 6.10 until "mm: add PageAnonNotKsm()" (6.13) the test for KSM was
  // true for every anonymous page.
  const bool saysAnonIsKsm =
      version_ >= KernelVersion{6, 10} && version_ < KernelVersion{6, 13};
  if (facts.isAnon() && (saysAnonIsKsm || (facts.head.mapping & 3) == 3))
    flags |= kpf(KpfKsm);
  if (!facts.isTail && has(facts.head.flags, layout_.headBit))
    flags |= kpf(KpfCompoundHead);
  if (facts.isHugetlb)
    flags |= kpf(KpfHuge);
  else if (facts.isCompound &&
           has(facts.secondFlags, layout_.largeRmappableBit))
    flags |= kpf(KpfThp);
  else if (facts.head.address == hugeZeroHead_)
    flags |= kpf(KpfZeroPage) | kpf(KpfThp);
  else if (isZeroPage(facts.frame))
    flags |= kpf(KpfZeroPage);
  const uint64_t poison = kpf(KpfHwPoison);
  if (!facts.isHugetlb)
    flags = (flags & ~poison) | (copiedFlags(facts.page.flags) & poison);
  return flags;
}

uint64_t PageFlags::flags(const PageFacts &facts) {
  if (facts.state == PageFacts::State::NoPage)
    return noPageFlags_;
  if (facts.state == PageFacts::State::Absent)
    return 0;
  uint64_t flags =
      isFolioModel() ? folioModelFlags(facts) : pageModelFlags(facts);
  if (facts.isTail)
    flags |= kpf(KpfCompoundTail);
  if (facts.isAnon())
    flags |= kpf(KpfAnon);
  if (has(facts.head.flags, layout_.swapCacheBit) &&
      (!layout_.swapCacheNeedsSwapBacked ||
       has(facts.head.flags, layout_.bits[KpfSwapBacked])))
    flags |= kpf(KpfSwapCache);
  if (isFreeInBuddy(facts))
    flags |= kpf(KpfBuddy);
  const PageTypeRules &types = layout_.types;
  const uint32_t kind =
      uint32_t(hasSnapshots_ ? facts.head.mapCount : facts.page.mapCount);
  if (types.is(kind, types.offline))
    flags |= kpf(KpfOffline);
  if (types.is(kind, types.table))
    flags |= kpf(KpfPgTable);
  return flags;
}

/// linux v6.1 mm/util.c __page_mapcount(), v6.12 fs/proc/internal.h
/// folio_precise_page_mapcount().
int32_t PageFlags::mapCount(const PageFacts &facts) const {
  if (facts.state != PageFacts::State::Known)
    return 0;
  int64_t count = int64_t(facts.page.mapCount) + 1;
  if (layout_.types.hasKind(uint32_t(facts.page.mapCount)))
    count = 0;
  if (!facts.isCompound)
    return int32_t(count);
  // Until 6.2 a page of a file counts mappings of the whole by itself.
  const bool isOld = version_ < KernelVersion{6, 2};
  if (isOld && !facts.isAnon() && !facts.isHugetlb)
    return int32_t(count);
  count += int64_t(facts.entireMapCount) + 1;
  if (isOld && has(facts.secondFlags, layout_.doubleMapBit))
    --count;
  return int32_t(count);
}

uint64_t PageFlags::count(const PageFacts &facts) const {
  if (facts.state != PageFacts::State::Known)
    return 0;
  if (!isFolioModel() &&
      (facts.isSlab || layout_.types.hasKind(uint32_t(facts.page.mapCount))))
    return 0;
  return uint64_t(int64_t(mapCount(facts)));
}

} // namespace vmpt
