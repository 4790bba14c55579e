#include "support/Bytes.h"

#include "support/Bits.h"

namespace vmpt {

std::string describeOverrun(uint64_t offset, uint64_t size, uint64_t end) {
  std::string text = "past the end at " + hex(end);
  const uint64_t missing = offset + size - end;
  if (fits(offset, size, bit(48)) && missing <= bit(48))
    text += ", truncated by " + hex(missing) + " bytes or more";
  return text;
}

llvm::Expected<Bytes> Bytes::slice(uint64_t offset, uint64_t size,
                                   const char *what) const {
  if (!fits(offset, size, data_.size()))
    return llvm::make_error<FormatError>(
        llvm::Twine(what) + " of " + hex(size) + " bytes at offset " +
            hex(origin_ + offset) + " runs " +
            describeOverrun((origin_ + offset).value, size,
                            (origin_ + data_.size()).value),
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
    wanted_ = failed_ ? wanted_ : size;
    failed_ = true;
    return Bytes({}, bytes_.order(), bytes_.origin());
  }
  Bytes piece = bytes_.clip(offset_, size);
  offset_ += size;
  return piece;
}

void Cursor::seek(uint64_t offset) {
  if (offset > bytes_.size())
    skip(offset - offset_);
  else
    offset_ = offset;
}

llvm::Error Cursor::takeError(const char *what) const {
  if (!failed_)
    return llvm::Error::success();
  FileOffset where = bytes_.origin() + offset_;
  return llvm::make_error<FormatError>(
      llvm::Twine(what) + " at offset " + hex(where) + " runs " +
          describeOverrun(where.value, wanted_,
                          (bytes_.origin() + bytes_.size()).value),
      where);
}

} // namespace vmpt
