#include "kernel/pages/Pagemap.h"

#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

/// linux include/linux/mm.h, unchanged since 2.6.
constexpr uint64_t vmPfnMap = 0x400, vmHugetlb = 0x400000,
                   vmSoftDirty = 0x8000000;

constexpr uint64_t pm(PagemapBit number) { return bit(number); }

} // namespace

/// "fs/proc/task_mmu: indicate PM_FILE for PMD-mapped file THP" (6.11) went
/// into the older series in August 2024. A release that does not say its patch
/// level (Debian's "6.1.0-56") is taken for a newer one.
static bool hasHugeFileFix(KernelVersion version) {
  static constexpr KernelVersion fixed[] = {
      {4, 19, 320}, {5, 4, 282}, {5, 10, 224}, {5, 15, 165},
      {6, 1, 103},  {6, 6, 44},  {6, 10, 3}};
  for (const KernelVersion &first : fixed)
    if (version.major == first.major && version.minor == first.minor)
      return version.patch == 0 || version.patch >= first.patch;
  return version >= KernelVersion{6, 11};
}

PagemapRules getPagemapRules(const PagingMode &mode, KernelVersion version) {
  PagemapRules rules;
  static_cast<SoftwareBits &>(rules) =
      findKernelArch(mode.arch)->softwareBits(mode, version);
  // "mm: introduce PM_UFFD_WP" (5.14); PM_GUARD_REGION (6.15).
  rules.hasUffdWp = version >= KernelVersion{5, 14};
  rules.hasGuard = version >= KernelVersion{6, 15};
  rules.hugeIsFile = hasHugeFileFix(version);
  rules.isPerPage = version >= KernelVersion{6, 11};
  return rules;
}

/// One area, and what is left of the budget.
struct PagemapReader::Walk {
  Visitor visit;
  std::vector<std::string> &problems;
  uint64_t areaBits = 0; ///< PM_SOFT_DIRTY of a whole area.
  bool isHugetlb = false, isGuess = false;
  /// Entries and pages still to be looked at: tables can lead in circles.
  uint64_t budget = 0;
  unsigned pageShift = 12;
  std::array<std::vector<uint8_t>, maxLevels> tables;

  void emit(VirtAddr start, VirtAddr end, uint64_t entry) {
    visit({start, (end - start) >> pageShift, entry, {}, false});
  }
  bool spend(uint64_t count) {
    if (budget >= count) {
      budget -= count;
      return true;
    }
    if (budget)
      problems.push_back("the page tables have more entries than memory can "
                         "hold: they lead in circles; the rest is left out");
    budget = 0;
    return false;
  }
};

PagemapReader::PagemapReader(const Kernel &kernel, PageFlags &flags)
    : kernel_(&kernel), flags_(&flags), mode_(kernel.image().mode),
      nonPresent_(findNonPresentRules(kernel)),
      rules_(getPagemapRules(mode_, kernel.image().version())) {
  // linux include/linux/swapops.h swp_offset_pfn() (6.1).
  if (kernel.image().version() >= KernelVersion{6, 1}) {
    const uint64_t physicalBits =
        kernel.image().vmcoreinfo.number("MAX_PHYSMEM_BITS").value_or(52);
    if (physicalBits > mode_.pageShift && physicalBits <= 64)
      rules_.swapFrameMask = lowBits(unsigned(physicalBits) - mode_.pageShift);
  }
}

void PagemapReader::read(llvm::ArrayRef<PagemapArea> areas, PhysAddr root,
                         Visitor visit, std::vector<std::string> &problems) {
  mode_ = getTaskMode(kernel_->image(), kernel_->memory().physical(), root);
  const VirtAddr last = lastUserAddress(kernel_->image(), mode_);
  Walk walk{visit, problems, 0, false, false, 0, mode_.pageShift, {}};
  walk.budget = std::max<uint64_t>(kernel_->memory().physical().presentBytes() /
                                       mode_.entryBytes * 16,
                                   1 << 20);
  const uint64_t pageMask = ~lowBits(mode_.pageShift);
  for (const PagemapArea &area : areas) {
    const VirtAddr start(area.start.value & pageMask);
    const VirtAddr areaEnd =
        area.isGuess ? std::min(area.end, last + 1) : area.end;
    const VirtAddr end(areaEnd.value & pageMask);
    if (start >= end)
      continue;
    walk.areaBits = area.flags & vmSoftDirty ? pm(PmSoftDirty) : 0;
    walk.isHugetlb = area.flags & vmHugetlb;
    walk.isGuess = area.isGuess;
    // mm/pagewalk.c walk_page_test(): frames without struct pages are passed
    // over.
    if (area.flags & vmPfnMap)
      walk.emit(start, end, walk.areaBits);
    else
      readTable(walk, 0, root, start, end);
  }
}

/// The part of [start, end) that the table's entries map.
void PagemapReader::readTable(Walk &walk, unsigned level, PhysAddr table,
                              VirtAddr start, VirtAddr end) {
  const uint64_t span = mode_.entrySpan(level);
  const unsigned first = mode_.indexOf(start, level);
  const uint64_t covered = alignDown(start.value, span);
  const uint64_t count = (end.value - 1 - covered) / span + 1;
  if (first + count > mode_.entryCount(level)) {
    walk.problems.push_back("a memory area reaches beyond the page tables: " +
                            hex(end));
    return;
  }
  if (!walk.spend(count))
    return;
  std::vector<uint8_t> &raw = walk.tables[level];
  raw.resize(count * mode_.entryBytes);
  const PhysAddr at = table + uint64_t(first) * mode_.entryBytes;
  if (auto absent = kernel_->memory().physical().tryRead(at, raw)) {
    problem_ = llvm::toString(llvm::make_error<MemoryError>(*absent));
    walk.visit({start, (end - start) >> mode_.pageShift, walk.areaBits,
                problem_, true});
    return;
  }
  VirtAddr from = start;
  for (uint64_t i = 0; i < count && walk.budget; ++i) {
    const uint64_t nextStart = covered + (i + 1) * span;
    const VirtAddr to = i + 1 == count ? end : VirtAddr(nextStart);
    const uint8_t *bytes = raw.data() + i * mode_.entryBytes;
    const uint64_t entry = mode_.load(bytes);
    if (mode_.isEmpty(entry & ~rules_.ignored, level))
      walk.emit(from, to, walk.areaBits);
    else if (const DecodedEntry found = mode_.decode(entry, level);
             found.isTable())
      readTable(walk, level + 1, found.address, from, to);
    else
      readLeaf(walk, level, entry, table, from, to);
    from = to;
  }
}

/// linux pte_present(), pmd_present(): PROT_NONE pages count. The page of the
/// address \p at.
std::optional<uint64_t>
PagemapReader::presentFrame(unsigned level, uint64_t entry, VirtAddr at) const {
  const DecodedEntry found = mode_.decode(entry, level);
  if (found.isPage())
    return found.byteAt(at).value >> mode_.pageShift;
  NonPresentEntry other = decodeNonPresent(nonPresent_, mode_, entry, level);
  if (other.kind != EntryKind::ProtNone || !other.address)
    return std::nullopt;
  return (other.address->value + (at.value & (mode_.entrySpan(level) - 1))) >>
         mode_.pageShift;
}

uint64_t PagemapReader::pageBits(uint64_t frame, bool mayBeExclusive,
                                 llvm::StringRef &problem) {
  const PageFacts facts = flags_->look(frame);
  if (facts.state == PageFacts::State::Absent) {
    problem_ = facts.problem;
    problem = problem_;
    return 0;
  }
  if (facts.state == PageFacts::State::NoPage)
    return 0;
  uint64_t found = facts.isAnon() ? 0 : pm(PmFile);
  if (mayBeExclusive && flags_->mapCount(facts) == 1)
    found |= pm(PmExclusive);
  return found;
}

/// pte_to_pagemap_entry() and the swap half of pagemap_pmd_range().
uint64_t PagemapReader::readNotPresent(Walk &walk, unsigned level,
                                       uint64_t entry,
                                       llvm::StringRef &problem) {
  const NonPresentEntry other =
      decodeNonPresent(nonPresent_, mode_, entry, level);
  uint64_t found = walk.areaBits | pm(PmSwap);
  if (entry & rules_.swapSoftDirty)
    found |= pm(PmSoftDirty);
  if (rules_.hasUffdWp && (entry & rules_.swapUffdWp))
    found |= pm(PmUffdWp);
  if (rules_.hasUffdWp && other.kind == EntryKind::UffdMarker)
    found |= pm(PmUffdWp);
  if (rules_.hasGuard && other.kind == EntryKind::GuardMarker)
    found |= pm(PmGuard);
  uint64_t offset = other.swapOffset;
  const bool isFrame = other.kind == EntryKind::Migrating ||
                       other.kind == EntryKind::Device ||
                       other.kind == EntryKind::HwPoison;
  if (isFrame) {
    offset &= rules_.swapFrameMask;
    const bool mayBeExclusive =
        !rules_.isPerPage && other.kind != EntryKind::Migrating;
    found |= pageBits(offset, mayBeExclusive, problem);
  }
  return found | ((other.swapType | offset << 5) & pagemapFrameMask);
}

void PagemapReader::readLeaf(Walk &walk, unsigned level, uint64_t entry,
                             PhysAddr table, VirtAddr start, VirtAddr end) {
  if (walk.isHugetlb || (walk.isGuess && isHugetlb(level, entry)))
    return readHugetlb(walk, level, entry, table, start, end);
  if (level != mode_.lastLevel())
    return readHuge(walk, level, entry, start, end);
  PagemapRun run;
  run.start = start;
  if (std::optional<uint64_t> page = presentFrame(level, entry, start)) {
    const uint64_t frame = *page;
    if ((entry & rules_.special) && flags_->lacksZeroPage())
      flags_->learnZeroPage(frame, false);
    // Without areas: only a VM_PFNMAP one has such entries, but for zeros.
    if (walk.isGuess && (entry & rules_.special) && !flags_->isZeroPage(frame))
      return walk.emit(start, end, 0);
    run.entry = walk.areaBits | pm(PmPresent) | (frame & pagemapFrameMask);
    if (entry & rules_.softDirty)
      run.entry |= pm(PmSoftDirty);
    if (rules_.hasUffdWp && (entry & rules_.uffdWp))
      run.entry |= pm(PmUffdWp);
    // mm/memory.c vm_normal_page(): where entries have no such bit, the page
    // itself tells.
    const bool isSpecial = rules_.special ? (entry & rules_.special) != 0
                                          : flags_->isZeroPage(frame);
    if (!isSpecial)
      run.entry |= pageBits(frame, true, run.problem);
  } else {
    run.entry = readNotPresent(walk, level, entry, run.problem);
  }
  walk.visit(run);
}

/// A transparent huge page: pagemap_pmd_range().
void PagemapReader::readHuge(Walk &walk, unsigned level, uint64_t entry,
                             VirtAddr start, VirtAddr end) {
  const uint64_t skipped =
      (start.value & (mode_.entrySpan(level) - 1)) >> mode_.pageShift;
  const uint64_t count = (end - start) >> mode_.pageShift;
  if (!walk.spend(count))
    return;
  llvm::StringRef problem;
  uint64_t found = walk.areaBits, step = 1;
  std::optional<uint64_t> page = presentFrame(level, entry, start);
  // pmd_present() is false, and there is no swap half.
  if (page && rules_.hugeProtNoneIsAbsent &&
      !mode_.decode(entry, level).isPage())
    return walk.emit(start, end, walk.areaBits);
  const uint64_t firstFrame = page.value_or(skipped) - skipped;
  if (page && flags_->lacksHugeZeroPage())
    flags_->learnZeroPage(firstFrame, true);
  if (page) {
    found |= pm(PmPresent) | ((firstFrame + skipped) & pagemapFrameMask);
    if (entry & rules_.largeSoftDirty.value_or(rules_.softDirty))
      found |= pm(PmSoftDirty);
    if (rules_.hasUffdWp && (entry & rules_.uffdWp))
      found |= pm(PmUffdWp);
    found |= pageBits(firstFrame, !rules_.isPerPage, problem) &
             (rules_.hugeIsFile ? ~uint64_t(0) : ~pm(PmFile));
  } else {
    found = readNotPresent(walk, level, entry, problem) + (skipped << 5);
    if (!rules_.hugeIsFile)
      found &= ~pm(PmFile);
    step = 1 << 5;
  }
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t value = found + i * step;
    if (page && rules_.isPerPage)
      value |=
          pageBits(firstFrame + skipped + i, true, problem) & pm(PmExclusive);
    walk.visit({start + (i << mode_.pageShift), 1, value, problem, false});
  }
}

/// By the page, where no area tells.
bool PagemapReader::isHugetlb(unsigned level, uint64_t entry) {
  std::optional<uint64_t> frame = presentFrame(level, entry, VirtAddr(0));
  return frame && flags_->look(*frame).isHugetlb;
}

/// linux mm/hugetlb.c hugetlb_pmd_shared(): the table counts its users.
bool PagemapReader::isSharedTable(PhysAddr table) {
  const PageFacts facts = flags_->look(table.value >> mode_.pageShift);
  return facts.state == PageFacts::State::Known && facts.page.refCount > 1;
}

/// pagemap_hugetlb_range()
void PagemapReader::readHugetlb(Walk &walk, unsigned level, uint64_t entry,
                                PhysAddr table, VirtAddr start, VirtAddr end) {
  const uint64_t count = (end - start) >> mode_.pageShift;
  if (!walk.spend(count))
    return;
  std::optional<uint64_t> frame = presentFrame(level, entry, start);
  if (!frame) {
    const bool isUffdWp = rules_.hasUffdWp && (entry & rules_.swapUffdWp);
    return walk.emit(start, end, walk.areaBits | (isUffdWp ? pm(PmUffdWp) : 0));
  }
  llvm::StringRef problem;
  uint64_t found = walk.areaBits | pm(PmPresent) |
                   pageBits(*frame, true, problem) |
                   (*frame & pagemapFrameMask);
  if (rules_.hasUffdWp && (entry & rules_.uffdWp))
    found |= pm(PmUffdWp);
  if (rules_.isPerPage && (found & pm(PmExclusive)) && isSharedTable(table))
    found &= ~pm(PmExclusive);
  for (uint64_t i = 0; i < count; ++i)
    walk.visit({start + (i << mode_.pageShift), 1, found + i, problem, false});
}

} // namespace vmpt
