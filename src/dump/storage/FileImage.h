//===- FileImage.h - a dump file's content, however it is stored ----------===//
//
// A kdump or ELF file lies on the disk either as it is, or flattened: as
// records that say where in the file their bytes belong. A reader that works
// on a FileImage does not notice. Offsets are those of the file proper (what
// `makedumpfile -R` would rebuild).
//
#pragma once

#include "dump/storage/FileSource.h"

#include <memory>
#include <string>
#include <vector>

namespace vmpt {

/// Decoded or gathered pieces that outlive the reader (Dump::buffers).
using Buffers = std::vector<std::unique_ptr<std::vector<uint8_t>>>;

/// Reading is safe from several threads.
class FileImage {
public:
  enum class Kind : uint8_t {
    Data,    ///< Bytes in memory.
    Stored,  ///< Bytes that are in the source, and must be read from there.
    Zeros,   ///< Never written, so it reads as zeros.
    Missing, ///< Lost: the stored file ended too early.
  };
  /// What is known from some offset on.
  struct Piece {
    Kind kind = Kind::Missing;
    uint64_t size = 0;             ///< Never 0.
    const uint8_t *data = nullptr; ///< Kind::Data only.
    uint64_t sourceOffset = 0;     ///< Kind::Data and Kind::Stored.
  };

  virtual ~FileImage();

  /// What holds the stored bytes. It must outlive what is made of them.
  const FileSource &source() const { return *source_; }
  /// One past the last byte that the file is known to have.
  virtual uint64_t size() const = 0;
  /// How many bytes are really stored: what bounds an allocation, because a
  /// flattened file can claim any size, and so can one that is read.
  uint64_t storedSize() const;
  /// The piece that covers \p offset, from there to where it ends; \p offset
  /// is below size().
  virtual Piece pieceAt(uint64_t offset) const = 0;
  /// What is wrong with how the file is stored, a sentence each.
  virtual std::vector<std::string> quirks() const { return {}; }
  /// As FileSource::listData().
  virtual std::vector<std::pair<uint64_t, uint64_t>>
  listData(uint64_t, uint64_t size) const {
    return {{0, size}};
  }

  /// True if these bytes were there when the file was opened and are not now,
  /// as far as somebody noticed.
  bool wasLost(uint64_t offset, uint64_t size) const {
    const bool any = faults::anyFault.load(std::memory_order_relaxed);
    const uint8_t *view = any ? tryView(offset, size) : nullptr;
    return view && vmpt::wasLost(view, size);
  }
  /// True if no byte of [offset, offset + size) is missing.
  bool has(uint64_t offset, uint64_t size) const;
  /// Copies [offset, offset + out.size()); false if any of it is missing.
  bool tryRead(uint64_t offset, llvm::MutableArrayRef<uint8_t> out) const;
  /// The same bytes without a copy, or null if they are not in one piece.
  const uint8_t *tryView(uint64_t offset, uint64_t size) const;
  /// The bytes where they lie, or gathered into a new entry of \p buffers. A
  /// FormatError says that \p what is not all there.
  llvm::Expected<Bytes> slice(uint64_t offset, uint64_t size, ByteOrder order,
                              const char *what, Buffers &buffers) const;

protected:
  explicit FileImage(std::shared_ptr<const FileSource> source)
      : source_(std::move(source)) {}
  /// The piece of \p size bytes at \p sourceOffset of the source.
  Piece makePiece(uint64_t sourceOffset, uint64_t size) const {
    if (const uint8_t *data = source_->data())
      return {Kind::Data, size, data + sourceOffset, sourceOffset};
    return {Kind::Stored, size, nullptr, sourceOffset};
  }

private:
  std::shared_ptr<const FileSource> source_;
};

/// A file that is stored as it is.
class PlainImage final : public FileImage {
public:
  explicit PlainImage(std::shared_ptr<const FileSource> source)
      : FileImage(std::move(source)) {}
  /// The bytes must outlive this object.
  explicit PlainImage(Bytes file)
      : FileImage(std::make_shared<FileSource>(file)) {}

  uint64_t size() const override { return source().size(); }
  Piece pieceAt(uint64_t offset) const override {
    return makePiece(offset, size() - offset);
  }
  std::vector<std::pair<uint64_t, uint64_t>>
  listData(uint64_t offset, uint64_t size) const override {
    return source().listData(offset, size);
  }
};

} // namespace vmpt
