#include "output/JsonReader.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ConvertUTF.h"

namespace vmpt {

namespace {

constexpr unsigned maxDepth = 32;

class Parser {
public:
  explicit Parser(llvm::StringRef text) : whole_(text), left_(text) {}

  llvm::Expected<Record> parse() {
    Record record;
    if (!parseObject(record) || (skipBlanks(), !left_.empty()))
      return llvm::make_error<FormatError>(
          "is no JSON object of this program's",
          FileOffset(whole_.size() - left_.size()));
    return record;
  }

private:
  void skipBlanks() { left_ = left_.ltrim(" \t\r\n"); }
  bool take(char c) {
    skipBlanks();
    return left_.consume_front(llvm::StringRef(&c, 1));
  }
  bool parseValue(Value &value);
  bool parseObject(Record &record);
  bool parseArray(Array &array);
  bool parseText(std::string &text);
  bool parseEscape(std::string &text);
  std::optional<uint32_t> parseUnit();
  bool parseNumber(Value &value);

  llvm::StringRef whole_, left_;
  unsigned depth_ = 0;
};

bool Parser::parseValue(Value &value) {
  skipBlanks();
  if (left_.consume_front("null"))
    return value = Value(), true;
  if (left_.consume_front("true"))
    return value = Value(true), true;
  if (left_.consume_front("false"))
    return value = Value(false), true;
  switch (left_.empty() ? '\0' : left_.front()) {
  case '"': {
    std::string text;
    const bool isText = parseText(text);
    value = Value(std::move(text));
    return isText;
  }
  case '{': {
    Record record;
    const bool isObject = parseObject(record);
    value = Value(std::move(record));
    return isObject;
  }
  case '[': {
    Array array;
    const bool isArray = parseArray(array);
    value = Value(std::move(array));
    return isArray;
  }
  default:
    return parseNumber(value);
  }
}

bool Parser::parseObject(Record &record) {
  if (!take('{') || ++depth_ > maxDepth)
    return false;
  llvm::StringSet<> keys;
  for (bool isFirst = true; !take('}'); isFirst = false) {
    if (!isFirst && !take(','))
      return false;
    std::string key;
    Value value;
    skipBlanks();
    if (!parseText(key) || !take(':') || !parseValue(value) ||
        !keys.insert(key).second)
      return false;
    record.add(key, std::move(value));
  }
  --depth_;
  return true;
}

bool Parser::parseArray(Array &array) {
  if (!take('[') || ++depth_ > maxDepth)
    return false;
  for (bool isFirst = true; !take(']'); isFirst = false) {
    if (!isFirst && !take(','))
      return false;
    array.emplace_back();
    if (!parseValue(array.back()))
      return false;
  }
  --depth_;
  return true;
}

bool Parser::parseNumber(Value &value) {
  const llvm::StringRef digits = left_.take_while(llvm::isDigit);
  uint64_t number = 0;
  if (digits.empty() || digits.getAsInteger(10, number))
    return false;
  left_ = left_.drop_front(digits.size());
  value = Value(number);
  return left_.empty() || !llvm::StringRef(".eE").contains(left_.front());
}

bool Parser::parseText(std::string &text) {
  if (!left_.consume_front("\""))
    return false;
  while (!left_.empty()) {
    const char c = left_.front();
    if (uint8_t(c) < 0x20)
      return false;
    left_ = left_.drop_front();
    if (c == '"')
      return true;
    if (c != '\\')
      text += c;
    else if (!parseEscape(text))
      return false;
  }
  return false;
}

std::optional<uint32_t> Parser::parseUnit() {
  uint32_t unit = 0;
  const llvm::StringRef digits = left_.take_front(4);
  if (digits.size() != 4 || !llvm::all_of(digits, llvm::isHexDigit) ||
      digits.getAsInteger(16, unit))
    return std::nullopt;
  left_ = left_.drop_front(4);
  return unit;
}

/// Behind the backslash.
bool Parser::parseEscape(std::string &text) {
  constexpr llvm::StringLiteral letters = "\"\\/bfnrt",
                                meant = "\"\\/\b\f\n\r\t";
  if (left_.empty())
    return false;
  const char letter = left_.front();
  left_ = left_.drop_front();
  if (const size_t at = letters.find(letter); at != llvm::StringRef::npos)
    return text += meant[at], true;
  std::optional<uint32_t> unit;
  if (letter != 'u' || !(unit = parseUnit()))
    return false;
  uint32_t character = *unit;
  if (character >= 0xd800 && character < 0xdc00) {
    if (!left_.consume_front("\\u") || !(unit = parseUnit()) ||
        *unit < 0xdc00 || *unit > 0xdfff)
      return false;
    character = 0x10000 + ((character & 0x3ff) << 10) + (*unit & 0x3ff);
  }
  char buffer[UNI_MAX_UTF8_BYTES_PER_CODE_POINT], *end = buffer;
  if (!llvm::ConvertCodePointToUTF8(character, end))
    return false;
  text.append(buffer, end);
  return true;
}

} // namespace

llvm::Expected<Record> parseJsonObject(llvm::StringRef text) {
  return Parser(text).parse();
}

} // namespace vmpt
