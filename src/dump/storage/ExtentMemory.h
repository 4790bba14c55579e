//===- ExtentMemory.h - physical memory as sorted pieces of files ---------===//
//
// The model of every container whose pages lie uncompressed in a file: ELF,
// raw, LiME, VMware, Xen, ... A reader adds extents in any order, `finish`
// sorts them and settles overlaps, and a read is one binary search.
//
#pragma once

#include "dump/storage/FileImage.h"
#include "memory/PhysicalMemory.h"

#include <vector>

namespace vmpt {

class ExtentMemory final : public PhysicalMemory {
public:
  /// About how many extents will come.
  void expect(size_t count) { extents_.reserve(count); }
  /// Bytes that are there: all of \p data, from \p start on. The data must
  /// outlive this object.
  void addData(PhysAddr start, llvm::ArrayRef<uint8_t> data);
  /// [offset, offset + size) of \p image, whose source must outlive this
  /// object; what is not there is Absence::Truncated.
  void addImage(PhysAddr start, const FileImage &image, uint64_t offset,
                uint64_t size);
  /// Bytes that are zero by the container's contract.
  void addZeros(PhysAddr start, uint64_t size);
  /// RAM that is not in the file.
  void addAbsent(PhysAddr start, uint64_t size, Absence absence);
  void setMayExcludeZeroPages(bool may) { mayExcludeZeroPages_ = may; }
  void setKnowsRam(bool knows) { knowsRam_ = knows; }

  /// Ends the adding. Where extents overlap, data wins over zeros, zeros over
  /// absence, and within one kind the lower start, then the one added first.
  /// (Real dumps alias: kdump adds the kernel text as a segment over RAM.)
  void finish();

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override;
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override;
  const void *tryPeek(PhysAddr at, uint64_t size) const override;
  llvm::ArrayRef<MemoryRange> ranges() const override { return ranges_; }
  bool mayExcludeZeroPages() const override { return mayExcludeZeroPages_; }
  bool knowsRam() const override { return knowsRam_; }
  uint64_t knownZeroBytes() const override;
  MemoryRange nextStored(PhysAddr at, uint64_t size) const override;
  void forget(PhysAddr at, uint64_t size) const override;

private:
  enum class Kind : uint8_t { Data, Stored, Zeros, Absent };
  struct Extent {
    PhysAddr start;
    uint64_t size;
    Kind kind;
    Absence absence = {}; ///< Kind::Absent only.
    uint32_t source = 0;  ///< Kind::Stored only: which of sources_.
    union {
      const uint8_t *data = nullptr; ///< Kind::Data only.
      uint64_t offset;               ///< Kind::Stored only.
    };
    Extent(PhysAddr start, uint64_t size, Kind kind)
        : start(start), size(size), kind(kind) {}
    PhysAddr last() const { return start + (size - 1); }
  };

  void add(Extent extent);
  void settleOverlaps();
  static Extent cut(const Extent &extent, PhysAddr first, PhysAddr last);
  static std::vector<Extent> fillGaps(std::vector<Extent> placed,
                                      llvm::ArrayRef<Extent> extents);
  bool copyFrom(const Extent &extent, uint64_t skipped,
                llvm::MutableArrayRef<uint8_t> out) const;
  const Extent *find(PhysAddr at) const;
  const uint8_t *findView(PhysAddr at, uint64_t size) const;
  /// Behind the first \p skipped bytes of \p extent.
  std::pair<uint64_t, uint64_t> storedIn(const Extent &extent,
                                         uint64_t skipped) const;

  std::vector<Extent> extents_;
  std::vector<const FileSource *> sources_; ///< Files that are read.
  std::vector<MemoryRange> ranges_;
  bool mayExcludeZeroPages_ = false;
  bool knowsRam_ = true;
};

} // namespace vmpt
