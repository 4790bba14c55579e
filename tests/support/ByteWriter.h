//===- ByteWriter.h - files built in memory, number by number -------------===//
#pragma once

#include "support/Bytes.h"

#include <cstring>
#include <vector>

namespace vmpt::testing {

class ByteWriter {
public:
  explicit ByteWriter(ByteOrder order = ByteOrder::little) : order_(order) {}

  template <class T> ByteWriter &number(T value) {
    if (order_ != ByteOrder::native)
      value = byteSwap(value);
    const auto *raw = reinterpret_cast<const uint8_t *>(&value);
    return bytes({raw, sizeof value});
  }
  ByteWriter &u8(uint8_t value) { return number(value); }
  ByteWriter &u16(uint16_t value) { return number(value); }
  ByteWriter &u32(uint32_t value) { return number(value); }
  ByteWriter &u64(uint64_t value) { return number(value); }
  ByteWriter &bytes(llvm::ArrayRef<uint8_t> data) {
    out_.insert(out_.end(), data.begin(), data.end());
    return *this;
  }
  ByteWriter &text(llvm::StringRef text) {
    return bytes({text.bytes_begin(), text.size()});
  }
  ByteWriter &zeros(uint64_t count) {
    out_.resize(out_.size() + count);
    return *this;
  }
  /// Zeros up to a multiple of \p alignment.
  ByteWriter &align(uint64_t alignment) {
    return zeros((alignment - size() % alignment) % alignment);
  }
  /// Overwrites what stands at \p offset.
  template <class T> void patch(uint64_t offset, T value) {
    if (order_ != ByteOrder::native)
      value = byteSwap(value);
    std::memcpy(out_.data() + offset, &value, sizeof value);
  }

  uint64_t size() const { return out_.size(); }
  std::vector<uint8_t> take() { return std::move(out_); }

private:
  ByteOrder order_;
  std::vector<uint8_t> out_;
};

/// The integer at \p offset changed in a finished file.
template <class T>
void patch(std::vector<uint8_t> &file, uint64_t offset, T value,
           ByteOrder order = ByteOrder::little) {
  if (order != ByteOrder::native)
    value = byteSwap(value);
  std::memcpy(file.data() + offset, &value, sizeof value);
}

} // namespace vmpt::testing
