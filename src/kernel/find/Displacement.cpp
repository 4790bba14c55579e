#include "kernel/find/Displacement.h"

#include "kernel/find/KernelArch.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"

#include <map>

namespace vmpt {

namespace {

constexpr uint64_t pageBytes = 4096, pieceBytes = 64 * 1024;
constexpr uint64_t mostBytes = uint64_t(64) << 20;

/// A page with an empty list, and where the kernel's tables have that.
struct TellingPage {
  PhysAddr at;
  VirtAddr list; ///< The first address of the page, as the list says.
  /// How far behind its place, modulo 2^64; nothing if it is mapped nowhere.
  std::optional<uint64_t> distance;
  bool isUntold = false; ///< A table that would map it is not there.
};

/// Where the first empty list of \p page says that it is.
std::optional<VirtAddr> findEmptyList(llvm::ArrayRef<uint8_t> page,
                                      const KernelRegion &map,
                                      const KernelImage &kernel) {
  const unsigned wordBytes = kernel.wordBytes();
  const ByteOrder order = kernel.order();
  // Where the kernel's addresses begin at 0, zeros are no list.
  const VirtAddr lowest = firstKernelPointer(kernel);
  auto wordAt = [&](uint64_t offset) {
    return wordBytes == 8
               ? loadUnaligned<uint64_t>(page.data() + offset, order)
               : loadUnaligned<uint32_t>(page.data() + offset, order);
  };
  for (uint64_t offset = 0; offset + 2 * wordBytes <= page.size();
       offset += wordBytes) {
    const uint64_t word = wordAt(offset);
    if ((word & (pageBytes - 1)) == offset && VirtAddr(word) >= lowest &&
        map.contains(VirtAddr(word)) && wordAt(offset + wordBytes) == word)
      return VirtAddr(word);
  }
  return std::nullopt;
}

class PageAsker {
public:
  PageAsker(const PhysicalMemory &memory, const KernelRegion &map,
            const KernelImage &kernel)
      : memory_(memory), map_(map), kernel_(kernel), page_(pageBytes) {}

  /// Of the first \p mostBytes, if pieces were at equal distances.
  std::vector<TellingPage> askAll();

private:
  void ask(PhysAddr at);

  const PhysicalMemory &memory_;
  const KernelRegion &map_;
  const KernelImage &kernel_;
  std::vector<uint8_t> page_;
  std::vector<TellingPage> found_;
};

void PageAsker::ask(PhysAddr at) {
  if (memory_.tryRead(at, page_))
    return;
  const std::optional<VirtAddr> list = findEmptyList(page_, map_, kernel_);
  if (!list)
    return;
  const Translation path =
      translate(memory_, kernel_.mode, kernel_.root, *list);
  TellingPage page{at, VirtAddr(alignDown(list->value, pageBytes))};
  if (path.isMapped())
    page.distance = path.address.value - (at.value | (list->value % pageBytes));
  page.isUntold = path.outcome == Translation::Outcome::TableAbsent;
  found_.push_back(page);
}

std::vector<TellingPage> PageAsker::askAll() {
  const uint64_t step = alignUp(
      std::max(pieceBytes, memory_.presentBytes() / (mostBytes / pieceBytes)),
      pageBytes);
  for (const MemoryRange &range : memory_.ranges()) {
    if (range.absence)
      continue;
    const uint64_t start = alignUp(range.start.value, pageBytes);
    for (uint64_t piece = start; piece - range.start.value < range.size;
         piece += step) {
      for (uint64_t at = piece; at - piece < pieceBytes; at += pageBytes)
        ask(PhysAddr(at));
      memory_.forget(PhysAddr(piece), pieceBytes);
    }
  }
  return std::move(found_);
}

/// Where the pages that are displaced begin or end.
struct Border {
  PhysAddr at;
  bool isBehind = true;         ///< They lie from there on; else up to there.
  size_t right = 0, misfit = 0; ///< Displaced pages there, and other pages.
};

/// Pages behind a border, or before it, are displaced by \p distance, others
/// are not: the border with the fewest that say another thing.
Border findBorder(llvm::ArrayRef<TellingPage> pages, uint64_t distance) {
  const size_t total =
      size_t(llvm::count_if(pages, [&](const TellingPage &page) {
        return page.distance == distance;
      }));
  const size_t totalInPlace = size_t(llvm::count_if(
      pages, [](const TellingPage &page) { return page.distance == 0u; }));
  Border best{{}, true, 0, pages.size() + 1};
  size_t displaced = 0, inPlace = 0; // before the page
  auto consider = [&](PhysAddr at) {
    const Border behind{at, true, total - displaced,
                        displaced + (totalInPlace - inPlace)};
    const Border before{at, false, displaced, (total - displaced) + inPlace};
    for (const Border &border : {behind, before})
      if (border.misfit < best.misfit)
        best = border;
  };
  for (const TellingPage &page : pages) {
    consider(page.at);
    displaced += page.distance == distance;
    inPlace += page.distance == 0u;
  }
  if (!pages.empty())
    consider(pages.back().at + pageBytes);
  return best;
}

using Votes = std::map<uint64_t, size_t>;

Votes countVotes(llvm::ArrayRef<TellingPage> pages) {
  Votes votes;
  for (const TellingPage &page : pages)
    if (page.distance)
      ++votes[*page.distance];
  return votes;
}

/// Fewer may be pages of a guest, or copies.
constexpr size_t leastPages = 8;

std::optional<std::string> describeBorder(llvm::ArrayRef<TellingPage> pages) {
  for (const auto &[distance, count] : countVotes(pages)) {
    if (!distance || count < leastPages)
      continue;
    const Border border = findBorder(pages, distance);
    if (border.right < leastPages || border.misfit * 8 > border.right)
      continue;
    const bool isFurther = int64_t(distance) > 0;
    return "the image is not of one piece: what it has " +
           std::string(border.isBehind ? "from about " : "up to about ") +
           hex(border.at) + (border.isBehind ? " on" : "") + " belongs " +
           hex(isFurther ? distance : -distance) + " bytes " +
           (isFurther ? "behind" : "in front of") +
           " that, as empty lists in " + std::to_string(border.right) +
           " of its pages say; --map puts each piece where it belongs";
  }
  return std::nullopt;
}

/// Of all that tell, from where most of them are: whatever the tables say.
std::vector<TellingPage> measureFromMost(std::vector<TellingPage> pages) {
  for (TellingPage &page : pages)
    page.distance = page.list - VirtAddr(page.at.value);
  const Votes votes = countVotes(pages);
  const auto most =
      std::max_element(votes.begin(), votes.end(),
                       [](auto &a, auto &b) { return a.second < b.second; });
  for (TellingPage &page : pages)
    *page.distance -= most->first;
  return pages;
}

} // namespace

std::optional<std::string> findDisplacement(const Dump &dump,
                                            const KernelImage &kernel) {
  const KernelRegion *map =
      dump.isRaw ? kernel.findRegion(Region::DirectMap) : nullptr;
  if (!map)
    return std::nullopt;
  const std::vector<TellingPage> all =
      PageAsker(dump.memory->forScanning(), *map, kernel).askAll();
  std::vector<TellingPage> pages;
  llvm::copy_if(all, std::back_inserter(pages),
                [](const TellingPage &page) { return !page.isUntold; });
  auto border = describeBorder(pages);
  if (!border)
    border = describeBorder(measureFromMost(all));
  if (border)
    return border;
  const size_t inPlace = size_t(llvm::count_if(
      pages, [](const TellingPage &page) { return page.distance == 0u; }));
  if (pages.size() - inPlace >= leastPages && pages.size() > 2 * inPlace)
    return "the image is not of one piece: of " + std::to_string(pages.size()) +
           " of its pages, which say by empty lists where they are mapped, the "
           "kernel's tables map only " +
           std::to_string(inPlace) +
           " there; --map puts each piece where it belongs";
  return std::nullopt;
}

} // namespace vmpt
