//===- Read.cpp - vmpt read: bytes of physical memory ---------------------===//
#include "cli/Commands.h"
#include "support/Text.h"
#include "views/Bytes.h"

namespace vmpt {

namespace {

class ReadCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    parser.addPair("--physical", "ADDR LENGTH", "which bytes: start and length",
                   physical_);
    parser.addFlag("--binary", "raw bytes instead of a hex dump", binary_);
    output_.add(parser);
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
    auto writer = output_.createWriter("read", context.out());
    if (!writer)
      return writer.takeError();
    if (binary_ && !(*writer)->text())
      return llvm::make_error<UsageError>(
          "--binary writes bytes as they are; leave out --format");
    auto session = context.open(dump_);
    if (!session)
      return session.takeError();
    BytesView view(**writer);
    print(**session, PhysAddr(*start), *length, view);
    view.finish();
    (*writer)->finish((*session)->diagnostics().findings());
    return llvm::Error::success();
  }

private:
  void print(Session &session, PhysAddr at, uint64_t left,
             BytesView &view) const;
  void printBytes(Session &session, PhysAddr at, llvm::ArrayRef<uint8_t> bytes,
                  BytesView &view) const;

  DumpOptions dump_;
  OutputOptions output_;
  std::optional<std::pair<std::string, std::string>> physical_;
  bool binary_ = false;
};

void ReadCommand::printBytes(Session &session, PhysAddr at,
                             llvm::ArrayRef<uint8_t> bytes,
                             BytesView &view) const {
  if (binary_)
    session.out().write(reinterpret_cast<const char *>(bytes.data()),
                        bytes.size());
  else
    view.add(at, bytes);
}

void ReadCommand::print(Session &session, PhysAddr at, uint64_t left,
                        BytesView &view) const {
  constexpr size_t chunkBytes = 64 * 1024;
  std::vector<uint8_t> chunk;
  while (left) {
    chunk.resize(std::min<uint64_t>(left, chunkBytes));
    std::optional<AbsentByte> absent = session.memory().tryRead(at, chunk);
    if (absent) {
      // Up to the first absent byte all is there.
      chunk.resize(absent->address - at);
      if (!chunk.empty() && !session.memory().tryRead(at, chunk))
        printBytes(session, at, chunk, view);
      Subject subject;
      subject.physical = absent->address;
      session.gap(
          "memory-absent",
          "physical address " + hex(absent->address) + " is not in the dump (" +
              getAbsenceName(absent->absence) + "); the output ends there",
          subject);
      return;
    }
    printBytes(session, at, chunk, view);
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
