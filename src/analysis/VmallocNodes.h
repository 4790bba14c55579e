//===- VmallocNodes.h - on which NUMA nodes vmalloc's pages are -----------===//
#pragma once

#include "kernel/areas/Vmalloc.h"
#include "kernel/context/Kernel.h"

namespace vmpt {

/// Counts the pages of each area by their node: linux mm/vmalloc.c
/// show_numa_info(). What cannot be counted is named in the problems of
/// \p list, and its area has no counts.
void countVmallocNodes(const Kernel &kernel, VmallocList &list);

} // namespace vmpt
