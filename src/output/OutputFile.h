//===- OutputFile.h - a file that appears whole or not at all -------------===//
#pragma once

#include "support/Bytes.h"

#include <memory>
#include <string>

namespace vmpt {

/// Written in a stream, in the folder of its final name, and renamed by
/// `commit`. Without a commit nothing is left behind; if a signal ends the
/// program, only where the file system has no files without names (NFS).
class OutputFile {
public:
  /// The error does not name the file.
  static llvm::Expected<std::unique_ptr<OutputFile>>
  create(const std::string &path);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  llvm::Error write(llvm::ArrayRef<uint8_t> bytes);
  /// \p count zero bytes, as a hole where the file system can.
  llvm::Error skip(uint64_t count);
  uint64_t position() const { return position_ + buffer_.size(); }
  /// Makes the file appear under its name, replacing what was there.
  llvm::Error commit();

private:
  OutputFile(std::string path, std::string temporary, int fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}
  llvm::Error flush();
  llvm::Error giveName();

  std::string path_;
  std::string temporary_; ///< Empty as long as the file has no name.
  int fd_;
  uint64_t position_ = 0;
  std::vector<uint8_t> buffer_;
};

} // namespace vmpt
