#include "dump/storage/FileAccess.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace vmpt {

namespace {

/// The mapping of a file without a name. Nobody can make it shorter.
class OwnCopy {
public:
  explicit OwnCopy(OpenFile file) : file_(std::move(file)) {
    void *data =
        ::mmap(nullptr, file_.size(), PROT_READ, MAP_PRIVATE, file_.fd(), 0);
    if (data != MAP_FAILED)
      data_ = static_cast<const uint8_t *>(data);
  }
  ~OwnCopy() {
    if (data_)
      ::munmap(const_cast<uint8_t *>(data_), file_.size());
  }
  OwnCopy(const OwnCopy &) = delete;
  const uint8_t *data() const { return data_; }
  uint64_t size() const { return file_.size(); }

private:
  OpenFile file_;
  const uint8_t *data_ = nullptr;
};

struct CopiedSource : OwnCopy, FileSource {
  explicit CopiedSource(OpenFile file)
      : OwnCopy(std::move(file)),
        FileSource(Bytes({OwnCopy::data(), OwnCopy::size()})) {}
};

/// Up to \p size bytes from the start of \p file.
std::vector<uint8_t> readStart(const OpenFile &file, uint64_t size) {
  std::vector<uint8_t> bytes(std::min(size, file.size()));
  uint64_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::pread(file.fd(), bytes.data() + done,
                                  bytes.size() - done, off_t(done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      break;
    done += uint64_t(count);
  }
  bytes.resize(done);
  return bytes;
}

/// What can only be read from the start to the end is copied first.
llvm::Expected<OpenFile> openSeekable(const std::string &path, bool &isCopy) {
  llvm::Expected<OpenFile> file = OpenFile::open(path);
  isCopy = file && !file->isSeekable();
  return isCopy ? file->spool() : std::move(file);
}

} // namespace

llvm::Expected<std::shared_ptr<FileSource>>
openSource(const std::string &path, FileAccess access,
           llvm::function_ref<bool(Bytes)> wantsMapping) {
  if (access == FileAccess::Map)
    return FileSource::open(path);
  bool isCopy = false;
  llvm::Expected<OpenFile> file = openSeekable(path, isCopy);
  if (!file)
    return file.takeError();
  if (!wantsMapping(Bytes(readStart(*file, FileSource::blockBytes))))
    return std::make_shared<FileSource>(std::move(*file));
  if (!isCopy)
    file = file->spool();
  if (!file)
    return file.takeError();
  auto copied = std::make_shared<CopiedSource>(std::move(*file));
  if (!copied->OwnCopy::data())
    return llvm::make_error<UsageError>(
        llvm::Twine("a copy of it cannot be mapped: ") + std::strerror(errno));
  return copied;
}

llvm::Expected<std::vector<uint8_t>> readWhole(const std::string &path) {
  bool isCopy = false;
  llvm::Expected<OpenFile> file = openSeekable(path, isCopy);
  if (!file)
    return file.takeError();
  std::vector<uint8_t> bytes = readStart(*file, file->size());
  if (bytes.size() != file->size())
    return llvm::make_error<UsageError>("cannot be read behind " +
                                        hex(bytes.size()));
  return bytes;
}

} // namespace vmpt
