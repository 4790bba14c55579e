#include "DumpFile.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

namespace vmpt::robust {

namespace {

llvm::Error unpack(std::vector<uint8_t> &bytes) {
  ZSTD_inBuffer in = {bytes.data(), bytes.size(), 0};
  std::vector<uint8_t> out, chunk(ZSTD_DStreamOutSize());
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx *)> context(ZSTD_createDCtx(),
                                                              ZSTD_freeDCtx);
  while (in.pos < in.size) {
    ZSTD_outBuffer next = {chunk.data(), chunk.size(), 0};
    if (ZSTD_isError(ZSTD_decompressStream(context.get(), &next, &in)))
      return llvm::make_error<FormatError>("zstd cannot unpack it");
    out.insert(out.end(), chunk.begin(), chunk.begin() + ptrdiff_t(next.pos));
  }
  bytes = std::move(out);
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::unique_ptr<DumpFile>>
DumpFile::open(const std::string &name, const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  std::unique_ptr<DumpFile> file(new DumpFile);
  file->name_ = name;
  file->pristine_.assign(std::istreambuf_iterator<char>(stream), {});
  if (file->pristine_.empty())
    return llvm::make_error<UsageError>("'" + path + "' cannot be read");
  if (llvm::StringRef(path).take_back(4) == ".zst")
    if (llvm::Error error = unpack(file->pristine_))
      return error;
  const size_t size = file->size();
  file->fd_ = ::memfd_create("dump", MFD_CLOEXEC);
  if (file->fd_ < 0 || ::ftruncate(file->fd_, off_t(size)) != 0)
    return llvm::make_error<UsageError>("no memory for '" + path + "'");
  void *data =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd_, 0);
  if (data == MAP_FAILED)
    return llvm::make_error<UsageError>("no memory for '" + path + "'");
  file->data_ = static_cast<uint8_t *>(data);
  std::memcpy(file->data_, file->pristine_.data(), size);
  file->presentSize_ = size;
  return file;
}

DumpFile::~DumpFile() {
  if (data_)
    ::munmap(data_, pristine_.size());
  if (fd_ >= 0)
    ::close(fd_);
}

void DumpFile::write(uint64_t offset, llvm::ArrayRef<uint8_t> bytes) {
  if (offset >= presentSize_)
    return;
  const uint64_t size = std::min<uint64_t>(bytes.size(), presentSize_ - offset);
  std::memmove(data_ + offset, bytes.data(), size);
  dirty_.push_back({offset, size});
}

void DumpFile::truncate(uint64_t size) {
  if (::ftruncate(fd_, off_t(size)) != 0)
    return;
  dirty_.push_back({size, pristine_.size() - size});
  presentSize_ = size;
}

void DumpFile::restore() {
  if (presentSize_ != pristine_.size() &&
      ::ftruncate(fd_, off_t(pristine_.size())) != 0)
    std::abort();
  presentSize_ = pristine_.size();
  for (const Span &span : dirty_)
    std::memcpy(data_ + span.offset, pristine_.data() + span.offset, span.size);
  dirty_.clear();
}

} // namespace vmpt::robust
