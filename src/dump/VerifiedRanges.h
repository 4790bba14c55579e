//===- VerifiedRanges.h - memory ranges after every page was decoded ------===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "support/Diagnostics.h"

namespace vmpt {

/// The memory's ranges, in which pages that turn out not to be readable are
/// absent, too: a compressed page can look sound until it is decoded. What can
/// be viewed in the file is believed.
std::vector<MemoryRange> verifyRanges(const PhysicalMemory &memory,
                                      Diagnostics &diagnostics);

} // namespace vmpt
