//===- RankDirectory.h - how many bits are set before bit n, in O(1) ------===//
#pragma once

#include "support/Bits.h"
#include "support/Bytes.h"

#include <bit>
#include <optional>
#include <vector>

namespace vmpt {

/// Over a bitmap whose bit n is bit n & 7 of byte n >> 3. There is one count
/// per 512 bits where bits are set, and one per 32,768 elsewhere, because
/// bitmaps grow with the highest address and not with what is there. The bitmap
/// must outlive this object; bits beyond it are clear. Counts are 32 bits: who
/// makes one of a bitmap with 2^32 set bits or more must not use `rank`.
class RankDirectory {
public:
  /// [first, last) of the bitmap's bytes.
  struct Part {
    uint64_t first = 0, last = 0;
  };

  RankDirectory() = default;
  explicit RankDirectory(llvm::ArrayRef<uint8_t> bitmap)
      : RankDirectory(bitmap, Part{0, bitmap.size()}) {}
  /// Bytes outside of \p parts, which ascend, are zero and not looked at.
  RankDirectory(llvm::ArrayRef<uint8_t> bitmap, llvm::ArrayRef<Part> parts)
      : bitmap_(bitmap), chunks_(bitmap.size() / chunkBytes + 1) {
    uint64_t next = 0;
    auto fillTo = [&](uint64_t chunk) {
      for (; next < chunk; ++next)
        chunks_[next].before = uint32_t(total_);
    };
    for (const Part &part : parts) {
      const uint64_t last = std::min<uint64_t>(part.last, bitmap.size());
      fillTo(std::min(part.first / chunkBytes, chunks_.size()));
      for (; next * chunkBytes < last; ++next)
        addChunk(next);
    }
    fillTo(chunks_.size());
  }

  bool test(uint64_t n) const {
    return n / 8 < bitmap_.size() && (bitmap_[n / 8] >> (n % 8) & 1);
  }
  /// Set bits in [0, n).
  uint64_t rank(uint64_t n) const {
    const uint64_t chunk = n / chunkBits;
    if (chunk >= chunks_.size())
      return total_;
    const Chunk &here = chunks_[chunk];
    if (here.counts == none)
      return here.before;
    const uint64_t block = n % chunkBits / (blockBytes * 8);
    uint64_t result = here.before + counts_[here.counts + block];
    uint64_t at = chunk * chunkBytes + block * blockBytes;
    for (; at + 8 <= n / 8; at += 8)
      result += uint64_t(std::popcount(word(at)));
    return result + uint64_t(std::popcount(word(at) & lowBits(n - at * 8)));
  }
  /// Set bits in all.
  uint64_t total() const { return total_; }

  /// The first set bit from \p n on.
  std::optional<uint64_t> nextSet(uint64_t n) const {
    while (n / chunkBits < chunks_.size()) {
      const uint64_t end = (n / chunkBits + 1) * chunkBits;
      if (chunks_[n / chunkBits].counts != none)
        for (; n < end; n = (n / 64 + 1) * 64)
          if (uint64_t bits = word(n / 64 * 8) & ~lowBits(n % 64))
            return n / 64 * 64 + uint64_t(std::countr_zero(bits));
      n = end;
    }
    return std::nullopt;
  }
  /// The last set bit before \p n.
  std::optional<uint64_t> previousSet(uint64_t n) const {
    n = std::min<uint64_t>(n, chunks_.size() * chunkBits);
    while (n) {
      const uint64_t start = (n - 1) / chunkBits * chunkBits;
      if (chunks_[start / chunkBits].counts != none)
        for (uint64_t at = n; at > start; at = (at - 1) / 64 * 64) {
          const uint64_t first = (at - 1) / 64 * 64;
          if (uint64_t bits = word(first / 8) & lowBits(at - first))
            return first + 63 - uint64_t(std::countl_zero(bits));
        }
      n = start;
    }
    return std::nullopt;
  }

private:
  static constexpr uint64_t blockBytes = 64, chunkBytes = 4096,
                            chunkBits = chunkBytes * 8;
  static constexpr uint32_t none = ~uint32_t(0);
  struct Chunk {
    uint32_t before = 0;    ///< Set bits before it.
    uint32_t counts = none; ///< Its first in counts_, if it has set bits.
  };

  void addChunk(uint64_t index) {
    Chunk &chunk = chunks_[index];
    chunk.before = uint32_t(total_);
    const uint64_t first = index * chunkBytes;
    const size_t known = counts_.size();
    uint64_t count = 0;
    for (uint64_t at = 0; at < chunkBytes; at += blockBytes) {
      counts_.push_back(uint16_t(count));
      for (uint64_t i = 0; i < blockBytes; i += 8)
        count += uint64_t(std::popcount(word(first + at + i)));
    }
    if (count)
      chunk.counts = uint32_t(known);
    else
      counts_.resize(known);
    total_ += count;
  }

  uint64_t word(uint64_t byte) const {
    if (fits(byte, 8, bitmap_.size()))
      return loadUnaligned<uint64_t>(bitmap_.data() + byte, ByteOrder::little);
    uint64_t result = 0;
    for (uint64_t i = byte; i < bitmap_.size(); ++i)
      result |= uint64_t(bitmap_[i]) << (8 * (i - byte));
    return result;
  }

  llvm::ArrayRef<uint8_t> bitmap_;
  std::vector<Chunk> chunks_;
  std::vector<uint16_t> counts_; ///< Set bits of a chunk before each block.
  uint64_t total_ = 0;
};

} // namespace vmpt
