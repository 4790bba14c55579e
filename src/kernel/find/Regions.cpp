#include "kernel/find/Regions.h"

#include "kernel/image/AddressMarkers.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

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
                                                  "pci_io"};
  static_assert(std::size(names) == size_t(Region::PciIo) + 1);
  return names[size_t(region)];
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
