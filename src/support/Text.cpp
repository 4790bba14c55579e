#include "support/Text.h"

#include "support/Utf8.h"

#include "llvm/ADT/StringExtras.h"

#include <charconv>

namespace vmpt {

llvm::StringRef trimBlanks(llvm::StringRef text) {
  while (!text.empty() && llvm::isSpace(text.front()))
    text = text.drop_front();
  while (!text.empty() && llvm::isSpace(text.back()))
    text = text.drop_back();
  return text;
}

llvm::Expected<uint64_t> parseNumber(llvm::StringRef text,
                                     const llvm::Twine &what) {
  llvm::StringRef digits = trimBlanks(text);
  unsigned shift = 0;
  const bool isHex = digits.consume_front("0x") || digits.consume_front("0X");
  static constexpr llvm::StringLiteral suffixes = "KMGT";
  if (!digits.empty()) {
    size_t suffix = suffixes.find(llvm::toUpper(digits.back()));
    if (suffix != llvm::StringRef::npos) {
      shift = 10 * unsigned(suffix + 1);
      digits = digits.drop_back();
    }
  }
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.begin(), digits.end(), value, isHex ? 16 : 10);
  if (error != std::errc() || end != digits.end() ||
      value > (~uint64_t(0) >> shift))
    return llvm::make_error<UsageError>(
        what + " '" + text +
        "' is not a number (decimal or 0x-hex, with K, M, G or T)");
  return value << shift;
}

std::string printable(llvm::StringRef text) {
  std::string clean;
  clean.reserve(text.size());
  while (true) {
    const size_t plain = countPlain(text);
    clean.append(text.data(), plain);
    text = text.drop_front(plain);
    if (text.empty())
      return clean;
    const Utf8Character character = firstCharacter(text);
    if (character.isSeen)
      clean += text.take_front(character.bytes);
    else
      clean += '?';
    text = text.drop_front(character.bytes);
  }
}

std::string escapeName(llvm::StringRef name) {
  std::string escaped;
  for (char c : name) {
    // linux v6.12 fs/proc/array.c proc_task_name().
    if (c == '\n')
      escaped += "\\n";
    else if (c == '\\')
      escaped += "\\\\";
    else
      escaped += c;
  }
  return printable(escaped);
}

} // namespace vmpt
