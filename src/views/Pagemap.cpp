#include "views/Pagemap.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

struct BitName {
  PagemapBit bit;
  llvm::StringLiteral word, key;
};

constexpr BitName bitNames[] = {
    {PmPresent, "present", "present"},
    {PmSwap, "swapped", "swapped"},
    {PmFile, "file", "file"},
    {PmExclusive, "exclusive", "exclusive"},
    {PmSoftDirty, "soft-dirty", "soft_dirty"},
    {PmUffdWp, "uffd-wp", "uffd_wp"},
    {PmGuard, "guard", "guard"},
};

bool has(uint64_t entry, PagemapBit number) { return entry >> number & 1; }

} // namespace

std::string describePagemapEntry(uint64_t entry) {
  std::string text;
  for (const BitName &name : bitNames)
    if (has(entry, name.bit))
      text += (text.empty() ? "" : " ") + name.word.str();
  if (has(entry, PmPresent))
    text += " frame " + hex(entry & pagemapFrameMask);
  else if (has(entry, PmSwap))
    text += " type " + std::to_string(pagemapSwapType(entry)) + " offset " +
            hex(pagemapSwapOffset(entry));
  return text;
}

void PagemapView::begin() { writer_.beginList({"pages", "page"}); }
void PagemapView::end() { writer_.endList(); }

void PagemapView::write(VirtAddr at, uint64_t entry, llvm::StringRef problem,
                        std::optional<uint64_t> mapCount) {
  if (llvm::raw_ostream *os = writer_.text()) {
    *os << llvm::format("%016llx %016llx ", (unsigned long long)at.value,
                        (unsigned long long)entry)
        << describePagemapEntry(entry);
    if (mapCount)
      *os << " count " << *mapCount;
    if (!problem.empty())
      *os << " (unknown whether file and exclusive: " << problem << ")";
    *os << '\n';
    return;
  }
  Record record;
  record.add("virtual", at).add("entry", Value::Hex{entry});
  for (const BitName &name : bitNames)
    record.add(name.key, has(entry, name.bit));
  if (has(entry, PmPresent))
    record.add("physical", PhysAddr((entry & pagemapFrameMask) << pageShift_));
  else if (has(entry, PmSwap))
    record.add("swap_type", pagemapSwapType(entry))
        .add("swap_offset", pagemapSwapOffset(entry));
  if (mapCount)
    record.add("map_count", *mapCount);
  if (!problem.empty())
    record.add("reason", problem);
  writer_.record(record);
}

void PagemapView::add(const PagemapRun &run, std::optional<uint64_t> mapCount) {
  if (!run.entry)
    return;
  for (uint64_t i = 0; i < run.pageCount; ++i)
    write(run.start + (i << pageShift_), run.entry, run.problem, mapCount);
}

} // namespace vmpt
