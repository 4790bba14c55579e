//===- MappedFile.h - a whole file, read-only, as bytes -------------------===//
#pragma once

#include "support/Bytes.h"

#include <memory>
#include <string>

namespace vmpt {

/// Owns a read-only memory mapping of a regular file or block device. The
/// mapping stays valid for the life of the object; reading it never copies.
class MappedFile {
public:
  /// Fails for directories, pipes, unreadable and empty files. The message
  /// does not name the file.
  static llvm::Expected<std::unique_ptr<MappedFile>>
  open(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  Bytes bytes() const { return Bytes({data_, size_}); }
  const std::string &path() const { return path_; }

private:
  MappedFile(std::string path, const uint8_t *data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}

  std::string path_;
  const uint8_t *data_;
  size_t size_;
};

} // namespace vmpt
