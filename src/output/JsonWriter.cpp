#include "output/JsonWriter.h"

#include "llvm/ADT/StringExtras.h"
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
void JsonWriter::value(llvm::StringRef text) {
  if (llvm::json::isUTF8(text))
    stream_->json.value(text);
  else
    stream_->json.value(llvm::json::fixUTF8(text));
}
void JsonWriter::null() { stream_->json.value(nullptr); }

void JsonWriter::address(llvm::StringRef name, uint64_t address) {
  attribute(name, llvm::StringRef(
                      "0x" + llvm::utohexstr(address, /*LowerCase=*/true)));
}

} // namespace vmpt
