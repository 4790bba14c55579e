#include "kernel/image/Vmcoreinfo.h"

#include "llvm/ADT/Twine.h"

namespace vmpt {

Vmcoreinfo Vmcoreinfo::parse(llvm::StringRef text) {
  Vmcoreinfo info;
  text = text.take_until([](char c) { return c == '\0'; });
  info.text_ = text.str();
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    text = rest;
    auto [key, value] = line.split('=');
    if (!key.empty() && key.size() < line.size())
      info.values_[key] = value.str();
  }
  return info;
}

std::optional<llvm::StringRef> Vmcoreinfo::find(llvm::StringRef key) const {
  auto found = values_.find(key);
  if (found == values_.end())
    return std::nullopt;
  return llvm::StringRef(found->second);
}

static std::optional<uint64_t> parseNumber(std::optional<llvm::StringRef> text,
                                           unsigned radix) {
  if (!text)
    return std::nullopt;
  bool negative = text->consume_front("-");
  uint64_t value;
  if (text->getAsInteger(radix, value))
    return std::nullopt;
  return negative ? -value : value;
}

static std::string wrap(const char *kind, llvm::StringRef name) {
  return (llvm::Twine(kind) + "(" + name + ")").str();
}

std::optional<uint64_t> Vmcoreinfo::symbol(llvm::StringRef name) const {
  return parseNumber(find(wrap("SYMBOL", name)), 16);
}
std::optional<uint64_t> Vmcoreinfo::number(llvm::StringRef name) const {
  std::optional<llvm::StringRef> text = find(wrap("NUMBER", name));
  // Decimal unless it says 0x: a leading 0 is no octal here.
  bool isHex = text && text->consume_front("0x");
  return parseNumber(text, isHex ? 16 : 10);
}
std::optional<uint64_t> Vmcoreinfo::size(llvm::StringRef name) const {
  return parseNumber(find(wrap("SIZE", name)), 10);
}
std::optional<uint64_t> Vmcoreinfo::offset(llvm::StringRef name) const {
  return parseNumber(find(wrap("OFFSET", name)), 10);
}
std::optional<uint64_t> Vmcoreinfo::hexValue(llvm::StringRef key) const {
  std::optional<llvm::StringRef> text = find(key);
  if (text)
    text->consume_front("0x");
  return parseNumber(text, 16);
}
std::optional<uint64_t> Vmcoreinfo::lastSymbol(uint64_t first,
                                               uint64_t last) const {
  std::optional<uint64_t> highest;
  for (const auto &entry : values_)
    if (entry.first().take_front(7) == "SYMBOL(")
      if (auto value = parseNumber(llvm::StringRef(entry.second), 16))
        if (*value >= first && *value <= last)
          highest = std::max(highest.value_or(first), *value);
  return highest;
}
std::optional<uint64_t> Vmcoreinfo::decimal(llvm::StringRef key) const {
  return parseNumber(find(key), 10);
}

} // namespace vmpt
