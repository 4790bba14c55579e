#include "fleet/ContentId.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

namespace {

constexpr uint64_t endBytes = 256 << 10; ///< Head, and tail.
constexpr uint64_t sampleBytes = 4096, sampleCount = 128;
constexpr uint64_t readBytes = 1 << 20;
/// Of SHA-256: as much as tells billions of dumps apart.
constexpr size_t digestBytes = 16;

llvm::Error systemError(const char *what) {
  return llvm::make_error<UsageError>(llvm::Twine(what) + ": " +
                                      std::strerror(errno));
}

void hashNumber(llvm::SHA256 &hash, uint64_t number) {
  uint8_t bytes[8];
  for (unsigned i = 0; i < 8; ++i)
    bytes[i] = uint8_t(number >> 8 * i);
  hash.update(llvm::ArrayRef<uint8_t>(bytes));
}

llvm::Error hashPiece(llvm::SHA256 &hash, int fd, uint64_t offset,
                      uint64_t size, std::vector<uint8_t> &buffer,
                      const std::function<bool()> &shallStop) {
  while (size) {
    if (shallStop && shallStop())
      return llvm::make_error<UsageError>("interrupted");
    buffer.resize(std::min(size, readBytes));
    const ssize_t got =
        ::pread(fd, buffer.data(), buffer.size(), off_t(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return systemError("cannot be read");
    if (got == 0)
      return llvm::make_error<UsageError>("became shorter while it was in use");
    hash.update(llvm::ArrayRef<uint8_t>(buffer.data(), size_t(got)));
    offset += uint64_t(got);
    size -= uint64_t(got);
  }
  return llvm::Error::success();
}

/// Adds the file to \p hash; its size.
llvm::Expected<uint64_t> hashFile(llvm::SHA256 &hash, const std::string &path,
                                  ContentCover cover,
                                  const std::function<bool()> &shallStop) {
  // A pipe must not wait for its writer.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return systemError("cannot be opened");
  auto close = llvm::make_scope_exit([fd] { ::close(fd); });
  struct stat status;
  if (::fstat(fd, &status) != 0)
    return systemError("cannot be opened");
  if (!S_ISREG(status.st_mode))
    return llvm::make_error<UsageError>(
        "is no regular file; a survey reads files, and may read them again");
  const uint64_t bytes = uint64_t(status.st_size);
  hashNumber(hash, bytes);
  std::vector<std::pair<uint64_t, uint64_t>> pieces = {{0, bytes}};
  if (cover == ContentCover::Samples)
    pieces = listSamples(bytes);
  std::vector<uint8_t> buffer;
  for (const auto &[offset, size] : pieces)
    if (llvm::Error error =
            hashPiece(hash, fd, offset, size, buffer, shallStop))
      return error;
  return bytes;
}

} // namespace

std::vector<std::pair<uint64_t, uint64_t>> listSamples(uint64_t bytes) {
  if (bytes <= 2 * endBytes + sampleCount * sampleBytes)
    return {{0, bytes}};
  std::vector<std::pair<uint64_t, uint64_t>> pieces = {{0, endBytes}};
  // The distance is a whole number of blocks, so that a sample is one page of
  // most dumps.
  const uint64_t first = endBytes, end = bytes - endBytes;
  const uint64_t step =
      std::max((end - first) / sampleCount / sampleBytes, uint64_t(1)) *
      sampleBytes;
  for (uint64_t i = 0; i < sampleCount; ++i)
    if (const uint64_t at = first + i * step; at + sampleBytes <= end)
      pieces.push_back({at, sampleBytes});
  pieces.push_back({end, endBytes});
  return pieces;
}

llvm::Expected<ContentId>
computeContentId(const std::vector<std::string> &paths, ContentCover cover,
                 const std::function<bool()> &shallStop) {
  llvm::SHA256 hash;
  ContentId id;
  for (const std::string &path : paths) {
    llvm::Expected<uint64_t> bytes = hashFile(hash, path, cover, shallStop);
    if (!bytes)
      return bytes.takeError();
    id.bytes += *bytes;
  }
  const auto digest = hash.final(); // Of LLVM 14 a StringRef, then an array.
  const llvm::StringRef text(reinterpret_cast<const char *>(digest.data()),
                             digestBytes);
  id.text = (cover == ContentCover::Samples ? "s1-" : "f1-") +
            llvm::toHex(text, /*LowerCase=*/true);
  return id;
}

} // namespace vmpt
