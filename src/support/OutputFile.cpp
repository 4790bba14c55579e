#include "support/OutputFile.h"

#include <cerrno>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

static llvm::Error systemError(const char *what) {
  return llvm::make_error<UsageError>(llvm::Twine(what) + ": " +
                                      std::strerror(errno));
}

llvm::Expected<std::unique_ptr<OutputFile>>
OutputFile::create(const std::string &path) {
  // commit() renames over the path: root would replace a device node by that.
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return llvm::make_error<UsageError>(
        "exists and is not a regular file; name a file to write");
  std::string temporary = path + ".XXXXXX";
  int fd = ::mkstemp(temporary.data());
  if (fd < 0)
    return systemError("cannot create");
  // mkstemp makes it private; the result is an ordinary file.
  mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd, 0666 & ~mask);
  return std::unique_ptr<OutputFile>(
      new OutputFile(path, std::move(temporary), fd));
}

OutputFile::~OutputFile() {
  if (fd_ >= 0)
    ::close(fd_);
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

llvm::Error OutputFile::write(llvm::ArrayRef<uint8_t> bytes) {
  constexpr size_t bufferBytes = 1 << 20;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= bufferBytes)
    return flush();
  return llvm::Error::success();
}

llvm::Error OutputFile::flush() {
  for (size_t done = 0; done < buffer_.size();) {
    ssize_t count = ::pwrite(fd_, buffer_.data() + done, buffer_.size() - done,
                             off_t(position_ + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError("cannot write");
    done += size_t(count);
  }
  position_ += buffer_.size();
  buffer_.clear();
  return llvm::Error::success();
}

llvm::Error OutputFile::skip(uint64_t count) {
  if (llvm::Error error = flush())
    return error;
  position_ += count;
  return llvm::Error::success();
}

llvm::Error OutputFile::commit() {
  if (llvm::Error error = flush())
    return error;
  if (::ftruncate(fd_, off_t(position_)) != 0)
    return systemError("cannot set the size");
  if (::close(std::exchange(fd_, -1)) != 0)
    return systemError("cannot close");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return systemError("cannot rename the finished file");
  temporary_.clear();
  return llvm::Error::success();
}

} // namespace vmpt
