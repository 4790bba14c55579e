//===- KdumpMemory.h - the pages of a kdump-compressed dump ---------------===//
//
// A page frame's descriptor is found by counting the set bits before it in the
// second bitmap. A page is decompressed when it is first wanted and then kept
// in a bounded cache that all threads share; one that is read whole, from the
// second time on. A page that cannot be decoded is
// the only one that is lost.
//
#pragma once

#include "dump/formats/KdumpBitmaps.h"
#include "dump/formats/KdumpHeader.h"
#include "dump/storage/Decompress.h"
#include "dump/storage/FileImage.h"
#include "dump/storage/PageCache.h"
#include "dump/storage/RankDirectory.h"
#include "memory/PhysicalMemory.h"

#include <atomic>
#include <mutex>

namespace vmpt {

/// The file that has the descriptors of the pages [startPfn, endPfn).
struct KdumpPart {
  const FileImage *file = nullptr; ///< Null: that part is not at hand.
  uint64_t startPfn = 0, endPfn = 0;
};

class KdumpMemory final : public PhysicalMemory {
public:
  /// \p files and \p buffers are what the parts and bitmaps lie in; the object
  /// keeps them. The parts are ascending and without gaps from frame 0 to
  /// max_mapnr. Bit n of the bitmap of RAM: frame n exists; of \p dumped: it
  /// has a descriptor.
  KdumpMemory(const KdumpHeader &header, std::vector<KdumpPart> parts,
              const KdumpBitmaps &bitmaps, RankDirectory dumped,
              std::vector<std::unique_ptr<FileImage>> files, Buffers buffers);

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override;
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override;
  /// As the first page is; makedumpfile compresses all that gets smaller by it.
  bool isQuickToRead() const override;
  llvm::ArrayRef<MemoryRange> ranges() const override;
  /// A header of version 0 does not say the dump level.
  bool mayExcludeZeroPages() const override { return mayExcludeZeroPages_; }
  uint64_t knownZeroBytes() const override;
  void forget(PhysAddr at, uint64_t size) const override;
  /// Looks at all descriptors, but only where the tail is cut off.
  uint64_t truncatedBytes() const override;

  /// The last page that has data of its own, if that data is not there.
  /// Looks at the last few thousand pages only.
  std::optional<PhysAddr> findTruncatedTail() const;

  /// What all threads decompressed so far: the measure of most work here.
  struct DecodeCounts {
    uint64_t pages = 0;
    uint64_t again = 0; ///< Of these, what was decompressed before.
  };
  DecodeCounts getDecodeCounts() const {
    return {decoded_.load(std::memory_order_relaxed),
            decodedAgain_.load(std::memory_order_relaxed)};
  }

private:
  struct Part : KdumpPart {
    uint64_t firstIndex = 0; ///< Dumped pages before startPfn.
    /// Where the one page of zeros lies that all such pages share; 0 for none.
    uint64_t zeroPageOffset = 0;
  };
  /// What the descriptor of a page says.
  struct Page {
    std::optional<Absence> absence;
    const Part *part = nullptr;
    uint64_t offset = 0;
    uint32_t size = 0;
    PageCompression compression = PageCompression::None;
    bool isRaw() const { return compression == PageCompression::None; }
  };

  static bool isSharedZeroPage(const Page &page) {
    return !page.absence && page.isRaw() &&
           page.offset == page.part->zeroPageOffset;
  }
  const Part &partOf(uint64_t pfn) const;
  Page locate(uint64_t pfn) const;
  std::optional<Absence>
  readWithinPage(uint64_t pfn, uint64_t offset,
                 llvm::MutableArrayRef<uint8_t> out) const;
  bool isRam(uint64_t pfn) const {
    return pfn / 8 < ramBitmap_.size() && (ramBitmap_[pfn / 8] >> pfn % 8 & 1);
  }
  llvm::ArrayRef<uint8_t> decompress(const Page &page) const;
  uint64_t findZeroPage(const Part &part) const;
  void lookAtDescriptors() const;
  void forgetDescriptors(uint64_t firstPfn, uint64_t endPfn) const;

  const uint64_t id_; ///< No two objects ever have the same.
  ByteOrder order_;
  unsigned blockShift_;
  uint64_t maxMapnr_;
  uint64_t descriptorOffset_;
  bool mayExcludeZeroPages_;
  std::vector<std::unique_ptr<FileImage>> files_;
  Buffers buffers_;
  llvm::ArrayRef<uint8_t> ramBitmap_;
  std::vector<RankDirectory::Part> ramParts_;
  RankDirectory dumped_;
  std::vector<Part> parts_;
  mutable PageCache cache_;
  mutable std::atomic<uint64_t> decoded_ = 0, decodedAgain_ = 0;
  mutable std::once_flag looked_;
  mutable std::vector<MemoryRange> ranges_;
  mutable uint64_t zeroBytes_ = 0;
};

} // namespace vmpt
