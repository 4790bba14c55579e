#include "views/Bytes.h"

#include "support/Text.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

constexpr size_t lineBytes = 16, groupBytes = 8;

void printHexLine(llvm::raw_ostream &os, uint64_t at,
                  llvm::ArrayRef<uint8_t> bytes) {
  os << llvm::format("%08llx: ", (unsigned long long)at);
  for (size_t i = 0; i < lineBytes; ++i) {
    if (i < bytes.size())
      os << llvm::format("%02x", bytes[i]);
    else
      os << "  ";
    if (i % groupBytes == groupBytes - 1)
      os << ' ';
  }
  os << ' ';
  for (uint8_t byte : bytes)
    os << (llvm::isPrint(char(byte)) ? char(byte) : '.');
  os << '\n';
}

Record makeRecord(llvm::StringRef key, uint64_t at,
                  llvm::ArrayRef<uint8_t> bytes) {
  Record record;
  record.add(key, Value::Hex{at}).add("bytes", bytes.size());
  record.add("hex", llvm::toHex(bytes, /*LowerCase=*/true));
  return record;
}

} // namespace

BytesView::BytesView(RecordWriter &writer, Kind kind)
    : writer_(writer), kind_(kind) {
  writer_.beginList({"memory", "bytes"});
}

void BytesView::add(uint64_t at, llvm::ArrayRef<uint8_t> bytes) {
  for (; !bytes.empty(); at += lineBytes) {
    llvm::ArrayRef<uint8_t> line = bytes.take_front(lineBytes);
    bytes = bytes.drop_front(line.size());
    if (llvm::raw_ostream *os = writer_.text())
      printHexLine(*os, at, line);
    else
      writer_.record(
          makeRecord(kind_ == Virtual ? "virtual" : "physical", at, line));
  }
}

void BytesView::finish() { writer_.endList(); }

static void printVmcoreinfo(llvm::raw_ostream &os, llvm::StringRef text) {
  if (!os.is_displayed()) {
    os << text;
    return;
  }
  for (llvm::StringRef line; !text.empty();) {
    std::tie(line, text) = text.split('\n');
    os << printable(line) << '\n';
  }
}

void writeVmcoreinfo(RecordWriter &writer, llvm::StringRef text) {
  if (llvm::raw_ostream *os = writer.text())
    return printVmcoreinfo(*os, text);
  writer.beginList({"vmcoreinfo", "entry"});
  for (llvm::StringRef line; !text.empty();) {
    std::tie(line, text) = text.split('\n');
    if (line.empty())
      continue;
    auto [key, value] = line.split('=');
    Record record;
    record.add("key", key);
    record.add("value", line.contains('=') ? Value(value) : Value());
    writer.record(record);
  }
  writer.endList();
}

} // namespace vmpt
