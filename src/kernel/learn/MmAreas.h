//===- MmAreas.h - how an mm_struct holds its areas, learned --------------===//
//
// Since 6.1 in a maple tree, whose ranges are those that the areas say of
// themselves; before on a list, each with its way back. Either is proof enough:
// nothing else in an mm_struct leads to ranges that ascend and agree.
//
#pragma once

#include "kernel/context/LearnedPlaces.h"
#include "kernel/learn/Samples.h"

namespace vmpt {

struct MmArea {
  VirtAddr at;
  uint64_t start = 0, end = 0; ///< vm_start, vm_end
};

/// Of each of \p spaces (mm_structs) its areas, ascending; none of one whose
/// tree or list is torn. Adds to \p places what leads to them, and map_count.
llvm::Expected<std::vector<std::vector<MmArea>>>
learnMmAreas(const StructReader &reader, const Samples &spaces,
             uint64_t pageBytes, LearnedPlaces &places);

} // namespace vmpt
