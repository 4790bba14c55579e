//===- SnappyMemory.h - physical memory in snappy chunks ------------------===//
//
// A frame stream is cut into chunks of at most 64 KiB that can be decoded one
// by one: an index of chunks makes it random access, and a small cache makes
// neighbouring reads cheap.
//
#pragma once

#include "dump/storage/ExtentMemory.h"
#include "dump/storage/PageCache.h"

namespace vmpt {

class SnappyMemory final : public PhysicalMemory {
public:
  /// The largest chunk that the frame format allows (framing_format.txt 4.2).
  static constexpr uint32_t maxChunkSize = 65536;

  /// Bytes that need no decoding, absences.
  ExtentMemory &plain() { return plain_; }
  /// \p block decodes to \p size <= maxChunkSize bytes, of which the first
  /// \p used are the memory from \p start on; start + used - 1 does not wrap.
  void addChunk(PhysAddr start, uint32_t used, uint32_t size,
                llvm::ArrayRef<uint8_t> block);
  /// Ends the adding. Where chunks overlap the lower start wins.
  void finish();

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override;
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override;
  bool isQuickToRead() const override { return chunks_.empty(); }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    return plain_.ranges();
  }
  bool knowsRam() const override { return plain_.knowsRam(); }
  bool mayExcludeZeroPages() const override {
    return plain_.mayExcludeZeroPages();
  }
  MemoryRange nextStored(PhysAddr at, uint64_t size) const override {
    return chunks_.empty() ? plain_.nextStored(at, size)
                           : PhysicalMemory::nextStored(at, size);
  }
  void forget(PhysAddr at, uint64_t size) const override;

private:
  struct Chunk {
    PhysAddr start;
    uint32_t used; ///< Bytes of memory.
    uint32_t skip; ///< Decoded bytes before the first of them.
    uint32_t size; ///< Decoded bytes in all.
    uint32_t blockSize;
    const uint8_t *block;
    PhysAddr last() const { return start + (used - 1); }
  };
  /// The first chunk that starts above \p at.
  std::vector<Chunk>::const_iterator firstAbove(PhysAddr at) const;
  bool copyFrom(const Chunk &chunk, uint64_t offset,
                llvm::MutableArrayRef<uint8_t> out) const;

  ExtentMemory plain_;
  std::vector<Chunk> chunks_;
  mutable PageCache cache_{maxChunkSize, 8 << 20};
};

} // namespace vmpt
