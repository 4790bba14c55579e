//===- RankDirectory.h - how many bits are set before bit n, in O(1) ------===//
#pragma once

#include "support/Bits.h"
#include "support/Bytes.h"

#include <bit>
#include <vector>

namespace vmpt {

/// Over a bitmap whose bit n is bit n & 7 of byte n >> 3: one count per 512
/// bits, the rest is counted on demand. The bitmap must outlive this object;
/// bits beyond it are clear. Counts are 32 bits: who makes one
/// of a bitmap with 2^32 set bits or more must not use `rank`.
class RankDirectory {
public:
  RankDirectory() = default;
  explicit RankDirectory(llvm::ArrayRef<uint8_t> bitmap) : bitmap_(bitmap) {
    counts_.reserve(bitmap.size() / blockBytes + 1);
    for (uint64_t start = 0; start < bitmap.size(); start += blockBytes) {
      counts_.push_back(uint32_t(total_));
      for (uint64_t i = 0; i < blockBytes; i += 8)
        total_ += uint64_t(std::popcount(word(start + i)));
    }
  }

  bool test(uint64_t n) const {
    return n / 8 < bitmap_.size() && (bitmap_[n / 8] >> (n % 8) & 1);
  }
  /// Set bits in [0, n).
  uint64_t rank(uint64_t n) const {
    uint64_t block = n / (blockBytes * 8);
    if (block >= counts_.size())
      return total_;
    uint64_t result = counts_[block];
    uint64_t at = block * blockBytes;
    for (; at + 8 <= n / 8; at += 8)
      result += uint64_t(std::popcount(word(at)));
    return result + uint64_t(std::popcount(word(at) & lowBits(n - at * 8)));
  }
  /// Set bits in all.
  uint64_t total() const { return total_; }

private:
  static constexpr uint64_t blockBytes = 64;

  uint64_t word(uint64_t byte) const {
    if (fits(byte, 8, bitmap_.size()))
      return loadUnaligned<uint64_t>(bitmap_.data() + byte, ByteOrder::little);
    uint64_t result = 0;
    for (uint64_t i = byte; i < bitmap_.size(); ++i)
      result |= uint64_t(bitmap_[i]) << (8 * (i - byte));
    return result;
  }

  llvm::ArrayRef<uint8_t> bitmap_;
  std::vector<uint32_t> counts_;
  uint64_t total_ = 0;
};

} // namespace vmpt
