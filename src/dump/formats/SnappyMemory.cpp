#include "dump/formats/SnappyMemory.h"

#include "dump/storage/Decompress.h"
#include "dump/storage/MappedBytes.h"

#include <algorithm>

namespace vmpt {

void SnappyMemory::addChunk(PhysAddr start, uint32_t used, uint32_t size,
                            llvm::ArrayRef<uint8_t> block) {
  if (used)
    chunks_.push_back(
        {start, used, 0, size, uint32_t(block.size()), block.data()});
}

void SnappyMemory::finish() {
  std::stable_sort(
      chunks_.begin(), chunks_.end(),
      [](const Chunk &a, const Chunk &b) { return a.start < b.start; });
  size_t kept = 0;
  for (Chunk chunk : chunks_) {
    if (kept && chunks_[kept - 1].last() >= chunk.start) {
      uint64_t overlap = chunks_[kept - 1].last() - chunk.start + 1;
      if (overlap >= chunk.used)
        continue;
      chunk.start += overlap;
      chunk.skip += uint32_t(overlap);
      chunk.used -= uint32_t(overlap);
    }
    chunks_[kept++] = chunk;
  }
  chunks_.resize(kept);
  // The chunks' place among the ranges; their bytes are never read as these
  // zeros, because a chunk is found first.
  for (const Chunk &chunk : chunks_)
    plain_.addZeros(chunk.start, chunk.used);
  plain_.finish();
}

std::vector<SnappyMemory::Chunk>::const_iterator
SnappyMemory::firstAbove(PhysAddr at) const {
  return std::upper_bound(
      chunks_.begin(), chunks_.end(), at,
      [](PhysAddr address, const Chunk &c) { return address < c.start; });
}

bool SnappyMemory::copyFrom(const Chunk &chunk, uint64_t offset,
                            llvm::MutableArrayRef<uint8_t> out) const {
  const uint64_t key = uint64_t(&chunk - chunks_.data());
  if (cache_.tryCopy(key, chunk.skip + offset, out))
    return true;
  std::vector<uint8_t> bytes(maxChunkSize);
  if (!decompressPage(PageCompression::Snappy, {chunk.block, chunk.blockSize},
                      {bytes.data(), chunk.size}) ||
      wasLost(chunk.block, chunk.blockSize))
    return false;
  cache_.insert(key, bytes);
  std::memcpy(out.data(), bytes.data() + chunk.skip + offset, out.size());
  return true;
}

std::optional<AbsentByte>
SnappyMemory::tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const {
  while (!out.empty()) {
    uint64_t count = out.size();
    auto next = firstAbove(at);
    if (next != chunks_.begin() && std::prev(next)->last() >= at) {
      const Chunk &chunk = *std::prev(next);
      count = std::min<uint64_t>(count, chunk.last() - at + 1);
      if (!copyFrom(chunk, at - chunk.start, out.take_front(count)))
        return AbsentByte{at, wasLost(chunk.block, chunk.blockSize)
                                  ? Absence::Truncated
                                  : Absence::Corrupt};
    } else {
      if (next != chunks_.end())
        count = std::min<uint64_t>(count, next->start - at);
      if (auto absent = plain_.tryRead(at, out.take_front(count)))
        return absent;
    }
    out = out.drop_front(count);
    at += count;
  }
  return std::nullopt;
}

const uint8_t *SnappyMemory::tryView(PhysAddr at, uint64_t size) const {
  // A view of plain bytes that a chunk lies over would show the other ones.
  auto next = firstAbove(at);
  if ((next != chunks_.begin() && std::prev(next)->last() >= at) ||
      (next != chunks_.end() && next->start - at < size))
    return nullptr;
  return plain_.tryView(at, size);
}

void SnappyMemory::forget(PhysAddr at, uint64_t size) const {
  plain_.forget(at, size);
  auto chunk = firstAbove(at);
  if (chunk != chunks_.begin())
    --chunk;
  for (; chunk != chunks_.end() &&
         (chunk->start < at || chunk->start - at < size);
       ++chunk)
    forgetMapped(chunk->block, chunk->blockSize);
}

} // namespace vmpt
