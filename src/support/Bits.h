//===- Bits.h - masks, alignment, sign extension --------------------------===//
#pragma once

#include <cstdint>

namespace vmpt {

constexpr uint64_t bit(unsigned n) { return uint64_t(1) << n; }

/// Mask of the \p count lowest bits; count may be 64.
constexpr uint64_t lowBits(unsigned count) {
  return count >= 64 ? ~uint64_t(0) : bit(count) - 1;
}

/// Mask of bits high..low, both inclusive, as manuals write them.
constexpr uint64_t bits(unsigned high, unsigned low) {
  return lowBits(high + 1) & ~lowBits(low);
}

constexpr uint64_t alignDown(uint64_t value, uint64_t powerOfTwo) {
  return value & ~(powerOfTwo - 1);
}

/// The caller makes sure that value + powerOfTwo does not wrap.
constexpr uint64_t alignUp(uint64_t value, uint64_t powerOfTwo) {
  return alignDown(value + powerOfTwo - 1, powerOfTwo);
}

constexpr bool isPowerOfTwo(uint64_t value) {
  return value && !(value & (value - 1));
}

/// \p value with bit width-1 copied into all higher bits.
constexpr uint64_t signExtend(uint64_t value, unsigned width) {
  return width >= 64 ? value
                     : uint64_t(int64_t(value << (64 - width)) >> (64 - width));
}

/// True if [offset, offset + size) lies inside [0, total); never wraps.
constexpr bool fits(uint64_t offset, uint64_t size, uint64_t total) {
  return offset <= total && size <= total - offset;
}

} // namespace vmpt
