#include "dump/storage/FileImage.h"

#include "support/Bits.h"

namespace vmpt {

FileImage::~FileImage() = default;

uint64_t FileImage::storedSize() const {
  // Where a size is a claim; bitmaps of 16 TiB of RAM are a gigabyte.
  constexpr uint64_t mostToGather = uint64_t(4) << 30;
  return source_->isRead() ? std::min(source_->size(), mostToGather)
                           : source_->size();
}

bool FileImage::has(uint64_t offset, uint64_t wanted) const {
  if (!fits(offset, wanted, size()))
    return false;
  while (wanted) {
    Piece piece = pieceAt(offset);
    if (piece.kind == Kind::Missing)
      return false;
    uint64_t count = std::min(piece.size, wanted);
    wanted -= count;
    offset += count;
  }
  return true;
}

bool FileImage::tryRead(uint64_t offset,
                        llvm::MutableArrayRef<uint8_t> out) const {
  if (!fits(offset, out.size(), size()))
    return false;
  while (!out.empty()) {
    Piece piece = pieceAt(offset);
    uint64_t count = std::min<uint64_t>(piece.size, out.size());
    if (piece.kind == Kind::Missing)
      return false;
    if (piece.kind == Kind::Zeros)
      std::memset(out.data(), 0, count);
    else if (!source_->tryRead(piece.sourceOffset, out.take_front(count)))
      return false;
    out = out.drop_front(count);
    offset += count;
  }
  return true;
}

const uint8_t *FileImage::tryView(uint64_t offset, uint64_t wanted) const {
  if (wanted == 0 || !fits(offset, wanted, size()))
    return nullptr;
  Piece piece = pieceAt(offset);
  return piece.kind == Kind::Data && piece.size >= wanted ? piece.data
                                                          : nullptr;
}

llvm::Expected<Bytes> FileImage::slice(uint64_t offset, uint64_t wanted,
                                       ByteOrder order, const char *what,
                                       Buffers &buffers) const {
  auto fail = [&](const llvm::Twine &why) {
    return llvm::make_error<FormatError>(llvm::Twine(what) + " of " +
                                             hex(wanted) + " bytes at offset " +
                                             hex(offset) + " " + why,
                                         FileOffset(offset));
  };
  if (!fits(offset, wanted, size()))
    return fail("runs " + describeOverrun(offset, wanted, size()));
  if (wanted == 0)
    return Bytes({}, order, FileOffset(offset));
  if (const uint8_t *view = tryView(offset, wanted))
    return Bytes({view, wanted}, order, FileOffset(offset));
  if (wanted > storedSize())
    return fail("is larger than all that is stored, " + hex(storedSize()) +
                " bytes");
  auto buffer = std::make_unique<std::vector<uint8_t>>(wanted);
  if (!tryRead(offset, *buffer))
    return fail("is not whole: the file ends too early");
  buffers.push_back(std::move(buffer));
  return Bytes(*buffers.back(), order, FileOffset(offset));
}

} // namespace vmpt
