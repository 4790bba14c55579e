//===- SparseMemory.h - physical memory that a test writes ----------------===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "support/Bits.h"

#include <algorithm>
#include <map>

namespace vmpt::testing {

/// Pages come to be, zeroed, when they are first written; the rest is outside
/// RAM. Any page can be marked absent. ranges() reflects what was written.
class SparseMemory final : public PhysicalMemory {
public:
  static constexpr uint64_t pageBytes = 4096;

  void write(PhysAddr at, llvm::ArrayRef<uint8_t> bytes) {
    for (size_t i = 0; i < bytes.size(); ++i)
      page(at + i)[(at.value + i) % pageBytes] = bytes[i];
  }
  /// A little-endian integer.
  template <class T> void writeNumber(PhysAddr at, T value) {
    uint8_t raw[sizeof(T)];
    for (size_t i = 0; i < sizeof(T); ++i)
      raw[i] = uint8_t(uint64_t(value) >> 8 * i);
    write(at, raw);
  }
  void writeString(PhysAddr at, llvm::StringRef text) {
    write(at, {reinterpret_cast<const uint8_t *>(text.data()), text.size()});
  }
  /// Makes [at, at + size) exist, zero where it was not written.
  void addZeros(PhysAddr at, uint64_t size) {
    for (uint64_t done = 0; done < size; done += pageBytes)
      page(at + done);
  }
  /// Every byte of the page of \p at is absent from now on.
  void setAbsent(PhysAddr at, Absence absence) {
    pages_.erase(alignDown(at.value, pageBytes));
    absent_[alignDown(at.value, pageBytes)] = absence;
    ranges_.clear();
  }
  bool zeroPagesExcluded = false;

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    for (size_t i = 0; i < out.size();) {
      uint64_t offset = (at.value + i) % pageBytes;
      auto found = pages_.find(at.value + i - offset);
      if (found == pages_.end()) {
        auto reason = absent_.find(at.value + i - offset);
        return AbsentByte{at + i, reason == absent_.end() ? Absence::OutsideRam
                                                          : reason->second};
      }
      size_t count = std::min<size_t>(out.size() - i, pageBytes - offset);
      std::copy_n(found->second.begin() + offset, count, out.begin() + i);
      i += count;
    }
    return std::nullopt;
  }
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override {
    uint64_t offset = at.value % pageBytes;
    auto found = pages_.find(at.value - offset);
    if (found == pages_.end() || !fits(offset, size, pageBytes))
      return nullptr;
    return found->second.data() + offset;
  }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    if (ranges_.empty()) {
      for (const auto &[start, bytes] : pages_)
        if (!ranges_.empty() &&
            ranges_.back().start + ranges_.back().size == PhysAddr(start))
          ranges_.back().size += pageBytes;
        else
          ranges_.push_back({PhysAddr(start), pageBytes, {}});
      for (const auto &[start, reason] : absent_)
        ranges_.push_back({PhysAddr(start), pageBytes, reason});
      std::sort(ranges_.begin(), ranges_.end(),
                [](const auto &a, const auto &b) { return a.start < b.start; });
    }
    return ranges_;
  }
  bool mayExcludeZeroPages() const override { return zeroPagesExcluded; }

private:
  std::vector<uint8_t> &page(PhysAddr at) {
    auto [found, isNew] = pages_.try_emplace(alignDown(at.value, pageBytes));
    if (isNew) {
      found->second.resize(pageBytes);
      absent_.erase(found->first);
      ranges_.clear();
    }
    return found->second;
  }

  std::map<uint64_t, std::vector<uint8_t>> pages_;
  std::map<uint64_t, Absence> absent_;
  mutable std::vector<MemoryRange> ranges_;
};

} // namespace vmpt::testing
