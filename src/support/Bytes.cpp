#include "support/Bytes.h"

#include "support/Bits.h"

namespace vmpt {

llvm::Expected<Bytes> Bytes::slice(uint64_t offset, uint64_t size,
                                   const char *what) const {
  if (!fits(offset, size, data_.size()))
    return llvm::make_error<FormatError>(
        llvm::Twine(what) + " of " + hex(size) + " bytes at offset " +
            hex(origin_ + offset) + " runs past the end at " +
            hex(origin_ + data_.size()),
        origin_ + offset);
  return Bytes(data_.slice(offset, size), order_, origin_ + offset);
}

Bytes Bytes::clip(uint64_t offset, uint64_t size) const {
  if (offset > data_.size())
    return Bytes({}, order_, origin_ + data_.size());
  return Bytes(data_.slice(offset, std::min(size, data_.size() - offset)),
               order_, origin_ + offset);
}

Bytes Cursor::take(uint64_t size) {
  if (failed_ || !fits(offset_, size, bytes_.size())) {
    failed_ = true;
    return Bytes({}, bytes_.order(), bytes_.origin());
  }
  Bytes piece = bytes_.clip(offset_, size);
  offset_ += size;
  return piece;
}

void Cursor::seek(uint64_t offset) {
  if (offset > bytes_.size())
    failed_ = true;
  else
    offset_ = offset;
}

llvm::Error Cursor::takeError(const char *what) const {
  if (!failed_)
    return llvm::Error::success();
  FileOffset where = bytes_.origin() + offset_;
  return llvm::make_error<FormatError>(
      llvm::Twine(what) + " at offset " + hex(where) +
          " runs past the end at " + hex(bytes_.origin() + bytes_.size()),
      where);
}

} // namespace vmpt
