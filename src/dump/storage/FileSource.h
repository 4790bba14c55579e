//===- FileSource.h - the bytes of a file, mapped or read -----------------===//
//
// Most dumps are mapped: their bytes are a pointer away. /proc/kcore and files
// of some file systems cannot be, and are as large as the address space: they
// are read in blocks, of which few are kept. A view of such bytes is borrowed,
// and its block is given back with the view.
//
#pragma once

#include "dump/storage/MappedFile.h"

#include <array>
#include <mutex>

namespace vmpt {

/// Bytes of a file as long as this object lives; empty if they are not there.
class FileView {
public:
  using Block = std::shared_ptr<const std::vector<uint8_t>>;

  FileView() = default;
  explicit FileView(llvm::ArrayRef<uint8_t> bytes, Block held = nullptr)
      : bytes_(bytes), held_(std::move(held)) {}
  Bytes bytes() const { return Bytes(bytes_); }

private:
  llvm::ArrayRef<uint8_t> bytes_;
  Block held_;
};

/// Reading is safe from several threads.
class FileSource {
public:
  /// Maps the file if that can be, copies what can only be read from the start
  /// to the end, and else reads when asked. As for MappedFile::open().
  static llvm::Expected<std::shared_ptr<FileSource>>
  open(const std::string &path);
  /// A file that is read, not mapped.
  explicit FileSource(OpenFile file)
      : size_(file.size()), blocks_(std::make_unique<BlockCache>()),
        file_(std::move(file)), isOfProc_(file_->isOfProc()) {}
  explicit FileSource(std::unique_ptr<MappedFile> mapped)
      : data_(mapped->bytes().data()), size_(mapped->bytes().size()),
        mapped_(std::move(mapped)) {}
  /// Bytes in memory that outlive this object.
  explicit FileSource(Bytes bytes) : data_(bytes.data()), size_(bytes.size()) {}

  uint64_t size() const { return size_; }
  /// All of the bytes where they lie, or null if the file is read.
  const uint8_t *data() const { return data_; }
  bool isRead() const { return blocks_ != nullptr; }
  /// Of /proc: what it holds may change, so nothing that is copied is kept.
  bool isOfProc() const { return isOfProc_; }
  /// What data() points to; nothing if the file is read.
  Bytes bytes() const { return data_ ? Bytes({data_, size_}) : Bytes(); }

  /// Copies [offset, offset + out.size()); false if any of it is not there, or
  /// not any more.
  bool tryRead(uint64_t offset, llvm::MutableArrayRef<uint8_t> out) const;
  /// As much of [offset, offset + size) as there is in one piece.
  FileView borrow(uint64_t offset, uint64_t size) const;
  /// Parts of [offset, offset + size) that the file system has bytes for, as
  /// offsets from \p offset; the rest are holes, which read as zeros.
  std::vector<std::pair<uint64_t, uint64_t>> listData(uint64_t offset,
                                                      uint64_t size) const;
  /// The first of these parts in [offset, end), as offsets in the file; both
  /// are \p end where there is none.
  std::pair<uint64_t, uint64_t> nextStored(uint64_t offset, uint64_t end) const;
  /// The file as a mapping, from a copy where it is read.
  llvm::Expected<std::shared_ptr<FileSource>> makeMapped() const;
  /// See MappingWatch::describe().
  std::optional<std::string> describeFault() const {
    return mapped_ ? mapped_->describeFault() : std::nullopt;
  }

  static constexpr uint64_t blockBytes = 64 << 10, blockCount = 128;

private:
  /// A block has one place that it can be kept in.
  struct BlockCache {
    struct Place {
      uint64_t number = ~uint64_t(0);
      FileView::Block block;
    };
    std::mutex mutex; ///< Held for the look, not for reading nor copying.
    std::array<Place, blockCount> places;
  };

  FileView::Block getBlock(uint64_t number) const;
  /// Up to out.size() bytes of the file; how many there were.
  uint64_t readFile(uint64_t offset, llvm::MutableArrayRef<uint8_t> out) const;
  const OpenFile *file() const {
    return mapped_ ? &mapped_->file() : file_ ? &*file_ : nullptr;
  }

  const uint8_t *data_ = nullptr;
  uint64_t size_ = 0;
  std::unique_ptr<MappedFile> mapped_;
  std::unique_ptr<BlockCache> blocks_;
  std::optional<OpenFile> file_;
  bool isOfProc_ = false;
};

} // namespace vmpt
