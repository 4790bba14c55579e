#include "output/OutputFile.h"

#include "llvm/Support/FileSystem.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

static llvm::Error systemError(const char *what) {
  return llvm::make_error<UsageError>(llvm::Twine(what) + ": " +
                                      std::strerror(errno));
}

/// What stands in front of the file's own name: "", "folder/".
static std::string folderOf(const std::string &path) {
  return path.substr(0, path.rfind('/') + 1);
}

/// A file without a name in the folder of \p path, or -1: not every file system
/// has such, and giveName() needs /proc.
static int createUnnamed(const std::string &path) {
  if (::access("/proc/self/fd", X_OK) != 0)
    return -1;
  return ::open((folderOf(path) + ".").c_str(),
                O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
}

llvm::Expected<std::unique_ptr<OutputFile>>
OutputFile::create(const std::string &path) {
  // commit() renames over the path: root would replace a device node by that.
  struct stat status;
  if (::stat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode))
      return llvm::make_error<UsageError>(
          "exists and is not a regular file; name a file to write");
  } else if (errno != ENOENT) {
    return systemError("cannot create"); // too long a name, for one
  }
  int fd = createUnnamed(path);
  if (fd >= 0)
    return std::unique_ptr<OutputFile>(new OutputFile(path, "", fd));
  std::string temporary = folderOf(path) + ".vmpt-XXXXXX";
  fd = ::mkstemp(temporary.data());
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

/// A name beside the final one, which only rename(2) can replace.
llvm::Error OutputFile::giveName() {
  const std::string file = "/proc/self/fd/" + std::to_string(fd_);
  for (;;) {
    llvm::SmallString<16> own;
    llvm::sys::fs::createUniquePath(".vmpt-%%%%%%", own, false);
    std::string name = folderOf(path_) + own.c_str();
    if (::linkat(AT_FDCWD, file.c_str(), AT_FDCWD, name.c_str(),
                 AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = std::move(name);
      return llvm::Error::success();
    }
    if (errno != EEXIST)
      return systemError("cannot name the finished file");
  }
}

llvm::Error OutputFile::commit() {
  if (llvm::Error error = flush())
    return error;
  if (::ftruncate(fd_, off_t(position_)) != 0)
    return systemError("cannot set the size");
  if (temporary_.empty())
    if (llvm::Error error = giveName())
      return error;
  if (::close(std::exchange(fd_, -1)) != 0)
    return systemError("cannot close");
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return systemError("cannot rename the finished file");
  temporary_.clear();
  return llvm::Error::success();
}

} // namespace vmpt
