//===- Packed.h - bytes that travel inside a text -------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vmpt {

/// Numbers as few bytes: 7 bits a byte, the lowest first, the top bit set in
/// all but the last.
class PackedBytes {
public:
  void add(uint64_t number) {
    for (; number >= 0x80; number >>= 7)
      bytes_.push_back(uint8_t(number | 0x80));
    bytes_.push_back(uint8_t(number));
  }
  /// 0, -1, 1, -2, ... as 0, 1, 2, 3, ...
  void addSigned(int64_t number) {
    add(uint64_t(number) << 1 ^ uint64_t(number >> 63));
  }
  void append(llvm::ArrayRef<uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  llvm::ArrayRef<uint8_t> bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  void clear() { bytes_.clear(); }

private:
  std::vector<uint8_t> bytes_;
};

/// zlib's format (RFC 1950), in base64 (RFC 4648).
std::string pack(llvm::ArrayRef<uint8_t> bytes);

} // namespace vmpt
