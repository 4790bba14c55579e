//===- Regions.h - what the kernel uses which addresses for ---------------===//
#pragma once

#include "support/Address.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace vmpt {

struct AddressMarker;

/// The same on every architecture, whatever its dumper calls them.
enum class Region : uint8_t {
  User,
  DirectMap, ///< All of RAM: x86 PAGE_OFFSET, arm64 and riscv linear map.
  Vmalloc,
  Vmemmap, ///< struct pages.
  Modules,
  KernelImage, ///< Text, rodata, data and bss. May lie in another region.
  Fixmap,
  CpuEntryArea,
  Espfix,
  KasanShadow,
  EfiRuntime,
  LdtRemap,
  PersistentKmap, ///< i386: windows onto high memory.
  PciIo,
  Lowcore, ///< s390x: each CPU's own pages, and the area that has all of them.
  Amode31, ///< s390x: code and data that have to lie below 2 GiB.
};

/// A stable word: "direct_map", "kernel_image".
llvm::StringRef getRegionName(Region region);

struct KernelRegion {
  Region region;
  VirtAddr first, last; ///< Both inclusive.
  std::string source;   ///< What says so.

  bool contains(VirtAddr at) const { return first <= at && at <= last; }
};

/// What a section of address_markers[] is, by the name that the kernel gives
/// it; it ends where the next one starts.
struct RegionMarker {
  llvm::StringLiteral name;
  Region region;
  /// Where less than up to the next section is used.
  uint64_t maxBytes = ~uint64_t(0);
  /// The section that follows it, where others may begin inside: the region
  /// ends before the last of that name.
  llvm::StringLiteral end = "";
};

/// The regions that \p markers start, ascending; \p top is the last address.
std::vector<KernelRegion> makeRegions(llvm::ArrayRef<AddressMarker> markers,
                                      llvm::ArrayRef<RegionMarker> names,
                                      VirtAddr top, llvm::StringRef source);

} // namespace vmpt
