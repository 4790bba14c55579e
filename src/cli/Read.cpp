//===- Read.cpp - vmpt read: bytes of memory ------------------------------===//
#include "cli/AddressWords.h"
#include "cli/Commands.h"
#include "reports/SpaceChoice.h"
#include "support/Text.h"
#include "views/Bytes.h"
#include "views/Translate.h"

namespace vmpt {

namespace {

using Pair = std::optional<std::pair<std::string, std::string>>;

/// Pieces are read within one page each.
constexpr uint64_t pieceBytes = 4096;

/// Bytes that are not there, and why.
struct Hole {
  Subject subject;
  std::string sentence;
};

class ReadCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.addWithoutRoot(parser);
    symbols_.takesNames = true;
    symbols_.add(parser);
    parser.addPair("--physical", "ADDR LENGTH", "which bytes: start and length",
                   physical_);
    parser.addPair("--virtual", "ADDR LENGTH",
                   "which bytes of virtual memory; ADDR may be a symbol",
                   virtual_);
    space_.add(parser);
    parser.addFlag("--zero-fill",
                   "zeros for what is not there, instead of the end",
                   zeroFill_);
    parser.addFlag("--binary", "raw bytes instead of a hex dump", binary_);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override;

private:
  llvm::Error check() const;
  /// Where to start.
  llvm::Expected<uint64_t> findStart(Session &session);
  /// Fills \p piece up to the first byte that is not there; \p length is how
  /// much that is.
  std::optional<Hole> readPhysical(Session &session, PhysAddr at,
                                   llvm::MutableArrayRef<uint8_t> piece,
                                   uint64_t &length) const;
  std::optional<Hole> readPiece(Session &session, uint64_t at,
                                llvm::MutableArrayRef<uint8_t> piece,
                                uint64_t &length) const;
  void print(Session &session, uint64_t at, uint64_t left,
             BytesView &view) const;
  void printBytes(Session &session, uint64_t at, llvm::ArrayRef<uint8_t> bytes,
                  BytesView &view) const;

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  SpaceOptions space_;
  OutputOptions output_;
  Pair physical_, virtual_;
  bool binary_ = false, zeroFill_ = false;
  std::optional<ChosenSpace> chosen_; ///< With --virtual.
};

llvm::Error ReadCommand::check() const {
  if (!physical_ && !virtual_)
    return llvm::make_error<UsageError>(
        "read needs --physical ADDR LENGTH or --virtual ADDR LENGTH");
  if (physical_ && virtual_)
    return llvm::make_error<UsageError>(
        "read needs one of --physical and --virtual, not both");
  if (physical_ && (space_.pid || space_.root))
    return llvm::make_error<UsageError>(
        "--pid and --root choose tables; they need --virtual ADDR LENGTH");
  return space_.check();
}

llvm::Expected<uint64_t> ReadCommand::findStart(Session &session) {
  llvm::Expected<ChosenSpace> chosen = chooseSpace(space_, session);
  if (!chosen)
    return session.withFileName(chosen.takeError());
  chosen_ = std::move(*chosen);
  AddressWords words(chosen_->translator.kernel().symbols());
  llvm::Expected<VirtAddr> at = words.parse(virtual_->first);
  if (!at)
    return session.withFileName(at.takeError());
  return at->value;
}

void ReadCommand::printBytes(Session &session, uint64_t at,
                             llvm::ArrayRef<uint8_t> bytes,
                             BytesView &view) const {
  if (binary_)
    session.out().write(reinterpret_cast<const char *>(bytes.data()),
                        bytes.size());
  else
    view.add(at, bytes);
}

std::optional<Hole>
ReadCommand::readPhysical(Session &session, PhysAddr at,
                          llvm::MutableArrayRef<uint8_t> piece,
                          uint64_t &length) const {
  length = piece.size();
  std::optional<AbsentByte> absent = session.memory().tryRead(at, piece);
  if (!absent)
    return std::nullopt;
  // Up to the first absent byte all is there.
  length = absent->address - at;
  if (length && session.memory().tryRead(at, piece.take_front(length)))
    length = 0;
  Hole hole;
  hole.subject.physical = absent->address;
  hole.sentence = "physical address " + hex(absent->address) +
                  " is not in the dump (" +
                  getAbsenceName(absent->absence).str() + ")";
  return hole;
}

std::optional<Hole> ReadCommand::readPiece(Session &session, uint64_t at,
                                           llvm::MutableArrayRef<uint8_t> piece,
                                           uint64_t &length) const {
  if (!chosen_)
    return readPhysical(session, PhysAddr(at), piece, length);
  const AddressAnswer answer = chosen_->translator.ask(VirtAddr(at));
  if (answer.physical) {
    std::optional<Hole> hole =
        readPhysical(session, *answer.physical, piece, length);
    if (hole)
      hole->subject.virtualStart = VirtAddr(at + length);
    return hole;
  }
  length = 0;
  Hole hole;
  hole.subject.virtualStart = VirtAddr(at);
  hole.sentence =
      hex(at) + ": " +
      explain(answer, chosen_->translator.spaceOf(VirtAddr(at)).mode());
  return hole;
}

void ReadCommand::print(Session &session, uint64_t at, uint64_t left,
                        BytesView &view) const {
  std::vector<uint8_t> piece;
  std::optional<Hole> open; // of bytes side by side, the first one's reason
  uint64_t holeBytes = 0;
  auto closeHole = [&] {
    if (!open)
      return;
    open->subject.sizeBytes = holeBytes;
    session.gap("memory-absent",
                open->sentence + "; " + std::to_string(holeBytes) +
                    " bytes are shown as zeros",
                open->subject);
    open.reset();
    holeBytes = 0;
  };
  while (left) {
    piece.assign(std::min(left, pieceBytes - at % pieceBytes), 0);
    uint64_t length = 0;
    std::optional<Hole> hole = readPiece(session, at, piece, length);
    if (length)
      closeHole();
    if (hole && !zeroFill_) {
      printBytes(session, at, llvm::ArrayRef<uint8_t>(piece).take_front(length),
                 view);
      session.gap("memory-absent", hole->sentence + "; the output ends there",
                  hole->subject);
      return;
    }
    if (hole) {
      std::fill(piece.begin() + ptrdiff_t(length), piece.end(), 0);
      holeBytes += piece.size() - length;
      if (!open)
        open = std::move(hole);
    }
    printBytes(session, at, piece, view);
    at += piece.size();
    left -= piece.size();
  }
  closeHole();
}

llvm::Error ReadCommand::run(const CommandContext &context) {
  if (llvm::Error error = check())
    return error;
  llvm::Expected<uint64_t> start =
      physical_ ? parseNumber(physical_->first, "ADDR") : uint64_t(0);
  if (!start)
    return start.takeError();
  llvm::Expected<uint64_t> length =
      parseNumber((physical_ ? physical_ : virtual_)->second, "LENGTH");
  if (!length)
    return length.takeError();
  auto writer = output_.createWriter("read", context.out());
  if (!writer)
    return writer.takeError();
  if (binary_ && !(*writer)->text())
    return llvm::make_error<UsageError>(
        "--binary writes bytes as they are; leave out --format");
  const bool isVirtual = virtual_.has_value();
  auto session =
      context.open(dump_, kernel_, symbols_,
                   Needs{isVirtual, isVirtual, /*whole=*/false, "--virtual"});
  if (!session)
    return session.takeError();
  if (virtual_)
    start = findStart(**session);
  if (!start)
    return start.takeError();
  BytesView view(**writer, virtual_ ? BytesView::Virtual : BytesView::Physical);
  print(**session, *start, *length, view);
  view.finish();
  (*writer)->finish((*session)->finalFindings());
  return llvm::Error::success();
}

} // namespace

const CommandInfo readCommand = {
    "read", "print bytes of memory",
    "Prints LENGTH bytes of physical or virtual memory from ADDR on, like xxd "
    "-g8. The first byte that is not in the dump ends the output.",
    createCommand<ReadCommand>};

} // namespace vmpt
