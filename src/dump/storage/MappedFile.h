//===- MappedFile.h - a whole file, read-only, as bytes -------------------===//
#pragma once

#include "dump/storage/FileFaults.h"
#include "dump/storage/OpenFile.h"
#include "support/Bytes.h"

#include <memory>
#include <string>

namespace vmpt {

/// Owns a read-only memory mapping of a file. The mapping stays valid for the
/// life of the object; reading it never copies. Bytes that the file loses
/// meanwhile read as zeros: see wasLost().
class MappedFile {
public:
  /// What cannot be mapped (pipes, files of /proc) is copied to a file without
  /// a name first. Fails for directories, devices, unreadable and empty files.
  /// The message does not name the file.
  static llvm::Expected<std::unique_ptr<MappedFile>>
  open(const std::string &path);
  /// Maps \p file, or null if its file system cannot.
  static std::unique_ptr<MappedFile> map(OpenFile &file);
  /// The same of a copy of \p file.
  static llvm::Expected<std::unique_ptr<MappedFile>>
  mapCopy(const OpenFile &file);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  Bytes bytes() const { return Bytes({data_, file_.size()}); }
  const OpenFile &file() const { return file_; }
  /// See MappingWatch::describe().
  std::optional<std::string> describeFault() const {
    return watch_->describe();
  }

private:
  MappedFile(OpenFile file, const uint8_t *data)
      : file_(std::move(file)), data_(data),
        watch_(std::make_unique<MappingWatch>(
            llvm::ArrayRef<uint8_t>(data, file_.size()), file_.fd())) {}

  OpenFile file_;
  const uint8_t *data_;
  std::unique_ptr<MappingWatch> watch_; ///< Ends before the mapping does.
};

} // namespace vmpt
