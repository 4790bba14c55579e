//===- QemuMemory.h - physical memory in the blocks of a QEMU stream ------===//
#pragma once

#include "dump/formats/QemuStream.h"
#include "memory/PhysicalMemory.h"

namespace vmpt {

class QemuMemory final : public PhysicalMemory {
public:
  /// Pages of \p stream that were never sent are Truncated; Excluded, where the
  /// sender said that its memory was complete.
  explicit QemuMemory(QemuStream stream) : stream_(std::move(stream)) {}

  const QemuStream &stream() const { return stream_; }
  /// Makes [offset, offset + size) of block \p index the memory from \p start
  /// on. Pieces are added in the order of addresses and do not overlap.
  void addPiece(PhysAddr start, size_t index, uint64_t offset, uint64_t size);

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override;
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override;
  llvm::ArrayRef<MemoryRange> ranges() const override { return ranges_; }
  uint64_t knownZeroBytes() const override;
  void forget(PhysAddr at, uint64_t size) const override;

private:
  struct Piece {
    PhysAddr start;
    uint64_t size;
    const QemuBlock *block;
    uint64_t offset;
  };
  /// What is known of the rest of one page.
  struct Found {
    std::optional<Absence> absence;
    const uint8_t *data = nullptr; ///< Null for zeros.
    uint64_t size = 0;             ///< Bytes that this says something about.
  };

  Absence unsent() const {
    return stream_.cutShort.empty() ? Absence::Excluded : Absence::Truncated;
  }
  Found find(PhysAddr at) const;
  Found findPage(const QemuBlock &block, uint64_t number) const;
  void addRange(PhysAddr start, uint64_t size, std::optional<Absence> absence);

  QemuStream stream_;
  std::vector<Piece> pieces_;
  std::vector<MemoryRange> ranges_;
};

} // namespace vmpt
