#include "dump/formats/Flattened.h"

#include "support/Bits.h"

#include <algorithm>
#include <array>
#include <queue>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral signature("makedumpfile");
constexpr uint64_t signatureSize = 16; // NUL-padded
constexpr uint64_t headerSize = 4096;
constexpr uint64_t recordHeaderSize = 16;
constexpr uint64_t endMarker = ~uint64_t(0);
/// Offsets and sizes are signed in the format.
constexpr uint64_t maxOffset = ~uint64_t(0) >> 1;

} // namespace

bool FlattenedImage::matches(const FileSource &file) {
  const FileView start = file.borrow(0, signatureSize);
  return start.bytes().size() == signatureSize &&
         start.bytes().text().rtrim('\0') == signature;
}

llvm::Expected<std::unique_ptr<FlattenedImage>>
FlattenedImage::create(std::shared_ptr<const FileSource> file) {
  const FileView header = file->borrow(0, headerSize);
  Cursor cursor(header.bytes().withOrder(ByteOrder::big));
  cursor.skip(signatureSize);
  uint64_t type = cursor.u64(), version = cursor.u64();
  cursor.seek(headerSize);
  if (auto error = cursor.takeError("header of the flattened format"))
    return error;
  if (type != 1 || version != 1)
    return llvm::make_error<UnsupportedError>(
        "flattened format of type " + hex(type) + ", version " + hex(version) +
        ", expected type 0x1, version 0x1");
  std::unique_ptr<FlattenedImage> image(new FlattenedImage(std::move(file)));
  image->scan();
  if (image->records_.empty())
    return llvm::make_error<FormatError>(
        image->complete_ ? "flattened file without a single record"
                         : "first record of the flattened file runs " +
                               describeOverrun(headerSize, recordHeaderSize + 1,
                                               image->source().size()),
        FileOffset(headerSize));
  image->resolveOverlaps();
  return image;
}

void FlattenedImage::scan() {
  auto stop = [&](uint64_t at, const llvm::Twine &why) {
    quirks_.push_back(("the flattened file " + why + " at offset " + hex(at) +
                       ", before its end marker: what the records after that "
                       "held is missing")
                          .str());
  };
  uint64_t at = headerSize;
  while (true) {
    std::array<uint8_t, recordHeaderSize> raw;
    if (!source().tryRead(at, raw))
      return stop(source().size(), "ends");
    const Bytes header(raw, ByteOrder::big);
    uint64_t target = header.at<uint64_t>(0);
    uint64_t size = header.at<uint64_t>(8);
    if (target == endMarker && size == endMarker) {
      complete_ = true;
      return;
    }
    if (!fits(target, size, maxOffset))
      return stop(at, "has a record of " + hex(size) + " bytes for offset " +
                          hex(target));
    at += recordHeaderSize;
    uint64_t present = std::min(size, source().size() - at);
    ++recordCount_;
    if (present) {
      records_.push_back({target, at, present});
      size_ = std::max(size_, target + present);
    }
    at += present;
    if (present < size)
      return stop(at, "ends inside a record");
  }
}

/// Sweeps over the starts; of the records that cover a place, the youngest is
/// on top of the heap.
void FlattenedImage::resolveOverlaps() {
  std::sort(
      records_.begin(), records_.end(), [](const Record &a, const Record &b) {
        return std::tie(a.target, a.stored) < std::tie(b.target, b.stored);
      });
  auto overlap = std::adjacent_find(
      records_.begin(), records_.end(),
      [](const Record &a, const Record &b) { return a.end() > b.target; });
  if (overlap == records_.end())
    return;

  std::vector<Record> resolved;
  resolved.reserve(records_.size());
  auto older = [](const Record &a, const Record &b) {
    return a.stored < b.stored;
  };
  std::priority_queue<Record, std::vector<Record>, decltype(older)> covering(
      older);
  // Emits what covers [from, to), youngest first; all starts are <= from.
  auto emit = [&](uint64_t from, uint64_t to) {
    while (from < to && !covering.empty()) {
      const Record &top = covering.top();
      if (top.end() <= from) {
        covering.pop();
        continue;
      }
      uint64_t end = std::min(top.end(), to);
      Record piece{from, top.stored + (from - top.target), end - from};
      if (!resolved.empty() && resolved.back().end() == from &&
          resolved.back().stored + resolved.back().size == piece.stored)
        resolved.back().size += piece.size;
      else
        resolved.push_back(piece);
      from = end;
    }
  };
  for (size_t i = 0; i < records_.size(); ++i) {
    covering.push(records_[i]);
    emit(records_[i].target,
         i + 1 < records_.size() ? records_[i + 1].target : size_);
  }
  records_ = std::move(resolved);
}

FileImage::Piece FlattenedImage::pieceAt(uint64_t offset) const {
  auto after = std::upper_bound(
      records_.begin(), records_.end(), offset,
      [](uint64_t at, const Record &record) { return at < record.target; });
  if (after != records_.begin()) {
    const Record &record = *std::prev(after);
    if (offset < record.end())
      return makePiece(record.stored + (offset - record.target),
                       record.end() - offset);
  }
  uint64_t end = after == records_.end() ? size_ : after->target;
  return {complete_ ? Kind::Zeros : Kind::Missing, end - offset, nullptr};
}

llvm::Expected<std::unique_ptr<FileImage>>
createFileImage(std::shared_ptr<const FileSource> file) {
  if (FlattenedImage::matches(*file))
    return FlattenedImage::create(std::move(file));
  return std::make_unique<PlainImage>(std::move(file));
}

} // namespace vmpt
