//===- ExtentMemory.h - physical memory as sorted pieces of mapped files --===//
//
// The model of every container whose pages lie uncompressed in a file: ELF,
// raw, LiME, VMware, Xen, ... A reader adds extents in any order, `finish`
// sorts them and settles overlaps, and a read is one binary search.
//
#pragma once

#include "memory/PhysicalMemory.h"

#include <vector>

namespace vmpt {

class ExtentMemory final : public PhysicalMemory {
public:
  /// Bytes that are there: all of \p data, from \p start on. The data must
  /// outlive this object.
  void addData(PhysAddr start, llvm::ArrayRef<uint8_t> data);
  /// Bytes that are zero by the container's contract.
  void addZeros(PhysAddr start, uint64_t size);
  /// RAM that is not in the file.
  void addAbsent(PhysAddr start, uint64_t size, Absence absence);
  void setMayExcludeZeroPages(bool may) { mayExcludeZeroPages_ = may; }

  /// Ends the adding. Where extents overlap, data wins over zeros, zeros over
  /// absence, and within one kind the lower start, then the one added first.
  /// (Real dumps alias: kdump adds the kernel text as a segment over RAM.)
  void finish();

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override;
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override;
  llvm::ArrayRef<MemoryRange> ranges() const override { return ranges_; }
  bool mayExcludeZeroPages() const override { return mayExcludeZeroPages_; }
  uint64_t knownZeroBytes() const override;

private:
  enum class Kind : uint8_t { Data, Zeros, Absent };
  struct Extent {
    PhysAddr start;
    uint64_t size;
    Kind kind;
    Absence absence;     ///< Kind::Absent only.
    const uint8_t *data; ///< Kind::Data only.
    PhysAddr last() const { return start + (size - 1); }
  };

  void add(Extent extent);
  const Extent *find(PhysAddr at) const;

  std::vector<Extent> extents_;
  std::vector<MemoryRange> ranges_;
  bool mayExcludeZeroPages_ = false;
};

} // namespace vmpt
