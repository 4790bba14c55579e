//===- OpenFile.h - a file descriptor, and what it is of ------------------===//
#pragma once

#include "support/Error.h"

#include <string>
#include <utility>

namespace vmpt {

/// Closes its descriptor.
class OpenFile {
public:
  /// Fails for what holds no dump (directories, terminals, other devices than
  /// disks). Does not wait for somebody who might write to a pipe. The message
  /// does not name the file.
  static llvm::Expected<OpenFile> open(const std::string &path);
  /// A copy of all that can be read from this file, in a file without a name.
  /// Zeros take no room there.
  llvm::Expected<OpenFile> spool() const;

  OpenFile(OpenFile &&other)
      : fd_(std::exchange(other.fd_, -1)), isSeekable_(other.isSeekable_),
        size_(other.size_) {}
  OpenFile &operator=(OpenFile &&other) {
    std::swap(fd_, other.fd_);
    isSeekable_ = other.isSeekable_;
    size_ = other.size_;
    return *this;
  }
  ~OpenFile();

  int fd() const { return fd_; }
  /// False for a pipe, and for files of /proc that do not know their size:
  /// these can only be read from the start to the end.
  bool isSeekable() const { return isSeekable_; }
  uint64_t size() const { return size_; }
  bool isOfProc() const;

private:
  OpenFile(int fd, bool isSeekable, uint64_t size)
      : fd_(fd), isSeekable_(isSeekable), size_(size) {}

  int fd_;
  bool isSeekable_;
  uint64_t size_;
};

} // namespace vmpt
