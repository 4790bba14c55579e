//===- AddressMarkers.h - the kernel's own names for its address space ----===//
//
// A kernel with PTDUMP (DEBUG_WX suffices) carries `address_markers[]`: where
// each region starts, filled in at run time, KASLR included. It is found by
// its first string and the pointer that leads to it, so no symbol, version or
// configuration is needed. linux v6.12 arch/x86/mm/dump_pagetables.c.
//
#pragma once

#include "paging/AddressSpace.h"

#include <string>
#include <vector>

namespace vmpt {

struct AddressMarker {
  uint64_t start = 0;
  std::string name;
  /// Lines after which the section is cut short; 0 means no limit.
  uint64_t maxLines = 0;
};

/// How an architecture's array looks: entries of {start, name pointer} or
/// {start, name pointer, max_lines}, each a machine word.
struct MarkerArrayShape {
  llvm::StringLiteral firstName;
  unsigned wordBytes = 8;
  unsigned wordsPerEntry = 2;
  /// The first entry's start is known to be 0 (x86); else any value will do.
  bool firstStartIsZero = false;
  /// An array with a smaller start in it is another one, or a template.
  uint64_t lowestStart = 0;
};

struct MarkerArray {
  VirtAddr address;
  std::vector<AddressMarker> markers;
};

/// Looks through what \p image maps (the kernel's rodata and data). Reads what
/// it found once more through \p memory, so that a recording sees it. Where
/// there is none, and one that begins as it should and does not go on so, \p
/// broken says that.
std::optional<MarkerArray> findMarkerArray(const AddressSpace &memory,
                                           llvm::ArrayRef<MappedRun> image,
                                           const MarkerArrayShape &shape,
                                           std::string &broken);

} // namespace vmpt
