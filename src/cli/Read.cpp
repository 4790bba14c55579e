//===- Read.cpp - vmpt read: bytes of physical memory ---------------------===//
#include "cli/Session.h"
#include "dump/OpenDump.h"
#include "support/Bits.h"
#include "support/Text.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

constexpr size_t lineBytes = 16, groupBytes = 8;

/// One line as `xxd -g8` prints it.
void printHexLine(PhysAddr at, llvm::ArrayRef<uint8_t> bytes) {
  llvm::raw_ostream &os = llvm::outs();
  os << llvm::format("%08llx: ", (unsigned long long)at.value);
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

void print(PhysAddr at, llvm::ArrayRef<uint8_t> bytes, bool binary) {
  if (binary) {
    llvm::outs().write(reinterpret_cast<const char *>(bytes.data()),
                       bytes.size());
    return;
  }
  for (size_t i = 0; i < bytes.size(); i += lineBytes)
    printHexLine(at + i, bytes.slice(i, std::min(lineBytes, bytes.size() - i)));
}

} // namespace

llvm::Expected<int> runRead(const Options &options) {
  if (options.physical.size() != 2)
    return llvm::make_error<UsageError>("read needs --physical ADDR LENGTH");
  llvm::Expected<uint64_t> start = parseNumber(options.physical[0], "ADDR");
  if (!start)
    return start.takeError();
  llvm::Expected<uint64_t> length = parseNumber(options.physical[1], "LENGTH");
  if (!length)
    return length.takeError();
  llvm::Expected<Dump> dump = openDump(options);
  if (!dump)
    return dump.takeError();

  constexpr size_t chunkBytes = 64 * 1024;
  std::vector<uint8_t> chunk;
  PhysAddr at(*start);
  for (uint64_t left = *length; left;) {
    chunk.resize(std::min<uint64_t>(left, chunkBytes));
    std::optional<AbsentByte> absent = dump->memory->tryRead(at, chunk);
    if (absent) {
      // Up to the first absent byte all is there.
      chunk.resize(absent->address - at);
      if (!chunk.empty() && !dump->memory->tryRead(at, chunk))
        print(at, chunk, options.binary);
      llvm::outs().flush();
      warn(options, "physical address " + hex(absent->address) +
                        " is not in the dump (" +
                        getAbsenceName(absent->absence) +
                        "); the output ends there");
      return 1;
    }
    print(at, chunk, options.binary);
    at += chunk.size();
    left -= chunk.size();
  }
  return 0;
}

} // namespace vmpt
