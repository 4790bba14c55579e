#include "dump/storage/FileSource.h"

#include "dump/storage/MappedBytes.h"
#include "support/Bits.h"

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace vmpt {

llvm::Expected<std::shared_ptr<FileSource>>
FileSource::open(const std::string &path) {
  llvm::Expected<OpenFile> file = OpenFile::open(path);
  if (!file)
    return file.takeError();
  if (std::unique_ptr<MappedFile> mapped = MappedFile::map(*file))
    return std::make_shared<FileSource>(std::move(mapped));
  auto source = std::make_shared<FileSource>(std::move(*file));
  if (source->file_->isSeekable())
    return source;
  return source->makeMapped();
}

llvm::Expected<std::shared_ptr<FileSource>> FileSource::makeMapped() const {
  auto mapped = MappedFile::mapCopy(*file());
  if (!mapped)
    return mapped.takeError();
  return std::make_shared<FileSource>(std::move(*mapped));
}

uint64_t FileSource::readFile(uint64_t offset,
                              llvm::MutableArrayRef<uint8_t> out) const {
  uint64_t done = 0;
  while (done < out.size()) {
    ssize_t count = ::pread(file_->fd(), out.data() + done, out.size() - done,
                            off_t(offset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      break;
    done += uint64_t(count);
  }
  return done;
}

/// Two threads may read the same block at once; both get it.
FileView::Block FileSource::getBlock(uint64_t number) const {
  BlockCache::Place &place = blocks_->places[number % blockCount];
  {
    std::lock_guard lock(blocks_->mutex);
    if (place.number == number)
      return place.block;
  }
  const uint64_t start = number * blockBytes;
  auto bytes = std::make_shared<std::vector<uint8_t>>(
      std::min(blockBytes, size_ - start));
  bytes->resize(readFile(start, *bytes));
  std::lock_guard lock(blocks_->mutex);
  place = {number, bytes};
  return bytes;
}

FileView FileSource::borrow(uint64_t offset, uint64_t size) const {
  if (offset >= size_)
    return FileView();
  size = std::min(size, size_ - offset);
  if (data_)
    return FileView({data_ + offset, size});
  FileView::Block block = getBlock(offset / blockBytes);
  const uint64_t skipped = offset % blockBytes;
  if (skipped >= block->size())
    return FileView();
  llvm::ArrayRef<uint8_t> bytes = *block;
  bytes = bytes.drop_front(skipped);
  return FileView(bytes.take_front(std::min<uint64_t>(size, bytes.size())),
                  block);
}

bool FileSource::tryRead(uint64_t offset,
                         llvm::MutableArrayRef<uint8_t> out) const {
  if (!fits(offset, out.size(), size_))
    return false;
  if (data_) {
    std::copy_n(data_ + offset, out.size(), out.data());
    return !wasLost(data_ + offset, out.size());
  }
  // What is larger than a block would only drive others out.
  if (out.size() > blockBytes || isOfProc_)
    return readFile(offset, out) == out.size();
  while (!out.empty()) {
    const FileView view = borrow(offset, out.size());
    const Bytes bytes = view.bytes();
    if (bytes.empty())
      return false;
    std::copy_n(bytes.data(), bytes.size(), out.data());
    out = out.drop_front(bytes.size());
    offset += bytes.size();
  }
  return true;
}

std::pair<uint64_t, uint64_t> FileSource::nextStored(uint64_t offset,
                                                     uint64_t end) const {
  const OpenFile *file = this->file();
  return file ? findStored(file->fd(), offset, end) : std::pair(offset, end);
}

std::vector<std::pair<uint64_t, uint64_t>>
FileSource::listData(uint64_t offset, uint64_t size) const {
  std::vector<std::pair<uint64_t, uint64_t>> parts;
  const uint64_t end = offset + size;
  for (uint64_t at = offset; at < end;) {
    const auto [first, last] = nextStored(at, end);
    if (first < last)
      parts.push_back({first - offset, last - offset});
    at = std::max(last, at + 1);
  }
  return parts;
}

} // namespace vmpt
