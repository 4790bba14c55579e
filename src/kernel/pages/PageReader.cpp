#include "kernel/pages/PageReader.h"

namespace vmpt {

namespace {

/// No page is smaller.
constexpr uint64_t chunkBytes = 4096;

} // namespace

PageReader::PageReader(const AddressSpace &memory)
    : memory_(&memory), chunks_(512) {}

const PageReader::Chunk &PageReader::chunkAt(uint64_t start) {
  Chunk &chunk = chunks_[start / chunkBytes % chunks_.size()];
  if (chunk.start == start)
    return chunk;
  chunk.start = start;
  chunk.problem.clear();
  chunk.bytes.resize(chunkBytes);
  if (llvm::Error error = memory_->read(VirtAddr(start), chunk.bytes)) {
    chunk.problem = llvm::toString(std::move(error));
    chunk.bytes.clear();
  }
  return chunk;
}

const uint8_t *PageReader::read(VirtAddr at, uint64_t bytes) {
  const uint64_t start = alignDown(at.value, chunkBytes);
  const uint64_t offset = at.value - start;
  if (fits(offset, bytes, chunkBytes)) {
    const Chunk &chunk = chunkAt(start);
    if (!chunk.bytes.empty())
      return chunk.bytes.data() + offset;
    problem_ = chunk.problem;
    return nullptr;
  }
  // Sizes other than powers of two cross from one page into the next.
  joined_.resize(bytes);
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t from = at.value + done;
    const Chunk &chunk = chunkAt(alignDown(from, chunkBytes));
    if (chunk.bytes.empty()) {
      problem_ = chunk.problem;
      return nullptr;
    }
    const uint64_t skip = from % chunkBytes;
    const uint64_t count = std::min(bytes - done, chunkBytes - skip);
    std::memcpy(joined_.data() + done, chunk.bytes.data() + skip, count);
    done += count;
  }
  return joined_.data();
}

} // namespace vmpt
