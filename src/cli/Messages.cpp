#include "cli/Messages.h"

#include "support/Text.h"
#include "support/Utf8.h"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <unistd.h>
#include <utility>

namespace vmpt {

namespace {

/// Holds SIGPIPE back from this thread, and drops one that arrived meanwhile. A
/// reader of the result that goes away shall end the program, one of the
/// messages shall not.
class WithoutPipeSignal {
public:
  WithoutPipeSignal() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    wasPending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutPipeSignal() {
    const timespec now = {};
    if (!wasPending_)
      while (::sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR)
        ;
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  WithoutPipeSignal(const WithoutPipeSignal &) = delete;
  WithoutPipeSignal &operator=(const WithoutPipeSignal &) = delete;

private:
  sigset_t pipe_, before_;
  bool wasPending_;
};

} // namespace

Messages::Messages(llvm::raw_ostream &result)
    : result_(result), isTerminal_(::isatty(STDERR_FILENO)) {}

void Messages::say(const std::string &text) {
  WithoutPipeSignal guard;
  llvm::StringRef left = text;
  while (!left.empty()) {
    ssize_t written = ::write(STDERR_FILENO, left.data(), left.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return;
    left = left.drop_front(size_t(written));
  }
}

void Messages::sayLine(const std::string &line) {
  const char *erase = "\r\x1b[K";
  say(std::exchange(hasProgressLine_, false) ? erase + line : line);
}

/// A word that long is a value, and the sentence about it matters more: of what
/// is so long behind the first \p kept bytes of \p line, only the beginning.
static std::string shortenWords(llvm::StringRef line, size_t kept) {
  constexpr size_t maxWord = 60, shownBytes = 40;
  std::string text = line.take_front(kept).str();
  llvm::StringRef rest = line.drop_front(kept);
  while (!rest.empty()) {
    size_t end = rest.find_first_of(" \n");
    if (rest.front() == '\'')
      if (const size_t quote = rest.find("' ", 1); quote != rest.npos)
        end = quote + 1;
    const llvm::StringRef word = rest.take_front(end);
    rest = rest.drop_front(word.size());
    text += word.size() <= maxWord
                ? word.str()
                : word.take_front(startOfCharacter(word, shownBytes)).str() +
                      "..." +
                      word.substr(word.find_last_not_of("',;:.)") + 1).str();
    text += rest.take_front();
    rest = rest.drop_front(std::min<size_t>(1, rest.size()));
  }
  return text;
}

/// One line is read, a paragraph is not: what is too long loses its middle. The
/// file's name, the first \p kept bytes, stays whole, and so does the last
/// clause, which says what to do. JSON has all of it, as info --evidence has of
/// what was tried to find the kernel.
static std::string shorten(std::string line, size_t kept) {
  constexpr size_t maxBytes = 200, leastSentence = 100;
  constexpr llvm::StringLiteral gap = " ...";
  const size_t limit = std::max(maxBytes, kept + leastSentence);
  if (line.size() > limit)
    line = shortenWords(line, kept);
  if (line.size() <= limit)
    return line;
  std::string advice;
  if (size_t at = line.rfind("; ");
      at != std::string::npos && at > kept && line.size() - at <= limit / 2)
    advice = line.substr(at);
  const size_t room = limit - gap.size() - advice.size();
  size_t end = line.rfind(' ', room);
  if (end == std::string::npos || end <= kept)
    end = std::max(room, kept);
  return line.substr(0, startOfCharacter(line, end)) + gap.str() + advice;
}

void Messages::report(const Finding &finding) {
  if (finding.severity != Severity::Warning)
    raiseStatus(finding.severity == Severity::Alarm ? 3 : 1);
  result_.flush();
  std::string name = "vmpt: warning: ";
  if (!finding.subject.file.empty())
    name += "'" + printable(finding.subject.file) + "': ";
  sayLine(shorten(name + printable(finding.sentence), name.size()) + "\n");
}

void Messages::fail(llvm::Error error) {
  result_.flush();
  std::string name = "vmpt: error: ", text;
  llvm::handleAllErrors(
      std::move(error),
      [&](llvm::FileError &named) {
        name += "'" + printable(named.getFileName()) + "': ";
        text = named.messageWithoutFileInfo();
      },
      [&](const llvm::ErrorInfoBase &other) { text = other.message(); });
  sayLine(shorten(name + printable(text), name.size()) + "\n");
}

void Messages::showProgress(llvm::StringRef what, uint64_t done,
                            uint64_t total) {
  if (!isTerminal_)
    return;
  if (std::optional<std::string> line = progress_.update(
          what, done, total, std::chrono::steady_clock::now())) {
    say(*line);
    hasProgressLine_ = done < total;
  }
}

} // namespace vmpt
