//===- Address.h - physical, virtual and file addresses as distinct types -===//
//
// Mixing the three is a compile error. Arithmetic is modulo 2^64, as the
// hardware's and the kernel's is; whoever needs a bound checks it.
//
#pragma once

#include <compare>
#include <cstdint>

namespace vmpt {

template <class Tag> struct Address {
  uint64_t value = 0;

  constexpr Address() = default;
  explicit constexpr Address(uint64_t v) : value(v) {}

  constexpr auto operator<=>(const Address &) const = default;
  constexpr Address operator+(uint64_t bytes) const {
    return Address(value + bytes);
  }
  constexpr Address operator-(uint64_t bytes) const {
    return Address(value - bytes);
  }
  /// Distance in bytes.
  constexpr uint64_t operator-(Address other) const {
    return value - other.value;
  }
  constexpr Address &operator+=(uint64_t bytes) {
    value += bytes;
    return *this;
  }
};

using PhysAddr = Address<struct PhysTag>;
using VirtAddr = Address<struct VirtTag>;
/// Byte position in a dump file.
using FileOffset = Address<struct FileTag>;

} // namespace vmpt
