//===- CutMemory.h - memory whose end was cut off -------------------------===//
#pragma once

#include "memory/PhysicalMemory.h"

#include <memory>

namespace vmpt {

/// The same memory, of which something else tells that it went on: a file
/// without a map of RAM cannot know that it was cut off. What lies from the end
/// of the last range up to \p end is truncated, not outside of RAM.
class CutMemory final : public PhysicalMemory {
public:
  /// \p end is above the last range of \p memory.
  CutMemory(std::unique_ptr<PhysicalMemory> memory, PhysAddr end);

  /// One past the last byte that \p memory has or knows of.
  static PhysAddr endOf(const PhysicalMemory &memory);

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override;
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override {
    return memory_->tryView(at, size);
  }
  const void *tryPeek(PhysAddr at, uint64_t size) const override {
    return memory_->tryPeek(at, size);
  }
  bool isQuickToRead() const override { return memory_->isQuickToRead(); }
  llvm::ArrayRef<MemoryRange> ranges() const override { return ranges_; }
  bool mayExcludeZeroPages() const override {
    return memory_->mayExcludeZeroPages();
  }
  bool knowsRam() const override { return memory_->knowsRam(); }
  uint64_t knownZeroBytes() const override { return memory_->knownZeroBytes(); }
  MemoryRange nextStored(PhysAddr at, uint64_t size) const override {
    return memory_->nextStored(at, size);
  }
  void forget(PhysAddr at, uint64_t size) const override {
    memory_->forget(at, size);
  }

private:
  std::unique_ptr<PhysicalMemory> memory_;
  const PhysAddr start_, end_; ///< Of what is cut off.
  std::vector<MemoryRange> ranges_;
};

} // namespace vmpt
