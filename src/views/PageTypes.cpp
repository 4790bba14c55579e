#include "views/PageTypes.h"

#include "support/Bits.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

/// linux tools/mm/page-types.c page_flag_names[], with the versions that have
/// a name: since `since` and before `until`.
struct NameOfVersions {
  uint8_t bit;
  char letter;
  llvm::StringLiteral word;
  KernelVersion since = {0, 0}, until = {~0u, 0};
};

const NameOfVersions allNames[] = {
    {0, 'L', "locked"},
    {1, 'E', "error"},
    {2, 'R', "referenced"},
    {3, 'U', "uptodate"},
    {4, 'D', "dirty"},
    {5, 'l', "lru"},
    {6, 'A', "active"},
    {7, 'S', "slab"},
    {8, 'W', "writeback"},
    {9, 'I', "reclaim"},
    {10, 'B', "buddy"},
    {11, 'M', "mmap"},
    {12, 'a', "anonymous"},
    {13, 's', "swapcache"},
    {14, 'b', "swapbacked"},
    {15, 'H', "compound_head"},
    {16, 'T', "compound_tail"},
    {17, 'G', "huge"},
    {18, 'u', "unevictable"},
    {19, 'X', "hwpoison"},
    {20, 'n', "nopage"},
    {21, 'x', "ksm"},
    {22, 't', "thp"},
    {23, 'o', "balloon", {0, 0}, {5, 1}},
    {23, 'o', "offline", {5, 1}},
    {24, 'z', "zero_page"},
    {25, 'i', "idle_page"},
    {26, 'g', "pgtable", {4, 18}},
    {32, 'r', "reserved"},
    {33, 'm', "mlocked"},
    {34, 'd', "mappedtodisk", {0, 0}, {6, 12}},
    {34, 'd', "owner_2", {6, 12}},
    {35, 'P', "private"},
    {36, 'p', "private_2"},
    {37, 'O', "owner_private"},
    {38, 'h', "arch"},
    {39, 'c', "uncached", {0, 0}, {6, 12}},
    {40, 'f', "softdirty"},
    {41, 'H', "arch_2", {5, 10}},
    {47, 'd', "anon_exclusive", {5, 18}},
    {48, 'I', "readahead"},
    {49, 'P', "slob_free", {0, 0}, {6, 4}},
    {50, 'A', "slub_frozen"},
    {51, 'E', "slub_debug"},
    {61, 'F', "file"},
    {62, 'w', "swap"},
    {63, '1', "mmap_exclusive"},
};

constexpr uint64_t huge = bit(17), compound = bit(15) | bit(16);
constexpr uint64_t error = bit(1), active = bit(6), slab = bit(7),
                   writeback = bit(8), reclaim = bit(9), anonymous = bit(12),
                   mappedToDisk = bit(34), privateFlag = bit(35),
                   softDirty = bit(40), anonExclusive = bit(47),
                   readahead = bit(48), slobFree = bit(49),
                   slubFrozen = bit(50), slubDebug = bit(51), file = bit(61),
                   swap = bit(62), exclusive = bit(63);
constexpr uint64_t hashMask = lowBits(13);

} // namespace

PageFlagNames::PageFlagNames(KernelVersion version) {
  for (const NameOfVersions &name : allNames) {
    if (version < name.since || version >= name.until)
      continue;
    names_.push_back({name.bit, name.letter, name.word});
    named_ |= bit(name.bit);
  }
}

std::string PageFlagNames::letters(uint64_t flags) const {
  std::string text;
  for (const Name &name : names_)
    text += flags >> name.bit & 1 ? name.letter : '_';
  return text;
}

std::vector<llvm::StringRef> PageFlagNames::list(uint64_t flags) const {
  std::vector<llvm::StringRef> words;
  for (const Name &name : names_)
    if (flags >> name.bit & 1)
      words.push_back(name.word);
  return words;
}

std::string PageFlagNames::words(uint64_t flags) const {
  std::string text;
  for (llvm::StringRef word : list(flags)) {
    text += text.empty() ? "" : ",";
    text += word;
  }
  return text;
}

/// well_known_flags()
uint64_t hidePageFlags(uint64_t flags) {
  flags &= ~bits(47, 32);
  return flags & huge ? flags : flags & ~compound;
}

/// expand_overloaded_flags()
uint64_t expandPageFlags(uint64_t flags, uint64_t pagemapEntry,
                         KernelVersion version) {
  if (version >= KernelVersion{5, 18} && (flags & anonymous) &&
      (flags & mappedToDisk))
    flags ^= mappedToDisk | anonExclusive;
  if (flags & slab) {
    if (version < KernelVersion{6, 4} && (flags & privateFlag))
      flags ^= privateFlag | slobFree;
    if (flags & active)
      flags ^= active | slubFrozen;
    if (flags & error)
      flags ^= error | slubDebug;
  }
  if ((flags & (reclaim | writeback)) == reclaim)
    flags ^= reclaim | readahead;
  if (pagemapEntry & bit(55))
    flags |= softDirty;
  if (pagemapEntry & bit(61))
    flags |= file;
  if (pagemapEntry & bit(62))
    flags |= swap;
  if (pagemapEntry & bit(56))
    flags |= exclusive;
  return flags;
}

PageTypesView::PageTypesView(RecordWriter &writer, KernelVersion version,
                             unsigned pageShift,
                             const PageTypesOptions &options)
    : writer_(writer), options_(options), version_(version),
      pageShift_(pageShift), names_(version), slotFlags_(hashMask + 1),
      slotPages_(hashMask + 1) {}

uint64_t PageTypesView::shownFlags(const PageTypesRow &row) const {
  return options_.isRaw ? expandPageFlags(row.flags, row.pagemapEntry, version_)
                        : hidePageFlags(row.flags);
}

void PageTypesView::begin() {
  if (options_.list == PageTypesOptions::List::None)
    return;
  const bool isRanges = options_.list == PageTypesOptions::List::Ranges;
  if (llvm::raw_ostream *os = writer_.text())
    *os << (options_.isOfProcess ? "voffset\t" : "")
        << (options_.hasCounts ? "map-cnt\t" : "")
        << (isRanges ? "offset\tlen\tflags\n" : "offset\tflags\n");
  else
    writer_.beginList(isRanges ? ListShape{"ranges", "range"}
                               : ListShape{"pages", "page"});
}

/// hash_slot(); the table's size if it is full.
size_t PageTypesView::findSlot(uint64_t flags) {
  if (!flags)
    return 0;
  size_t slot = flags & hashMask;
  for (size_t i = 1; i < slotFlags_.size(); ++i, ++slot) {
    if (!slot || slot >= slotFlags_.size())
      slot = 1;
    if (!slotFlags_[slot])
      slotFlags_[slot] = flags;
    if (slotFlags_[slot] == flags)
      return slot;
  }
  return slotFlags_.size();
}

/// The members that say what flags are set.
Record PageTypesView::makeFlags(uint64_t flags) const {
  Record record;
  record.add("flags", Value::Hex{flags});
  record.add("names", makeArray(names_.list(flags)));
  return record;
}

/// show_page_range(), show_page()
void PageTypesView::writeRange() {
  if (!rangePages_)
    return;
  const bool isRanges = options_.list == PageTypesOptions::List::Ranges;
  if (llvm::raw_ostream *os = writer_.text()) {
    if (options_.isOfProcess)
      *os << llvm::format("%llx\t", (unsigned long long)range_.virtualPage);
    if (options_.hasCounts)
      *os << range_.mapCount << '\t';
    *os << llvm::format("%llx\t", (unsigned long long)range_.frame);
    if (isRanges)
      *os << llvm::format("%llx\t", (unsigned long long)rangePages_);
    *os << names_.letters(range_.flags) << '\n';
    return;
  }
  Record record = makeFlags(range_.flags);
  if (options_.isOfProcess)
    record.add("virtual", VirtAddr(range_.virtualPage << pageShift_));
  if (range_.isSwap)
    record.add("swap_offset", range_.frame);
  else
    record.add("physical", PhysAddr(range_.frame << pageShift_));
  if (isRanges)
    record.add("page_count", rangePages_);
  if (options_.hasCounts)
    record.add("map_count", range_.mapCount);
  writer_.record(record);
}

void PageTypesView::add(const PageTypesRow &row, uint64_t pages) {
  PageTypesRow shown = row;
  shown.flags = shownFlags(row);
  unnamed_ |= names_.unnamed(shown.flags);
  if (!options_.hasCounts)
    shown.mapCount = 0;
  if (options_.list == PageTypesOptions::List::Ranges) {
    if (rangePages_ && shown.flags == range_.flags &&
        shown.mapCount == range_.mapCount &&
        shown.frame == range_.frame + rangePages_ &&
        shown.virtualPage == range_.virtualPage + rangePages_) {
      rangePages_ += pages;
    } else {
      writeRange();
      range_ = shown;
      rangePages_ = pages;
    }
  } else if (options_.list == PageTypesOptions::List::Each) {
    range_ = shown;
    rangePages_ = 1;
    for (uint64_t i = 0; i < pages; ++i) {
      writeRange();
      ++range_.virtualPage;
      ++range_.frame;
    }
    rangePages_ = 0;
  }
  const size_t slot = findSlot(shown.flags);
  if (slot == slotFlags_.size())
    isFull_ = true;
  else
    slotPages_[slot] += pages;
  pageCount_ += pages;
}

std::vector<PageTypesView::Total> PageTypesView::totals() const {
  std::vector<Total> rows;
  for (size_t slot = 0; slot < slotPages_.size(); ++slot)
    if (slotPages_[slot])
      rows.push_back({slotFlags_[slot], slotPages_[slot]});
  return rows;
}

void PageTypesView::end() {
  writeRange();
  rangePages_ = 0;
  if (options_.list != PageTypesOptions::List::None && !writer_.text())
    writer_.endList();
  if (options_.hasSummary)
    writeTotals();
}

void PageTypesView::writeTotals() {
  llvm::raw_ostream *os = writer_.text();
  if (!os) {
    writer_.beginList({"totals", "total"});
    for (const Total &row : totals())
      writer_.record(makeFlags(row.flags).add("page_count", row.pageCount));
    return writer_.endList();
  }
  if (options_.list != PageTypesOptions::List::None)
    *os << "\n\n";
  *os << "             flags\tpage-count       MB  "
         "symbolic-flags\t\t\tlong-symbolic-flags\n";
  for (const Total &row : totals())
    *os << llvm::format("0x%016llx\t%10llu %8llu  ",
                        (unsigned long long)row.flags,
                        (unsigned long long)row.pageCount,
                        (unsigned long long)megabytes(row.pageCount))
        << names_.letters(row.flags) << '\t' << names_.words(row.flags) << '\n';
  *os << llvm::format("             total\t%10llu %8llu\n",
                      (unsigned long long)pageCount_,
                      (unsigned long long)megabytes(pageCount_));
}

} // namespace vmpt
