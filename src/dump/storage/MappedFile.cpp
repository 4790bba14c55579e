#include "dump/storage/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace vmpt {

std::unique_ptr<MappedFile> MappedFile::map(OpenFile &file) {
  if (!file.isSeekable())
    return nullptr;
  void *data =
      ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0);
  if (data == MAP_FAILED)
    return nullptr;
  return std::unique_ptr<MappedFile>(
      new MappedFile(std::move(file), static_cast<const uint8_t *>(data)));
}

llvm::Expected<std::unique_ptr<MappedFile>>
MappedFile::mapCopy(const OpenFile &file) {
  llvm::Expected<OpenFile> copy = file.spool();
  if (!copy)
    return copy.takeError();
  if (std::unique_ptr<MappedFile> mapped = map(*copy))
    return mapped;
  return llvm::make_error<UsageError>(
      llvm::Twine("cannot be mapped, nor can a copy of it: ") +
      std::strerror(errno));
}

llvm::Expected<std::unique_ptr<MappedFile>>
MappedFile::open(const std::string &path) {
  llvm::Expected<OpenFile> file = OpenFile::open(path);
  if (!file)
    return file.takeError();
  if (std::unique_ptr<MappedFile> mapped = map(*file))
    return mapped;
  return mapCopy(*file);
}

MappedFile::~MappedFile() {
  watch_.reset();
  ::munmap(const_cast<uint8_t *>(data_), file_.size());
}

} // namespace vmpt
