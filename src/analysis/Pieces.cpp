#include "analysis/Pieces.h"

#include "kernel/find/DirectMap.h"
#include "kernel/find/KernelArch.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

void PieceMap::add(Piece piece) {
  if (piece.last < piece.first)
    return;
  auto found = pieces_.lower_bound(piece.first.value);
  while (found != pieces_.end() && found->second.first <= piece.last) {
    Piece old = std::move(found->second);
    found = pieces_.erase(found);
    Piece left = old, right = old;
    if (old.first < piece.first) {
      left.last = piece.first - 1;
      pieces_.emplace(left.last.value, std::move(left));
    }
    if (old.last > piece.last) {
      right.first = piece.last + 1;
      found = pieces_.emplace(right.last.value, std::move(right)).first;
    }
  }
  const uint64_t last = piece.last.value;
  pieces_.emplace(last, std::move(piece));
}

std::vector<Piece> PieceMap::take() const {
  std::vector<Piece> pieces;
  for (const auto &[last, piece] : pieces_)
    pieces.push_back(piece);
  return pieces;
}

namespace {

/// Kernels put these where chance wants; the others have one place for all
/// boots.
bool isMovable(Region region) {
  switch (region) {
  case Region::DirectMap:
  case Region::Vmalloc:
  case Region::Vmemmap:
  case Region::Modules:
  case Region::KernelImage:
  case Region::Espfix:
    return true;
  default:
    return false;
  }
}

std::optional<VirtAddr> findImageStart(const Kernel &kernel) {
  for (const char *name : {"_text", "_stext"})
    if (std::optional<Symbol> symbol = kernel.symbols().find(name))
      return symbol->address;
  return std::nullopt;
}

std::optional<VirtAddr> findImageLast(const Kernel &kernel) {
  const std::optional<VirtAddr> start = findImageStart(kernel);
  if (std::optional<Symbol> end = kernel.symbols().find("_end"))
    if (start && end->address > *start)
      return end->address - 1;
  const auto &runs = kernel.image().imageRuns;
  if (!start || runs.empty() || runs.back().start < *start)
    return std::nullopt;
  return runs.back().start + (runs.back().size - 1);
}

/// The first address of a region that is mapped: stacks of espfix have a random
/// place (linux arch/x86/kernel/espfix_64.c).
VirtAddr firstMapped(const Snapshot &snapshot, const KernelRegion &region) {
  const std::vector<SnapshotRange> &ranges = snapshot.spaces.front().ranges;
  const auto found = llvm::partition_point(
      ranges, [&](const auto &range) { return range.first < region.first; });
  return found != ranges.end() && found->first <= region.last ? found->first
                                                              : region.first;
}

/// Of the linear map: the place that physical address 0 would have.
VirtAddr anchorOf(const Kernel &kernel, const Snapshot &snapshot,
                  const KernelRegion &region,
                  const std::optional<DirectMap> &map) {
  if (region.region == Region::Espfix)
    return firstMapped(snapshot, region);
  if (region.region == Region::DirectMap && map)
    return VirtAddr(map->offset);
  if (region.region == Region::KernelImage)
    if (std::optional<VirtAddr> start = findImageStart(kernel))
      return *start;
  if (region.region != Region::Vmemmap || !map)
    return region.first;
  // Its first struct page is that of the linear map's first page.
  constexpr uint64_t usualBytes = 64; // linux include/linux/mm_types.h
  llvm::Expected<uint64_t> pageBytes = kernel.types().getSizeBytes("page");
  const uint64_t frame =
      (map->start - map->offset) >> kernel.image().mode.pageShift;
  const uint64_t bytes = pageBytes ? *pageBytes : usualBytes;
  llvm::consumeError(pageBytes.takeError());
  return region.first - frame * bytes;
}

} // namespace

bool findImagePlace(const Kernel &kernel, Snapshot &snapshot) {
  const std::optional<VirtAddr> start = findImageStart(kernel),
                                last = findImageLast(kernel);
  if (!start || !last)
    return false;
  llvm::Expected<PhysAddr> physical = kernel.memory().translate(*start);
  if (!physical) {
    llvm::consumeError(physical.takeError());
    return false;
  }
  // Its last large page goes on behind _end.
  const PagingMode &mode = kernel.image().mode;
  const VirtAddr end(last->value |
                     lowBits(mode.levels[mode.lastLevel() - 1].shift));
  llvm::Expected<PhysAddr> behind = kernel.memory().translate(end);
  const bool goesOn = behind && *behind - *physical == end - *start;
  llvm::consumeError(behind.takeError());
  snapshot.imageFirst = *physical;
  snapshot.imageLast = *physical + ((goesOn ? end : *last) - *start);
  return snapshot.hasImage = snapshot.imageLast >= snapshot.imageFirst;
}

std::vector<Piece> findKernelPieces(const Kernel &kernel,
                                    const ModuleList &modules,
                                    const Snapshot &snapshot) {
  PieceMap map;
  const std::optional<DirectMap> directMap =
      findDirectMap(kernel.image(), kernel.memory().physical());
  for (const KernelRegion &region : kernel.regions()) {
    if (!isMovable(region.region))
      continue;
    const bool isFixed = region.region == Region::DirectMap ||
                         region.region == Region::KernelImage;
    map.add({getRegionName(region.region).str(), region.first, region.last,
             anchorOf(kernel, snapshot, region, directMap), isFixed});
  }
  const std::optional<VirtAddr> start = findImageStart(kernel),
                                last = findImageLast(kernel);
  if (start && last)
    map.add({getRegionName(Region::KernelImage).str(), *start, *last, *start,
             true});
  // The image is in the direct map, too, and moves in it.
  if (directMap && snapshot.hasImage) {
    const std::optional<uint64_t> first = directMap->virtualAddress(
                                      snapshot.imageFirst),
                                  end = directMap->virtualAddress(
                                      snapshot.imageLast);
    if (first && end && *end >= *first)
      map.add({imageAliasKey.str(), VirtAddr(*first), VirtAddr(*end),
               VirtAddr(*first), true});
  }
  const uint64_t pageMask = lowBits(kernel.image().mode.pageShift);
  for (const Module &module : modules.modules)
    for (const ModuleRange &range : module.ranges)
      if (range.sizeBytes)
        map.add(
            {"module " + module.name + " " +
                 getModulePartName(range.part).str(),
             range.start,
             VirtAddr((range.start + (range.sizeBytes - 1)).value | pageMask),
             range.start, false});
  return map.take();
}

std::vector<Piece> findListingPieces(const Snapshot &snapshot) {
  std::map<std::string, Region> regions;
  for (const KernelArch *arch : getKernelArchs())
    for (const RegionMarker &marker : arch->regionMarkers)
      regions.emplace(marker.name.str(), marker.region);
  const std::vector<SnapshotRange> &ranges = snapshot.spaces.front().ranges;
  std::vector<Piece> pieces;
  for (size_t i = 0; i < snapshot.sections.size(); ++i) {
    const SnapshotSection &section = snapshot.sections[i];
    const auto region = regions.find(section.name);
    const auto mapped = llvm::find_if(ranges, [&](const SnapshotRange &range) {
      return range.section == i + 1 && range.words;
    });
    if (region == regions.end() || !isMovable(region->second) ||
        mapped == ranges.end())
      continue;
    VirtAddr last(~uint64_t(0));
    for (const SnapshotSection &other : snapshot.sections)
      if (other.first > section.first && other.first <= last)
        last = other.first - 1;
    pieces.push_back({getRegionName(region->second).str(), section.first, last,
                      mapped->first, false});
  }
  PieceMap map;
  for (Piece &piece : pieces)
    map.add(std::move(piece));
  return map.take();
}

std::vector<Piece> findAreaPieces(const MapsListing &maps) {
  std::map<std::string, unsigned> counts;
  std::string named = "start";
  PieceMap map;
  for (const MapsRow &row : maps.rows) {
    const std::string name = row.name.empty() ? "after " + named : row.name;
    if (!row.name.empty())
      named = row.name;
    if (row.end <= row.start)
      continue;
    // A stack grows down from its end.
    const VirtAddr anchor = row.name == "[stack]" ? row.end : row.start;
    map.add({name + " #" + std::to_string(counts[name]++), row.start,
             row.end - 1, anchor, false});
  }
  return map.take();
}

} // namespace vmpt
