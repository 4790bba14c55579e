//===- DumpFile.h - a dump in memory whose bytes can be spoiled -----------===//
//
// The file has no name and is opened as /proc/self/fd/N, so all of it is what
// a user's dump goes through. Changes show in what is mapped already.
//
#pragma once

#include "support/Error.h"

#include "llvm/ADT/ArrayRef.h"

#include <memory>
#include <string>
#include <vector>

namespace vmpt::robust {

class DumpFile {
public:
  /// Reads \p path, through zstd where its name ends with .zst.
  static llvm::Expected<std::unique_ptr<DumpFile>>
  open(const std::string &name, const std::string &path);
  ~DumpFile();
  DumpFile(const DumpFile &) = delete;
  DumpFile &operator=(const DumpFile &) = delete;

  const std::string &name() const { return name_; }
  /// Where it can be opened.
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  uint64_t size() const { return pristine_.size(); }
  llvm::ArrayRef<uint8_t> pristine() const { return pristine_; }
  /// The present bytes.
  const uint8_t *data() const { return data_; }

  /// Writes \p bytes; what does not fit is dropped.
  void write(uint64_t offset, llvm::ArrayRef<uint8_t> bytes);
  void truncate(uint64_t size);
  /// As it was.
  void restore();

private:
  struct Span {
    uint64_t offset, size;
  };

  DumpFile() = default;

  std::string name_;
  std::vector<uint8_t> pristine_;
  int fd_ = -1;
  uint8_t *data_ = nullptr;
  std::vector<Span> dirty_;
  uint64_t presentSize_ = 0;
};

} // namespace vmpt::robust
