#include "cli/PathList.h"

#include "llvm/ADT/StringExtras.h"

#include <cstdio>

namespace vmpt {

llvm::Expected<std::string> readStandardInput() {
  // A path a line: more than any machine has files.
  constexpr size_t maxBytes = size_t(1) << 30, step = 1 << 16;
  std::string text;
  for (;;) {
    const size_t size = text.size();
    text.resize(size + step);
    const size_t got = std::fread(text.data() + size, 1, step, stdin);
    text.resize(size + got);
    if (std::ferror(stdin))
      return llvm::make_error<UsageError>("standard input cannot be read");
    if (got < step)
      return text;
    if (text.size() > maxBytes)
      return llvm::make_error<UsageError>(
          "standard input is no list of paths: it has more than " +
          hex(maxBytes) + " bytes");
  }
}

llvm::Expected<std::chrono::milliseconds> parseDuration(llvm::StringRef text,
                                                        const char *what) {
  constexpr struct {
    llvm::StringLiteral unit;
    uint64_t milliseconds;
  } units[] = {
      {"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60'000}, {"h", 3'600'000}};
  constexpr uint64_t maxMilliseconds = uint64_t(365) * 24 * 3'600'000;
  const llvm::StringRef digits = text.take_while(llvm::isDigit);
  uint64_t number = 0;
  if (!digits.empty() && !digits.getAsInteger(10, number) && number)
    for (const auto &known : units)
      if (text.drop_front(digits.size()) == known.unit &&
          number <= maxMilliseconds / known.milliseconds)
        return std::chrono::milliseconds(number * known.milliseconds);
  return llvm::make_error<UsageError>(llvm::Twine(what) + " '" + text +
                                      "' is no time from 1ms to a year, such "
                                      "as 90, 500ms, 5m or 1h");
}

} // namespace vmpt
