//===- OutputFile.h - a file that appears whole or not at all -------------===//
//
// Nothing that was there is lost by it: an output that is one of the inputs is
// refused, a file that exists is replaced only where that was asked for, a link
// is followed, and what is no regular file (a pipe, a device, standard output)
// is written to and stays what it is.
//
#pragma once

#include "support/Bytes.h"

#include <memory>
#include <string>
#include <sys/types.h>

namespace vmpt {

struct OutputRequest {
  std::string path; ///< "-" is standard output.
  /// The dump and its further files. The new file may be read by those only who
  /// may read all of these.
  std::vector<std::string> dumpFiles;
  std::vector<std::string> otherInputs; ///< Symbols and the like.
  bool force = false;                   ///< An existing file may be replaced.
};

/// What is printed goes to standard output. An input that it is appended to
/// would not be what it was.
llvm::Error judgeStandardOutput(const OutputRequest &request);

/// Written from the start to the end, in the folder of its final name, and
/// renamed by `commit`. Without a commit nothing is left behind; if a signal
/// ends the program, only where the file system has no files without names
/// (NFS). A stream has no commit to wait for: what was written is there.
class OutputFile {
public:
  /// Checks all that can be checked before the work. The error does not name
  /// the file.
  static llvm::Expected<std::unique_ptr<OutputFile>>
  create(const OutputRequest &request);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  llvm::Error write(llvm::ArrayRef<uint8_t> bytes);
  /// \p count zero bytes, as a hole where the file system can.
  llvm::Error skip(uint64_t count);
  /// Can all that was written be taken back? Not from a stream.
  bool canRestart() const { return kind_ != Kind::Stream; }
  llvm::Error restart();
  uint64_t position() const { return position_ + buffer_.size(); }
  /// Makes the file appear under its name, and replaces what was there if that
  /// was asked for.
  llvm::Error commit();

private:
  enum class Kind : uint8_t { NewFile, Replacement, Stream };

  OutputFile(std::string path, int fd, Kind kind)
      : path_(std::move(path)), fd_(fd), kind_(kind) {}
  static llvm::Expected<std::unique_ptr<OutputFile>>
  createFile(std::string path, mode_t mode, Kind kind);
  llvm::Error flush();
  llvm::Error writeOut(llvm::ArrayRef<uint8_t> bytes);
  llvm::Error giveName();
  llvm::Error moveIntoPlace();

  std::string path_;      ///< Behind all links.
  std::string temporary_; ///< Empty as long as the file has no name.
  int fd_;
  Kind kind_;
  uint64_t position_ = 0;
  std::vector<uint8_t> buffer_;
};

} // namespace vmpt
