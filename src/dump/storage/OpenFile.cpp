#include "dump/storage/OpenFile.h"

#include "dump/storage/SpoolFolder.h"
#include "support/Bytes.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <vector>

namespace vmpt {

namespace {

llvm::Error systemError(const llvm::Twine &what) {
  return llvm::make_error<UsageError>(what + ": " + std::strerror(errno));
}

int createUnnamed(const std::string &folder) {
  int fd =
      ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0)
    return fd;
  std::string name = folder + "/vmpt-XXXXXX";
  fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd >= 0)
    ::unlink(name.c_str());
  return fd;
}

/// False with errno if not all of it could be written.
bool writeAt(int fd, llvm::ArrayRef<uint8_t> bytes, uint64_t offset) {
  while (!bytes.empty()) {
    ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), off_t(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return false;
    bytes = bytes.drop_front(size_t(count));
    offset += uint64_t(count);
  }
  return true;
}

/// `a | b`, `<(a)`: it was open before us, so there is no writer to wait for.
bool isPipeOfAShell(int fd) {
  struct statfs status;
  return ::fstatfs(fd, &status) == 0 && status.f_type == PIPEFS_MAGIC;
}

/// A named pipe that nobody has opened for writing yet reads as empty. poll(2)
/// ends when there is something to read, or the last writer has gone.
void waitForWriter(int fd) {
  pollfd waiting = {fd, POLLIN, 0};
  while (::poll(&waiting, 1, -1) < 0 && errno == EINTR)
    continue;
}

} // namespace

std::string getSpoolFolder() {
  const char *chosen = std::getenv("TMPDIR");
  if (chosen && *chosen)
    return chosen;
  return ::access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
}

llvm::Expected<OpenFile> OpenFile::open(const std::string &path) {
  // O_NONBLOCK: opening a device must not wait for it.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == EPERM)
    return systemError("cannot open (is the kernel locked down, or the "
                       "capability CAP_SYS_RAWIO missing?)");
  if (fd < 0)
    return systemError("cannot open");
  OpenFile file(fd, false, 0);
  struct stat status;
  if (::fstat(fd, &status) != 0)
    return systemError("cannot stat");
  if (S_ISDIR(status.st_mode))
    return llvm::make_error<UsageError>("is a directory, not a dump file");
  if (S_ISCHR(status.st_mode))
    return llvm::make_error<UsageError>(
        ::isatty(fd) ? "is a terminal, not a dump file"
                     : "is a device that is no disk, not a dump file");
  if (S_ISFIFO(status.st_mode) && !isPipeOfAShell(fd))
    waitForWriter(fd);
  if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK) != 0)
    return systemError("cannot open");
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
    return file;
  off_t size = ::lseek(fd, 0, SEEK_END);
  // /proc/kcore may refuse SEEK_END and know its size nevertheless.
  file.size_ = size > 0 ? uint64_t(size) : uint64_t(status.st_size);
  file.isSeekable_ = file.size_ != 0;
  ::lseek(fd, 0, SEEK_SET);
  return file;
}

bool OpenFile::isOfProc() const {
  struct statfs status;
  return ::fstatfs(fd_, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

OpenFile::~OpenFile() {
  if (fd_ >= 0)
    ::close(fd_);
}

llvm::Expected<OpenFile> OpenFile::spool() const {
  const std::string folder = getSpoolFolder();
  OpenFile copy(createUnnamed(folder), true, 0);
  if (copy.fd_ < 0)
    return systemError("cannot be mapped, and no copy can be made in '" +
                       folder + "' (TMPDIR)");
  std::vector<uint8_t> buffer(1 << 20);
  for (;;) {
    ssize_t count = isSeekable_ ? ::pread(fd_, buffer.data(), buffer.size(),
                                          off_t(copy.size_))
                                : ::read(fd_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError("cannot be read after " + hex(copy.size_) + " bytes");
    if (count == 0)
      break;
    llvm::ArrayRef<uint8_t> piece(buffer.data(), size_t(count));
    if (!isZero(piece) && !writeAt(copy.fd_, piece, copy.size_))
      return systemError("cannot be mapped, and its copy in '" + folder +
                         "' ended after " + hex(copy.size_) +
                         " bytes; set TMPDIR to a folder with more room");
    copy.size_ += piece.size();
  }
  if (copy.size_ == 0)
    return llvm::make_error<UsageError>("is empty");
  if (::ftruncate(copy.fd_, off_t(copy.size_)) != 0)
    return systemError("cannot set the size of its copy");
  return copy;
}

} // namespace vmpt
