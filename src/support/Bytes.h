//===- Bytes.h - the two doors to untrusted bytes -------------------------===//
//
// `Bytes` is a view of a file (or of memory) with a byte order, and the only
// way to cut a piece out of it checks that the piece is inside. `Cursor` reads
// fields one after the other with a sticky error: read a whole header, then
// ask once whether all of it was there.
//
#pragma once

#include "support/Error.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

#include <bit>
#include <cstring>
#include <type_traits>

namespace vmpt {

using ByteOrder = std::endian;

template <class T> constexpr T byteSwap(T value) {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (sizeof(T) == 1)
    return value;
  else if constexpr (sizeof(T) == 2)
    return __builtin_bswap16(value);
  else if constexpr (sizeof(T) == 4)
    return __builtin_bswap32(value);
  else
    return __builtin_bswap64(value);
}

/// Reads an unsigned integer at any alignment. The caller has checked that
/// sizeof(T) bytes are there.
template <class T> T loadUnaligned(const uint8_t *from, ByteOrder order) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return order == ByteOrder::native ? value : byteSwap(value);
}

/// True also of no bytes at all. The first byte is 0 and each is that before
/// it, by the library's fast comparison: of large pieces most are zeros.
inline bool isZero(llvm::ArrayRef<uint8_t> bytes) {
  return bytes.empty() ||
         (bytes.front() == 0 &&
          std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// "past the end at 0x60, truncated by 0x20 bytes or more", for what should lie
/// in [\p offset, \p offset + \p size) and ends at \p end. By how much is left
/// out where no file is that large: then the numbers are broken.
std::string describeOverrun(uint64_t offset, uint64_t size, uint64_t end);

/// A piece of a file: not owned, byte order known, and where it starts in the
/// file (for messages).
class Bytes {
public:
  Bytes() = default;
  Bytes(llvm::ArrayRef<uint8_t> data, ByteOrder order = ByteOrder::little,
        FileOffset origin = FileOffset())
      : data_(data), order_(order), origin_(origin) {}

  uint64_t size() const { return data_.size(); }
  bool empty() const { return data_.empty(); }
  const uint8_t *data() const { return data_.data(); }
  llvm::ArrayRef<uint8_t> array() const { return data_; }
  llvm::StringRef text() const {
    return {reinterpret_cast<const char *>(data_.data()), data_.size()};
  }
  ByteOrder order() const { return order_; }
  /// Where the first byte stands in the file.
  FileOffset origin() const { return origin_; }
  Bytes withOrder(ByteOrder order) const { return {data_, order, origin_}; }

  /// [offset, offset + size), or a FormatError that says that \p what lies
  /// outside.
  llvm::Expected<Bytes> slice(uint64_t offset, uint64_t size,
                              const char *what) const;
  /// As much of [offset, offset + size) as there is; may be empty.
  Bytes clip(uint64_t offset, uint64_t size) const;

  /// The integer at \p offset, which the caller knows to be inside.
  template <class T> T at(uint64_t offset) const {
    return loadUnaligned<T>(data_.data() + offset, order_);
  }

private:
  llvm::ArrayRef<uint8_t> data_;
  ByteOrder order_ = ByteOrder::little;
  FileOffset origin_;
};

/// Reads forward through Bytes. After the first read past the end all reads
/// give 0 or empty, and `takeError` tells about that first one.
class Cursor {
public:
  explicit Cursor(Bytes bytes, uint64_t offset = 0)
      : bytes_(bytes), offset_(offset) {}

  uint8_t u8() { return number<uint8_t>(); }
  uint16_t u16() { return number<uint16_t>(); }
  uint32_t u32() { return number<uint32_t>(); }
  uint64_t u64() { return number<uint64_t>(); }
  /// The next \p size bytes.
  Bytes take(uint64_t size);
  void skip(uint64_t size) { take(size); }
  /// Moves to an absolute offset; beyond the end is an error.
  void seek(uint64_t offset);

  uint64_t offset() const { return offset_; }
  uint64_t remaining() const { return failed_ ? 0 : bytes_.size() - offset_; }
  bool ok() const { return !failed_; }
  bool atEnd() const { return failed_ || offset_ == bytes_.size(); }
  /// Success, or a FormatError: "\p what at offset X runs past the end".
  llvm::Error takeError(const char *what) const;

private:
  template <class T> T number() {
    Bytes piece = take(sizeof(T));
    return piece.empty() ? T(0) : piece.at<T>(0);
  }

  Bytes bytes_;
  uint64_t offset_;
  uint64_t wanted_ = 0; ///< By the first read that failed.
  bool failed_ = false;
};

} // namespace vmpt
