//===- TaskSigns.h - what numbers in tasks look like ----------------------===//
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>

namespace vmpt {

/// The bits of a state that have letters, and TASK_NOLOAD; others (killable,
/// freezable, ...) differ by version. linux include/linux/sched.h.
inline constexpr uint64_t stateBits = 0x47f, sleeping = 1, idle = 0x402;

inline bool isState(uint64_t value) {
  switch (value & stateBits) {
  case 0: // running
  case sleeping:
  case 2:    // disk sleep
  case 4:    // stopped
  case 8:    // traced
  case 0x10: // dead; 0x80 in newer kernels
  case 0x40: // parked
  case idle:
    return value < 0x10000;
  default:
    return false;
  }
}

/// Between two that stand side by side; \p most, if none is less.
inline uint64_t leastGap(const std::set<uint64_t> &starts, uint64_t most) {
  uint64_t least = most, last = 0;
  for (uint64_t at : starts) {
    least = last ? std::min(least, at - last) : least;
    last = at;
  }
  return least;
}

} // namespace vmpt
