#include "output/JsonWriter.h"

#include "support/Utf8.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

namespace vmpt {

struct JsonWriter::Stream {
  llvm::raw_ostream &os;
  llvm::json::OStream json;
  Stream(llvm::raw_ostream &o, unsigned indent) : os(o), json(o, indent) {}
};

JsonWriter::JsonWriter(llvm::raw_ostream &os, unsigned indent)
    : stream_(std::make_unique<Stream>(os, indent)) {}

JsonWriter::~JsonWriter() { stream_->os << '\n'; }

void JsonWriter::beginObject() { stream_->json.objectBegin(); }
void JsonWriter::endObject() { stream_->json.objectEnd(); }
void JsonWriter::beginArray() { stream_->json.arrayBegin(); }
void JsonWriter::endArray() { stream_->json.arrayEnd(); }
void JsonWriter::key(llvm::StringRef name) {
  stream_->json.attributeBegin(name);
}
void JsonWriter::endKey() { stream_->json.attributeEnd(); }

void JsonWriter::value(uint64_t number) { stream_->json.value(number); }
void JsonWriter::value(bool truth) { stream_->json.value(truth); }

/// A character outside of ASCII that does not show, in JSON's own escapes, so
/// that JSON on a terminal steers it no more than text does.
static void writeEscaped(llvm::raw_ostream &os, uint32_t character) {
  auto writeUnit = [&](uint32_t unit) {
    os << "\\u" << llvm::format_hex_no_prefix(unit, 4);
  };
  if (character < 0x10000)
    return writeUnit(character);
  writeUnit(0xd800 + ((character - 0x10000) >> 10));
  writeUnit(0xdc00 + (character & 0x3ff));
}

static void writeQuoted(llvm::raw_ostream &os, llvm::StringRef text) {
  os << '"';
  while (true) {
    const llvm::StringRef plain =
        text.take_front(countPlain(text)).take_until([](char c) {
          return c == '"' || c == '\\';
        });
    os << plain;
    text = text.drop_front(plain.size());
    if (text.empty())
      break;
    const Utf8Character character = firstCharacter(text);
    if (!character.isValid)
      os << "\xef\xbf\xbd"; // U+FFFD
    else if (!character.isSeen)
      writeEscaped(os, character.value);
    else if (character.value == '"' || character.value == '\\')
      os << '\\' << char(character.value);
    else
      os << text.take_front(character.bytes);
    text = text.drop_front(character.bytes);
  }
  os << '"';
}

void JsonWriter::value(llvm::StringRef text) {
  stream_->json.rawValue([&](llvm::raw_ostream &os) { writeQuoted(os, text); });
}
void JsonWriter::null() { stream_->json.value(nullptr); }

void JsonWriter::hex(uint64_t bits) {
  value(llvm::StringRef("0x" + llvm::utohexstr(bits, /*LowerCase=*/true)));
}
void JsonWriter::raw(llvm::StringRef json) { stream_->json.rawValue(json); }

void JsonWriter::address(llvm::StringRef name, uint64_t address) {
  key(name);
  hex(address);
  endKey();
}

} // namespace vmpt
