//===- FuzzPages.h - what an input of FuzzPages is ------------------------===//
//
// One byte that chooses the release, then kernel memory as it lies from
// `start` on, in this order: symbols' words, the node with its zones, struct
// pages, and whatever these point to.
//
#pragma once

#include "support/Address.h"

namespace vmpt::pages_input {

inline constexpr VirtAddr start{0xffff888000000000};
inline constexpr uint64_t frameCount = 64, pageBytes = 64, zoneBytes = 64;
/// Offsets from `start`.
inline constexpr uint64_t memMap = 0, maxFrame = 8, zeroFrame = 16,
                          hugeZero = 24, node = 64, zones = node + 64,
                          pages = zones + 4 * zoneBytes,
                          others = pages + frameCount * pageBytes;
/// A user's top table.
inline constexpr uint64_t tables = 2 * 4096;
/// Where `start` is in physical memory.
inline constexpr PhysAddr physical{0x200000};

inline constexpr const char *releases[] = {"5.10.0", "6.1.0", "6.12.0",
                                           "7.0.0"};

} // namespace vmpt::pages_input
