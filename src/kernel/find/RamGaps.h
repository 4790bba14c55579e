//===- RamGaps.h - what a dump lacks in the midst of memory ---------------===//
#pragma once

#include "memory/PhysicalMemory.h"

namespace vmpt {

/// Is \p at, which the dump says is outside of RAM, in so small a gap that
/// memory may be missing there? Programs that write dumps pass over pages that
/// they cannot read, and the file then has a gap as machines have them. What is
/// no table seldom points to one.
bool isInSmallGap(const PhysicalMemory &memory, PhysAddr at);

} // namespace vmpt
