//===- MemorySummary.h - how much of a machine's memory a dump has --------===//
#pragma once

#include "memory/PhysicalMemory.h"

#include <array>

namespace vmpt {

/// A stretch of RAM without a gap, and how much of it is there.
struct MemoryBlock {
  PhysAddr start;
  uint64_t size = 0;
  uint64_t presentBytes = 0;
  /// Indexed by Absence; OutsideRam stays 0.
  std::array<uint64_t, 4> absentBytes = {};

  bool operator==(const MemoryBlock &) const = default;
};

std::vector<MemoryBlock> summarize(const PhysicalMemory &memory);

} // namespace vmpt
