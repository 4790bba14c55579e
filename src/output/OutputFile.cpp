#include "output/OutputFile.h"

#include "llvm/Support/FileSystem.h"

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

namespace {

llvm::Error systemError(const char *what) {
  return llvm::make_error<UsageError>(llvm::Twine(what) + ": " +
                                      std::strerror(errno));
}

llvm::Error usageError(const llvm::Twine &what) {
  return llvm::make_error<UsageError>(what);
}

/// What stands in front of the file's own name: "", "folder/".
std::string folderOf(const std::string &path) {
  return path.substr(0, path.rfind('/') + 1);
}

/// The path behind all links, the last of which may lead to nothing yet.
llvm::Expected<std::string> followLinks(std::string path) {
  constexpr unsigned maxLinks = 40; // as the kernel's
  for (unsigned links = 0; links < maxLinks; ++links) {
    char target[PATH_MAX];
    ssize_t size = ::readlink(path.c_str(), target, sizeof target);
    if (size < 0)
      return path; // no link: EINVAL, or ENOENT and the like, met again later
    llvm::StringRef name(target, size_t(size));
    path = name.take_front() == "/" ? name.str() : folderOf(path) + name.str();
  }
  errno = ELOOP;
  return systemError("cannot create");
}

bool isSameFile(const struct stat &a, const struct stat &b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Refuses an output that is one of the inputs, and narrows \p mode to what all
/// files of the dump allow. Inputs that are not there are somebody else's
/// error.
llvm::Error compareWithInputs(const OutputRequest &request,
                              const struct stat *output, mode_t &mode) {
  auto check = [&](const std::string &input, bool isDump) -> llvm::Error {
    struct stat status;
    if (::stat(input.c_str(), &status) != 0)
      return llvm::Error::success();
    // What is no regular file is written to, and is not lost by it: a terminal
    // or /dev/null may be both.
    if (output && isSameFile(*output, status) && !S_ISCHR(status.st_mode))
      return usageError((input == request.path
                             ? "is the input"
                             : "is the input '" + input + "'") +
                        " itself, which would be lost; name another file");
    if (isDump)
      mode &= status.st_mode;
    return llvm::Error::success();
  };
  for (const std::string &input : request.dumpFiles)
    if (llvm::Error error = check(input, true))
      return error;
  for (const std::string &input : request.otherInputs)
    if (llvm::Error error = check(input, false))
      return error;
  return llvm::Error::success();
}

llvm::Error refuseTerminal(int fd) {
  if (::isatty(fd))
    return usageError("is a terminal, and the output is not text; redirect it, "
                      "or name a file");
  return llvm::Error::success();
}

/// A file without a name in the folder of \p path, or -1: not every file system
/// has such, and giveName() needs /proc.
int createUnnamed(const std::string &path, mode_t mode) {
  if (::access("/proc/self/fd", X_OK) != 0)
    return -1;
  return ::open((folderOf(path) + ".").c_str(),
                O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
}

} // namespace

llvm::Expected<std::unique_ptr<OutputFile>>
OutputFile::createFile(std::string path, mode_t mode, Kind kind) {
  int fd = createUnnamed(path, mode);
  if (fd >= 0)
    return std::unique_ptr<OutputFile>(new OutputFile(path, fd, kind));
  std::string temporary = folderOf(path) + ".vmpt-XXXXXX";
  fd = ::mkstemp(temporary.data());
  if (fd < 0)
    return systemError("cannot create");
  mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd, mode & ~mask);
  std::unique_ptr<OutputFile> file(new OutputFile(path, fd, kind));
  file->temporary_ = std::move(temporary);
  return file;
}

llvm::Expected<std::unique_ptr<OutputFile>>
OutputFile::create(const OutputRequest &request) {
  mode_t mode = 0666;
  const bool isStandard = request.path == "-";
  llvm::Expected<std::string> path = followLinks(request.path);
  if (!path)
    return path.takeError();
  struct stat status, standard;
  const bool exists = isStandard ? ::fstat(STDOUT_FILENO, &status) == 0
                                 : ::stat(request.path.c_str(), &status) == 0;
  if (!exists && (isStandard || errno != ENOENT))
    return systemError("cannot create"); // too long a name, for one
  if (llvm::Error error =
          compareWithInputs(request, exists ? &status : nullptr, mode))
    return error;
  if (!exists)
    return createFile(std::move(*path), mode, Kind::NewFile);
  // /dev/stdout and its like, whatever standard output is.
  int fd = -1;
  if (isStandard ||
      (::fstat(STDOUT_FILENO, &standard) == 0 && isSameFile(status, standard)))
    fd = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  else if (S_ISREG(status.st_mode)) {
    if (!request.force)
      return usageError("exists; name another file, or pass --force to "
                        "replace it");
    // Nor may more people read it than could before.
    return createFile(std::move(*path), mode & status.st_mode,
                      Kind::Replacement);
  } else if (S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode) ||
             S_ISSOCK(status.st_mode)) {
    return usageError(llvm::Twine("is ") +
                      (S_ISDIR(status.st_mode)   ? "a directory"
                       : S_ISBLK(status.st_mode) ? "a block device"
                                                 : "a socket") +
                      " and not a regular file; name a file to write");
  } else {
    fd = ::open(request.path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  }
  if (fd < 0)
    return systemError("cannot write to it");
  std::unique_ptr<OutputFile> file(new OutputFile("", fd, Kind::Stream));
  if (llvm::Error error = refuseTerminal(fd))
    return error;
  return file;
}

llvm::Error judgeStandardOutput(const OutputRequest &request) {
  struct stat status;
  if (::fstat(STDOUT_FILENO, &status) != 0 || !S_ISREG(status.st_mode))
    return llvm::Error::success();
  mode_t mode = 0;
  return compareWithInputs(request, &status, mode);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0)
    ::close(fd_);
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

llvm::Error OutputFile::write(llvm::ArrayRef<uint8_t> bytes) {
  constexpr size_t bufferBytes = 64 << 10;
  if (buffer_.size() + bytes.size() <= bufferBytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return llvm::Error::success();
  }
  if (llvm::Error error = flush())
    return error;
  return writeOut(bytes);
}

llvm::Error OutputFile::flush() {
  llvm::Error error = writeOut(buffer_);
  buffer_.clear();
  return error;
}

llvm::Error OutputFile::restart() {
  buffer_.clear();
  position_ = 0;
  if (::ftruncate(fd_, 0) != 0)
    return systemError("cannot set the size");
  return llvm::Error::success();
}

llvm::Error OutputFile::writeOut(llvm::ArrayRef<uint8_t> bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const uint8_t *from = bytes.data() + done;
    const size_t size = bytes.size() - done;
    ssize_t count = kind_ == Kind::Stream
                        ? ::write(fd_, from, size)
                        : ::pwrite(fd_, from, size, off_t(position_ + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError("cannot write");
    done += size_t(count);
  }
  position_ += bytes.size();
  return llvm::Error::success();
}

llvm::Error OutputFile::skip(uint64_t count) {
  if (kind_ == Kind::Stream) {
    const std::vector<uint8_t> zeros(std::min<uint64_t>(count, 1 << 16));
    for (uint64_t size; count; count -= size) {
      size = std::min<uint64_t>(count, zeros.size());
      if (llvm::Error error =
              write(llvm::ArrayRef<uint8_t>(zeros).take_front(size)))
        return error;
    }
    return llvm::Error::success();
  }
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

/// A new file takes only a name that is still free.
llvm::Error OutputFile::moveIntoPlace() {
  int result = -1;
  if (kind_ == Kind::NewFile)
    result = ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(),
                         RENAME_NOREPLACE);
  // Not every file system has RENAME_NOREPLACE.
  if (kind_ == Kind::Replacement || (result != 0 && errno == EINVAL))
    result = ::rename(temporary_.c_str(), path_.c_str());
  if (result != 0)
    return systemError("cannot rename the finished file");
  temporary_.clear();
  return llvm::Error::success();
}

namespace {

/// A signal that would end the process waits, or a finished file would be left
/// with a name that nobody asked for.
class BlockedSignals {
public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals &) = delete;
  BlockedSignals &operator=(const BlockedSignals &) = delete;

private:
  sigset_t before_;
};

} // namespace

llvm::Error OutputFile::commit() {
  if (llvm::Error error = flush())
    return error;
  auto close = [this]() -> llvm::Error {
    if (::close(std::exchange(fd_, -1)) != 0)
      return systemError("cannot close");
    return llvm::Error::success();
  };
  if (kind_ == Kind::Stream)
    return close();
  if (::ftruncate(fd_, off_t(position_)) != 0)
    return systemError("cannot set the size");
  const BlockedSignals untilItHasItsName;
  if (temporary_.empty())
    if (llvm::Error error = giveName())
      return error;
  if (llvm::Error error = close())
    return error;
  return moveIntoPlace();
}

} // namespace vmpt
