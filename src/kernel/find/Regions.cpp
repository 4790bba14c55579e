#include "kernel/find/Regions.h"

#include "kernel/image/AddressMarkers.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <optional>

namespace vmpt {

llvm::StringRef getRegionName(Region region) {
  static constexpr llvm::StringLiteral names[] = {"user",
                                                  "direct_map",
                                                  "vmalloc",
                                                  "vmemmap",
                                                  "modules",
                                                  "kernel_image",
                                                  "fixmap",
                                                  "cpu_entry_area",
                                                  "espfix",
                                                  "kasan_shadow",
                                                  "efi_runtime",
                                                  "ldt_remap",
                                                  "persistent_kmap",
                                                  "pci_io",
                                                  "lowcore",
                                                  "amode31"};
  static_assert(std::size(names) == size_t(Region::Amode31) + 1);
  return names[size_t(region)];
}

/// The last byte of the section that \p marker starts, by the section that
/// follows it; nothing if it is empty.
static std::optional<uint64_t>
findNamedEnd(llvm::ArrayRef<AddressMarker> markers, const AddressMarker &marker,
             llvm::StringRef end) {
  std::optional<uint64_t> last;
  for (const AddressMarker &other : markers)
    if (other.name == end && other.start > marker.start)
      last = std::max(last.value_or(0), other.start - 1);
  return last;
}

std::vector<KernelRegion> makeRegions(llvm::ArrayRef<AddressMarker> markers,
                                      llvm::ArrayRef<RegionMarker> names,
                                      VirtAddr top, llvm::StringRef source) {
  std::vector<KernelRegion> regions;
  for (const AddressMarker &marker : markers) {
    const auto name = llvm::find_if(names, [&](const RegionMarker &row) {
      return row.name == marker.name;
    });
    if (name == names.end() || marker.start > top.value)
      continue;
    // The array need not be in the order of addresses.
    uint64_t last = top.value;
    bool isEmpty = false;
    for (const AddressMarker &other : markers) {
      if (other.start > marker.start)
        last = std::min(last, other.start - 1);
      // "vmemmap start" and "vmemmap end" side by side.
      isEmpty |= &other > &marker && other.start == marker.start;
    }
    if (!name->end.empty()) {
      const auto end = findNamedEnd(markers, marker, name->end);
      isEmpty = !end || llvm::any_of(regions, [&](const KernelRegion &known) {
        return known.region == name->region && known.last.value == *end;
      });
      last = std::min(end.value_or(0), top.value);
    }
    if (isEmpty)
      continue;
    if (last - marker.start >= name->maxBytes)
      last = marker.start + (name->maxBytes - 1);
    regions.push_back(
        {name->region, VirtAddr(marker.start), VirtAddr(last), source.str()});
  }
  llvm::stable_sort(regions,
                    [](auto &a, auto &b) { return a.first < b.first; });
  return regions;
}

} // namespace vmpt
