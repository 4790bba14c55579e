#include "fleet/SurveyFile.h"

#include "output/JsonReader.h"
#include "output/OutputFile.h"
#include "support/Text.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral firstBytes = "{\"schema\":";
/// More than any record has (WorkLimits::outputBytes, in other words).
constexpr size_t maxLineBytes = 64 << 20;

llvm::Error usageError(const llvm::Twine &what) {
  return llvm::make_error<UsageError>(what);
}

llvm::Error systemError(const char *what) {
  return usageError(llvm::Twine(what) + ": " + std::strerror(errno));
}

/// The lines of a file, the last of which may have no end.
class LineReader {
public:
  explicit LineReader(int fd) : fd_(fd) {}

  /// False at the end. With its line feed, if it has one.
  llvm::Expected<bool> next(std::string &line) {
    line.clear();
    for (;;) {
      const size_t end = buffer_.find('\n', at_);
      const size_t taken =
          (end == std::string::npos ? buffer_.size() : end + 1) - at_;
      line.append(buffer_, at_, taken);
      at_ += taken;
      if (end != std::string::npos || line.size() > maxLineBytes)
        return true;
      buffer_.resize(1 << 20);
      const ssize_t got =
          ::pread(fd_, buffer_.data(), buffer_.size(), off_t(offset_));
      buffer_.resize(size_t(std::max(got, ssize_t(0))));
      at_ = 0;
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        return systemError("cannot be read");
      if (got == 0)
        return !line.empty();
      offset_ += uint64_t(got);
    }
  }

private:
  int fd_;
  std::string buffer_;
  size_t at_ = 0;
  uint64_t offset_ = 0;
};

/// A line of a survey: \p record.
bool parseLine(llvm::StringRef line, Record &record) {
  if (!startsWith(line, firstBytes) || line.back() != '\n')
    return false;
  llvm::Expected<Record> parsed = parseJsonObject(line);
  if (!parsed) {
    llvm::consumeError(parsed.takeError());
    return false;
  }
  record = std::move(*parsed);
  return !getText(record, "record").empty();
}

llvm::Error lock(int fd) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno == ENOLCK ||
      errno == EOPNOTSUPP)
    return llvm::Error::success();
  if (errno == EWOULDBLOCK)
    return usageError("another survey is writing to it; wait for its end, or "
                      "name another file");
  return systemError("cannot be locked");
}

} // namespace

struct SurveyFile::Content {
  struct Line {
    uint64_t offset, size;
  };
  std::vector<Line> kept;
  uint64_t end = 0; ///< Behind the last whole line.
  bool hasStale = false;
};

llvm::Expected<SurveyFile::Content>
SurveyFile::read(const Filter &isStale, const Handler &onRecord) const {
  Content content;
  LineReader reader(fd_);
  std::string line;
  uint64_t offset = 0, number = 0, firstBad = 0;
  for (;;) {
    llvm::Expected<bool> hasLine = reader.next(line);
    if (!hasLine)
      return hasLine.takeError();
    if (!*hasLine)
      break;
    ++number;
    const Content::Line place = {offset, line.size()};
    offset += line.size();
    Record record;
    if (!parseLine(line, record)) {
      // The start of a first record may be all that was written.
      const llvm::StringRef known =
          llvm::StringRef(firstBytes).take_front(line.size());
      if (number == 1 && !startsWith(line, known))
        return usageError("exists and is no survey's result; name another "
                          "file");
      firstBad = firstBad ? firstBad : number;
      continue;
    }
    if (firstBad)
      return usageError("line " + llvm::Twine(firstBad) +
                        " is no record of a survey, and records follow it; "
                        "mend it, or name another file");
    content.end = offset;
    if (std::optional<SurveySummary> summary = summarizeRecord(record);
        summary && isStale(*summary)) {
      content.hasStale = true;
      continue;
    }
    content.kept.push_back(place);
    onRecord(record, llvm::StringRef(line));
  }
  return content;
}

/// Writes what is kept of \p fd to a new file, which takes its place.
static llvm::Error
replaceBy(const std::string &path, int fd,
          llvm::ArrayRef<std::pair<uint64_t, uint64_t>> kept) {
  OutputRequest request;
  request.path = path;
  request.force = true;
  auto file = OutputFile::create(request);
  if (!file)
    return file.takeError();
  std::vector<uint8_t> buffer;
  for (const auto &[offset, size] : kept) {
    buffer.resize(size);
    if (::pread(fd, buffer.data(), size, off_t(offset)) != ssize_t(size))
      return systemError("cannot be read");
    if (llvm::Error error = (*file)->write(buffer))
      return error;
  }
  return (*file)->commit();
}

llvm::Expected<std::unique_ptr<SurveyFile>>
SurveyFile::open(const std::string &path, unsigned mode, const Filter &isStale,
                 const Handler &onRecord) {
  struct stat status;
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode))
    return usageError("is a directory; name a file to write");
  const bool isStream = exists && !S_ISREG(status.st_mode);
  for (bool isAgain = false;; isAgain = true) {
    const int fd = ::open(path.c_str(),
                          isStream ? O_WRONLY | O_CLOEXEC
                                   : O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC,
                          mode_t(mode));
    if (fd < 0)
      return systemError("cannot create");
    std::unique_ptr<SurveyFile> file(new SurveyFile(fd, isStream));
    if (isStream)
      return file;
    if (llvm::Error error = lock(fd))
      return error;
    // What is stale went the first time.
    static const Handler toldBefore = [](const Record &, llvm::StringRef) {};
    llvm::Expected<Content> content =
        file->read(isStale, isAgain ? toldBefore : onRecord);
    if (!content)
      return content.takeError();
    if (!content->hasStale) {
      file->size_ = content->end;
      if (::ftruncate(fd, off_t(content->end)) != 0)
        return systemError("cannot be written");
      return file;
    }
    std::vector<std::pair<uint64_t, uint64_t>> kept;
    for (const Content::Line &line : content->kept)
      kept.push_back({line.offset, line.size});
    if (llvm::Error error = replaceBy(path, fd, kept))
      return error;
  }
}

SurveyFile::~SurveyFile() { ::close(fd_); }

llvm::Error SurveyFile::add(llvm::StringRef line) {
  llvm::StringRef left = line;
  while (!left.empty()) {
    const ssize_t written = ::write(fd_, left.data(), left.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      llvm::Error error = systemError("cannot be written");
      if (!isStream_ && ::ftruncate(fd_, off_t(size_)) != 0)
        error = llvm::joinErrors(std::move(error), systemError("nor cut"));
      return error;
    }
    left = left.drop_front(size_t(written));
  }
  size_ += line.size();
  return llvm::Error::success();
}

} // namespace vmpt
