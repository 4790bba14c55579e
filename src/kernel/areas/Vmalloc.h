//===- Vmalloc.h - what lies between VMALLOC_START and VMALLOC_END --------===//
//
// Each area in use has a struct vmap_area on vmap_area_list (up to 6.8), or on
// the busy list of one of vmap_nodes; those that were given back and not yet
// unmapped are on a list of their own. linux v6.12 mm/vmalloc.c
// vmalloc_info_show(), v6.1 s_show().
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// Bits of vm_struct.flags: linux include/linux/vmalloc.h.
enum VmallocFlag : uint64_t {
  VmIoremap = 0x1,
  VmAlloc = 0x2,
  VmMap = 0x4,
  VmUserMap = 0x8,
  VmDmaCoherent = 0x10,
  VmUninitialized = 0x20,
  VmSparse = 0x1000,
};

struct VmallocArea {
  enum Kind : uint8_t {
    Struct, ///< Has a struct vm_struct: vmalloc, vmap, ioremap, ...
    MapRam, ///< vm_map_ram()
    Lazy,   ///< Given back, not yet unmapped.
    None,   ///< Being taken down: not listed.
  };
  Kind kind = Struct;
  VirtAddr start;
  uint64_t sizeBytes = 0; ///< With the guard page.
  // Of those with a struct:
  uint64_t flags = 0;
  VirtAddr caller; ///< 0: not known.
  uint64_t pageCount = 0;
  uint64_t pageOrder = 0; ///< Of vmalloc's huge pages.
  PhysAddr physical;      ///< ioremap's; 0: none.
  VirtAddr pages;         ///< The array of pointers to its pages, or 0.
  /// {NUMA node, its pages}; analysis/VmallocNodes.h sets it.
  std::vector<std::pair<uint32_t, uint64_t>> nodePages;
  bool hasVmallocedPages = false; ///< That array is vmalloced itself.
};

struct VmallocList {
  std::vector<VmallocArea> areas; ///< In the order of /proc/vmallocinfo.
  unsigned physicalDigits = 16;   ///< Of phys_addr_t.
  /// Kernels with CONFIG_NUMA say on which node the pages are. Nothing for
  /// others; where there is one node, it is 0.
  std::optional<bool> hasOneNode;
  /// What the structs were learned from; empty where types know them.
  std::string learnedFrom;
  /// No symbol names the list of areas that were given back; said in
  /// `problems`.
  bool lacksLazyAreas = false;
  /// What was lost and why, a sentence each.
  std::vector<std::string> problems;

  /// No area that is in use is lost.
  bool isWhole() const { return problems.size() <= size_t(lacksLazyAreas); }
};

/// Fails if there is no list to begin with.
llvm::Expected<VmallocList> readVmallocList(const SymbolSources &symbols,
                                            const TypeSources &types,
                                            const StructReader &reader);
/// The same; where no types know the structs, by what they look like.
llvm::Expected<VmallocList> readVmallocList(const Kernel &kernel);

} // namespace vmpt
