//===- RecordingMemory.h - remembers which pages were read ----------------===//
#pragma once

#include "memory/PhysicalMemory.h"

#include <mutex>
#include <set>

namespace vmpt {

/// Passes every read on and keeps the page numbers: what a command read is
/// what a dump needs for that command to say the same again.
class RecordingMemory final : public PhysicalMemory {
public:
  /// Not dump blocks and not the kernel's pages: the unit of recording.
  static constexpr uint64_t pageBytes = 4096;

  explicit RecordingMemory(const PhysicalMemory &memory);

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override;
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override;
  bool isQuickToRead() const override { return memory_.isQuickToRead(); }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    return memory_.ranges();
  }
  bool mayExcludeZeroPages() const override {
    return memory_.mayExcludeZeroPages();
  }
  bool knowsRam() const override { return memory_.knowsRam(); }
  uint64_t truncatedBytes() const override { return memory_.truncatedBytes(); }
  uint64_t knownZeroBytes() const override { return memory_.knownZeroBytes(); }
  const PhysicalMemory &forScanning() const override { return memory_; }
  MemoryRange nextStored(PhysAddr at, uint64_t size) const override {
    return memory_.nextStored(at, size);
  }
  void forget(PhysAddr at, uint64_t size) const override {
    memory_.forget(at, size);
  }

  /// Start addresses of the pages read so far, ascending.
  std::vector<PhysAddr> getPages() const;

private:
  void record(PhysAddr at, uint64_t size) const;

  const PhysicalMemory &memory_;
  const uint64_t id_; ///< No two objects ever have the same.
  mutable std::mutex mutex_;
  mutable std::set<uint64_t> pages_;
};

} // namespace vmpt
