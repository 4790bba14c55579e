//===- VerifiedRanges.h - memory after every page was decoded -------------===//
//
// A compressed page can look sound until it is decoded.
//
#pragma once

#include "memory/PhysicalMemory.h"
#include "support/Diagnostics.h"

#include <array>

namespace vmpt {

/// The memory's ranges, in which pages that turn out not to be readable are
/// absent, too. What can be viewed in the file is believed.
std::vector<MemoryRange> verifyRanges(const PhysicalMemory &memory,
                                      Diagnostics &diagnostics);

/// What reading all of it gave.
struct VerifiedBytes {
  uint64_t present = 0;
  uint64_t zero = 0;                   ///< Of the present: pages of zeros.
  std::array<uint64_t, 4> absent = {}; ///< Indexed by Absence.
};

/// Reads every page; \p pageBytes is a power of two.
VerifiedBytes verifyBytes(const PhysicalMemory &memory, uint64_t pageBytes,
                          Diagnostics &diagnostics);

} // namespace vmpt
