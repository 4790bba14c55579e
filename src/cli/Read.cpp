//===- Read.cpp - vmpt read: bytes of physical memory ---------------------===//
#include "cli/Commands.h"
#include "support/Text.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

constexpr size_t lineBytes = 16, groupBytes = 8;

/// One line as `xxd -g8` prints it.
void printHexLine(llvm::raw_ostream &os, PhysAddr at,
                  llvm::ArrayRef<uint8_t> bytes) {
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

class ReadCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    parser.addPair("--physical", "ADDR LENGTH", "which bytes: start and length",
                   physical_);
    parser.addFlag("--binary", "raw bytes instead of a hex dump", binary_);
  }

  llvm::Error run(const CommandContext &context) override {
    if (!physical_)
      return llvm::make_error<UsageError>("read needs --physical ADDR LENGTH");
    llvm::Expected<uint64_t> start = parseNumber(physical_->first, "ADDR");
    if (!start)
      return start.takeError();
    llvm::Expected<uint64_t> length = parseNumber(physical_->second, "LENGTH");
    if (!length)
      return length.takeError();
    auto session = context.open(dump_);
    if (!session)
      return session.takeError();
    print(**session, PhysAddr(*start), *length);
    return llvm::Error::success();
  }

private:
  void print(Session &session, PhysAddr at, uint64_t left) const;
  void printBytes(llvm::raw_ostream &os, PhysAddr at,
                  llvm::ArrayRef<uint8_t> bytes) const;

  DumpOptions dump_;
  std::optional<std::pair<std::string, std::string>> physical_;
  bool binary_ = false;
};

void ReadCommand::printBytes(llvm::raw_ostream &os, PhysAddr at,
                             llvm::ArrayRef<uint8_t> bytes) const {
  if (binary_) {
    os.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    return;
  }
  for (size_t i = 0; i < bytes.size(); i += lineBytes)
    printHexLine(os, at + i,
                 bytes.slice(i, std::min(lineBytes, bytes.size() - i)));
}

void ReadCommand::print(Session &session, PhysAddr at, uint64_t left) const {
  constexpr size_t chunkBytes = 64 * 1024;
  std::vector<uint8_t> chunk;
  while (left) {
    chunk.resize(std::min<uint64_t>(left, chunkBytes));
    std::optional<AbsentByte> absent = session.memory().tryRead(at, chunk);
    if (absent) {
      // Up to the first absent byte all is there.
      chunk.resize(absent->address - at);
      if (!chunk.empty() && !session.memory().tryRead(at, chunk))
        printBytes(session.out(), at, chunk);
      Subject subject;
      subject.physical = absent->address;
      session.gap(
          "memory-absent",
          "physical address " + hex(absent->address) + " is not in the dump (" +
              getAbsenceName(absent->absence) + "); the output ends there",
          subject);
      return;
    }
    printBytes(session.out(), at, chunk);
    at += chunk.size();
    left -= chunk.size();
  }
}

} // namespace

const CommandInfo readCommand = {
    "read", "print bytes of physical memory",
    "Prints LENGTH bytes of physical memory from ADDR on, like xxd -g8. The "
    "first byte that is not in the dump ends the output.",
    createCommand<ReadCommand>};

} // namespace vmpt
