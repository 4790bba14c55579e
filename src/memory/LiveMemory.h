//===- LiveMemory.h - memory of a machine that runs -----------------------===//
//
// What is read of it changes meanwhile. Each page is read once and kept, so
// that two looks at it see the same; at the end all pages are read again, and
// the words that somebody used are compared. Where none has changed, the result
// is that of one moment.
//
#pragma once

#include "memory/PhysicalMemory.h"

#include <array>
#include <bitset>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace vmpt {

class LiveMemory final : public PhysicalMemory {
public:
  static constexpr uint64_t pageBytes = 4096, wordBytes = 8;
  /// So many pages are kept; what is read beyond is not compared.
  static constexpr size_t mostPages = size_t(1) << 16;

  explicit LiveMemory(std::unique_ptr<PhysicalMemory> memory)
      : memory_(std::move(memory)) {}

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override;
  bool isQuickToRead() const override { return false; }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    return memory_->ranges();
  }
  bool mayExcludeZeroPages() const override {
    return memory_->mayExcludeZeroPages();
  }
  bool knowsRam() const override { return memory_->knowsRam(); }
  uint64_t truncatedBytes() const override { return memory_->truncatedBytes(); }
  uint64_t knownZeroBytes() const override { return memory_->knownZeroBytes(); }
  const PhysicalMemory &forScanning() const override { return *memory_; }

  struct Changes {
    size_t pagesRead = 0, pagesChanged = 0;
    /// The first words that changed, ascending.
    std::vector<PhysAddr> words;
    size_t wordsChanged = 0;
    bool isCut = false; ///< More was read than is kept.
  };
  /// Reads all pages again.
  Changes findChanges() const;

private:
  struct Page {
    std::array<uint8_t, pageBytes> bytes;
    std::bitset<pageBytes / wordBytes> used;
  };

  bool copyFromPage(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const;

  std::unique_ptr<PhysicalMemory> memory_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<uint64_t, std::unique_ptr<Page>> pages_;
  mutable bool isCut_ = false;
};

} // namespace vmpt
