//===- FrameCounts.h - how often each page frame was met ------------------===//
#pragma once

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLExtras.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace vmpt {

/// Numbers by frame; memory is taken where there is something to count, for
/// 512 frames at a time.
class FrameCounts {
public:
  /// Once more; up to a limit that no page comes to.
  void add(uint64_t frame, bool isWritable) {
    uint16_t &count = chunkOf(frame)[frame % chunkFrames];
    if ((count & countMask) != countMask)
      ++count;
    if (isWritable)
      count |= writableBit;
  }
  unsigned of(uint64_t frame) const { return at(frame) & countMask; }
  /// Was any of them writable?
  bool isWritable(uint64_t frame) const { return at(frame) & writableBit; }

  /// Calls \p visit with each frame of which isWritable() holds, ascending.
  template <typename Visitor> void forEachWritable(Visitor visit) const {
    std::vector<uint64_t> numbers;
    for (const auto &[number, chunk] : chunks_)
      numbers.push_back(number);
    llvm::sort(numbers);
    for (uint64_t number : numbers) {
      const Chunk &chunk = *chunks_.find(number)->second;
      for (uint64_t i = 0; i < chunkFrames; ++i)
        if (chunk[i] & writableBit)
          visit(number * chunkFrames + i);
    }
  }

  static constexpr unsigned most = 0x7fff;

private:
  static constexpr uint64_t chunkFrames = 512;
  static constexpr uint16_t writableBit = 0x8000, countMask = most;
  using Chunk = std::array<uint16_t, chunkFrames>;

  Chunk &chunkOf(uint64_t frame) {
    const uint64_t number = frame / chunkFrames;
    if (number != lastNumber_ || !last_) {
      std::unique_ptr<Chunk> &chunk = chunks_[number];
      if (!chunk)
        chunk = std::make_unique<Chunk>(Chunk{});
      last_ = chunk.get();
      lastNumber_ = number;
    }
    return *last_;
  }
  uint16_t at(uint64_t frame) const {
    auto found = chunks_.find(frame / chunkFrames);
    return found == chunks_.end() ? 0 : (*found->second)[frame % chunkFrames];
  }

  llvm::DenseMap<uint64_t, std::unique_ptr<Chunk>> chunks_;
  uint64_t lastNumber_ = 0;
  Chunk *last_ = nullptr;
};

} // namespace vmpt
