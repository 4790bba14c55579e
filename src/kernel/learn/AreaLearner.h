//===- AreaLearner.h - mm_struct and vm_area_struct, learned --------------===//
//
// Every process has areas, and they betray their layout: start, end and the
// tree or list that they hang in agree; each points to its mm; none allows what
// its flags do not, as the page tables have it. A place is taken only where
// it fits all areas that were looked at, and no other one does.
//
// linux v5.10, v6.1, v6.12 include/linux/mm_types.h.
//
#pragma once

#include "kernel/context/LearnedPlaces.h"
#include "kernel/learn/TaskSamples.h"

namespace vmpt {

/// What the areas show, and the areas for who learns more from them.
struct LearnedAreas {
  LearnedPlaces places{""};
  Samples areas;
  std::vector<size_t> spaceOf; ///< Of each area: which mm.
  uint64_t flags = 0, operations = 0, file = 0, privateData = 0; ///< Offsets.
};

llvm::Expected<LearnedAreas> learnAreas(const Kernel &kernel,
                                        llvm::ArrayRef<TaskSample> tasks);

} // namespace vmpt
