#include "dump/storage/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

namespace {

llvm::Error systemError(const char *what) {
  return llvm::make_error<UsageError>(llvm::Twine(what) + ": " +
                                      std::strerror(errno));
}

/// The descriptor is only needed until the mapping stands.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

} // namespace

llvm::Expected<std::unique_ptr<MappedFile>>
MappedFile::open(const std::string &path) {
  // O_NONBLOCK: opening a pipe that nobody writes must not hang.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0)
    return systemError("cannot open");
  struct stat status;
  if (::fstat(file.fd, &status) != 0)
    return systemError("cannot stat");
  if (S_ISDIR(status.st_mode))
    return llvm::make_error<UsageError>("is a directory, not a dump file");
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
    return llvm::make_error<UsageError>(
        "is neither a regular file nor a block device");
  off_t size = ::lseek(file.fd, 0, SEEK_END);
  if (size < 0)
    return systemError("cannot find its size");
  if (size == 0)
    return llvm::make_error<UsageError>("is empty");
  void *data = ::mmap(nullptr, size_t(size), PROT_READ, MAP_SHARED, file.fd, 0);
  if (data == MAP_FAILED)
    return systemError("cannot map into memory");
  return std::unique_ptr<MappedFile>(
      new MappedFile(path, static_cast<const uint8_t *>(data), size_t(size)));
}

MappedFile::~MappedFile() { ::munmap(const_cast<uint8_t *>(data_), size_); }

} // namespace vmpt
