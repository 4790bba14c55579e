//===- LearnedVmalloc.h - vm_struct by what vmalloc's areas look like -----===//
//
// The areas of Linux 5.4 to 6.8 hang on vmap_area_list, which VMCOREINFO names
// together with the first member and the link. Each repeats its range in its
// vm_struct, whose other members differ by configuration in few ways: the way
// that fits all areas is the kernel's.
//
#pragma once

#include "kernel/context/Kernel.h"
#include "kernel/context/LearnedPlaces.h"

namespace vmpt {

/// The LookupError says what did not fit.
llvm::Expected<LearnedPlaces> learnVmalloc(const Kernel &kernel);

} // namespace vmpt
