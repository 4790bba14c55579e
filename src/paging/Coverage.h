//===- Coverage.h - which virtual addresses a root translates -------------===//
//
// The bits of an address above those that index tables are no free choice. On
// x86-64 and RISC-V they repeat the highest index bit; arm64 has a root for
// each half (TTBR1 where bit 55 is set, TTBR0 where it is clear) and may let
// software keep a tag in the top byte; i386 has 32 bits. What is not covered
// is a fault, and never the page that the index bits alone would lead to.
//
#pragma once

#include "support/Address.h"
#include "support/Bits.h"

#include <algorithm>
#include <optional>

namespace vmpt {

/// Addresses that no table translates: those that agree with `bits` in `mask`
/// lead to the physical address in their other bits (loongarch64, DMW).
struct DirectWindow {
  uint64_t mask = 0, bits = 0;

  constexpr bool covers(VirtAddr at) const { return (at.value & mask) == bits; }
  constexpr PhysAddr physical(VirtAddr at) const {
    return PhysAddr(at.value & ~mask);
  }
  /// The mask is of the top bits.
  constexpr uint64_t bytes() const { return ~mask + 1; }
};

/// Covered is what agrees with `lower` or with `upper` in `mask`. A root of
/// one half has the same in both. By default everything is.
struct Coverage {
  uint64_t mask = 0, lower = 0, upper = 0;
  /// Bits that may be anything. Canonical addresses have them equal to the
  /// bit below.
  uint64_t tagMask = 0;

  /// Both halves of \p bits of address.
  static constexpr Coverage signExtended(unsigned bits) {
    return {~lowBits(bits - 1), 0, ~lowBits(bits - 1), 0};
  }
  static constexpr Coverage lowerHalf(unsigned bits, uint64_t tagMask = 0) {
    return {~lowBits(bits) & ~tagMask, 0, 0, tagMask};
  }
  static constexpr Coverage upperHalf(unsigned bits, uint64_t tagMask = 0) {
    const uint64_t mask = ~lowBits(bits) & ~tagMask;
    return {mask, mask, mask, tagMask};
  }

  constexpr bool operator==(const Coverage &) const = default;
  constexpr bool covers(VirtAddr at) const {
    return (at.value & mask) == lower || (at.value & mask) == upper;
  }
  /// The lowest and the highest canonical address.
  constexpr VirtAddr first() const { return VirtAddr(withTag(lower)); }
  constexpr VirtAddr last() const {
    return VirtAddr(withTag(upper) | insideMask());
  }
  /// The last address of the half that the canonical address \p at is in.
  constexpr VirtAddr lastFrom(VirtAddr at) const {
    return VirtAddr(at.value | insideMask());
  }
  /// The lowest canonical address that is not below \p at.
  constexpr std::optional<VirtAddr> firstFrom(VirtAddr at) const {
    for (uint64_t start : {withTag(lower), withTag(upper)})
      if (at.value <= (start | insideMask()))
        return VirtAddr(std::max(at.value, start));
    return std::nullopt;
  }

private:
  constexpr uint64_t insideMask() const { return ~(mask | tagMask); }
  constexpr uint64_t withTag(uint64_t half) const {
    return half ? half | tagMask : 0;
  }
};

} // namespace vmpt
