//===- Flattened.h - makedumpfile -F, and what QEMU writes for kdump-* ----===//
//
// A format for pipes: a 4096-byte header, then records {offset, size, bytes}
// with big-endian 64-bit numbers, until {-1, -1}. Records come in any order
// and may overwrite earlier ones. Source: makedumpfile 1.7.2 makedumpfile.h
// (makedumpfile_header, makedumpfile_data_header), docs/formats/flattened.md.
//
#pragma once

#include "dump/storage/FileImage.h"

namespace vmpt {

class FlattenedImage final : public FileImage {
public:
  /// True if \p file starts with the signature.
  static bool matches(const FileSource &file);
  /// Indexes the records. A file that ends
  /// or breaks before the end marker keeps what came before, and says so in
  /// quirks(); gaps between records are then missing instead of zeros.
  static llvm::Expected<std::unique_ptr<FlattenedImage>>
  create(std::shared_ptr<const FileSource> file);
  /// The same of bytes that outlive the image.
  static llvm::Expected<std::unique_ptr<FlattenedImage>> create(Bytes file) {
    return create(std::make_shared<FileSource>(file));
  }

  uint64_t size() const override { return size_; }
  Piece pieceAt(uint64_t offset) const override;
  std::vector<std::string> quirks() const override { return quirks_; }
  uint64_t getRecordCount() const { return recordCount_; }

private:
  /// Bytes [target, target + size) of the image are at `stored` in the file.
  struct Record {
    uint64_t target;
    uint64_t stored; ///< Also the age: later records lie further back.
    uint64_t size;
    uint64_t end() const { return target + size; }
  };

  explicit FlattenedImage(std::shared_ptr<const FileSource> file)
      : FileImage(std::move(file)) {}
  void scan();
  void resolveOverlaps();

  std::vector<Record> records_; ///< Ascending and disjoint after `create`.
  uint64_t recordCount_ = 0;
  uint64_t size_ = 0;
  bool complete_ = false;
  std::vector<std::string> quirks_;
};

/// The content of a dump file: unwrapped if it is flattened, else as it is.
llvm::Expected<std::unique_ptr<FileImage>>
createFileImage(std::shared_ptr<const FileSource> file);

} // namespace vmpt
