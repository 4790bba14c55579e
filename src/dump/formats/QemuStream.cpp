#include "dump/formats/QemuStream.h"

#include "support/Bits.h"

#include "llvm/ADT/StringMap.h"

#include <algorithm>

namespace vmpt {

namespace {

enum SectionType : uint8_t {
  SectionStart = 1,
  SectionPart = 2,
  SectionEnd = 3,
  SectionFull = 4,
  Subsection = 5,
  Configuration = 7,
  Command = 8,
  SectionFooter = 0x7e,
};

/// In the low bits of each page address of the RAM section.
enum RamFlag : uint64_t {
  ZeroPage = 0x02,
  MemorySize = 0x04,
  WholePage = 0x08,
  EndOfSection = 0x10,
  SameBlock = 0x20,
  Xbzrle = 0x40,
  Hook = 0x80,
  CompressedPage = 0x100,
  MultifdFlush = 0x200,
};

/// Guests have tens of blocks, QEMU has two capabilities that are listed, and
/// no machine has an address space of more than 56 bits.
constexpr size_t maxBlocks = 4096, maxCapabilities = 256;
constexpr uint64_t maxTotal = bit(56);

class Parser {
public:
  explicit Parser(Bytes stream)
      : file_(stream.withOrder(ByteOrder::big)), cursor_(file_) {}
  llvm::Expected<QemuStream> run();

private:
  llvm::Error readConfiguration();
  llvm::Error readSubsection();
  llvm::Error readSections();
  llvm::Expected<bool> enterRamSection(uint8_t type);
  llvm::Error readRam();
  llvm::Error readRecord(uint64_t address, uint64_t flags);
  llvm::Error readBlockList(uint64_t total);
  llvm::Error readMappedHeader(QemuBlock &block);
  llvm::Error readPage(uint64_t address, uint64_t flags);
  llvm::Error finish();
  std::string readName() { return cursor_.take(cursor_.u8()).text().str(); }
  std::string here() const { return hex(cursor_.offset()); }
  bool has(llvm::StringRef capability) const {
    return llvm::is_contained(result_.capabilities, capability);
  }

  Bytes file_;
  Cursor cursor_;
  QemuStream result_;
  llvm::StringMap<size_t> blockByName_;
  QemuBlock *block_ = nullptr; ///< Of the last page.
  std::optional<uint32_t> ramSection_;
  bool ramEnded_ = false;
};

llvm::Error Parser::readSubsection() {
  std::string name = readName();
  cursor_.u32(); // version
  if (name == "configuration/target-page-bits") {
    uint32_t bits = cursor_.u32();
    if (cursor_.ok() && (bits < 10 || bits > 16))
      return llvm::make_error<FormatError>("target page of 2^" +
                                           llvm::Twine(bits) +
                                           " bytes, expected 2^10 to 2^16");
    result_.pageBits = bits;
  } else if (name == "configuration/capabilities") {
    uint32_t count = cursor_.u32();
    if (count > maxCapabilities)
      return llvm::make_error<FormatError>(
          std::to_string(count) + " capabilities before offset " + here() +
          ", expected at most " + std::to_string(maxCapabilities));
    for (; count && cursor_.ok(); --count)
      result_.capabilities.push_back(readName());
  } else if (name == "configuration/uuid") {
    cursor_.skip(16);
  } else if (cursor_.ok()) {
    return llvm::make_error<UnsupportedError>(
        "QEMU stream with the unknown subsection '" + name +
        "', whose length nothing tells; take the dump with dump-guest-memory");
  }
  return llvm::Error::success();
}

llvm::Error Parser::readConfiguration() {
  auto next = [&] {
    Bytes byte = file_.clip(cursor_.offset(), 1);
    return byte.empty() ? 0 : byte.data()[0];
  };
  if (next() != Configuration)
    return llvm::Error::success();
  cursor_.u8();
  result_.machine = cursor_.take(cursor_.u32()).text().str();
  while (cursor_.ok() && next() == Subsection) {
    cursor_.u8();
    if (llvm::Error error = readSubsection())
      return error;
  }
  return cursor_.takeError("the configuration section");
}

/// mapped-ram: {u32 version, u64 page size, u64 offset of the bitmap, u64
/// offset of the pages}; the stream goes on behind the pages.
llvm::Error Parser::readMappedHeader(QemuBlock &block) {
  uint32_t version = cursor_.u32();
  uint64_t pageSize = cursor_.u64();
  uint64_t bitmapOffset = cursor_.u64(), pagesOffset = cursor_.u64();
  if (llvm::Error error = cursor_.takeError("the list of RAM blocks"))
    return error;
  if (version != 1 || pageSize != result_.pageSize())
    return llvm::make_error<FormatError>(
        "mapped RAM block '" + llvm::Twine(block.name) + "' of version " +
        hex(version) + " with pages of " + hex(pageSize) +
        " bytes, expected version 1 and " + hex(result_.pageSize()));
  if (pagesOffset == 0)
    return llvm::Error::success(); // left out (x-ignore-shared)
  uint64_t pages = (block.length - 1) / pageSize + 1;
  llvm::Expected<Bytes> bitmap = file_.slice(
      bitmapOffset, ((pages - 1) / 64 + 1) * 8, "bitmap of a RAM block");
  if (!bitmap)
    return bitmap.takeError();
  block.mapped = {*bitmap, file_.clip(pagesOffset, block.length)};
  if (fits(pagesOffset, block.length, file_.size()))
    cursor_.seek(pagesOffset + block.length);
  else
    cursor_.seek(file_.size());
  return llvm::Error::success();
}

llvm::Error Parser::readBlockList(uint64_t total) {
  if (total > maxTotal)
    return llvm::make_error<FormatError>("RAM of " + hex(total) +
                                         " bytes before offset " + here() +
                                         ", expected at most " + hex(maxTotal));
  if (!result_.blocks.empty())
    return llvm::make_error<FormatError>("second list of RAM blocks before "
                                         "offset " +
                                         here());
  while (total) {
    QemuBlock block;
    block.name = readName();
    block.length = cursor_.u64();
    if (has("x-ignore-shared"))
      cursor_.u64(); // where the block is mapped
    if (llvm::Error error = cursor_.takeError("the list of RAM blocks"))
      return error;
    if (block.length == 0 || block.length > total ||
        result_.blocks.size() >= maxBlocks)
      return llvm::make_error<FormatError>(
          "RAM block '" + llvm::Twine(block.name) + "' of " +
          hex(block.length) + " bytes before offset " + here() + ", expected " +
          "1 to " + hex(total));
    if (has("mapped-ram"))
      if (llvm::Error error = readMappedHeader(block))
        return error;
    if (!blockByName_.try_emplace(block.name, result_.blocks.size()).second)
      return llvm::make_error<FormatError>("second RAM block '" +
                                           llvm::Twine(block.name) +
                                           "' before offset " + here());
    total -= block.length;
    result_.blocks.push_back(std::move(block));
  }
  return llvm::Error::success();
}

llvm::Error Parser::readPage(uint64_t address, uint64_t flags) {
  if (!(flags & SameBlock)) {
    std::string name = readName();
    if (!cursor_.ok())
      return llvm::Error::success();
    auto found = blockByName_.find(name);
    if (found == blockByName_.end())
      return llvm::make_error<FormatError>(
          "a page of the unlisted RAM block '" + name + "' before offset " +
          here());
    block_ = &result_.blocks[found->second];
  }
  QemuBlock::Page page{address >> result_.pageBits, nullptr};
  if (flags & WholePage) {
    page.data = cursor_.take(result_.pageSize()).data();
  } else if (uint8_t fill = cursor_.u8()) {
    return llvm::make_error<FormatError>(
        "a zero page filled with " + hex(fill) + " before offset " + here());
  }
  if (!cursor_.ok())
    return llvm::Error::success();
  if (!block_ || address >= block_->length)
    return llvm::make_error<FormatError>(
        "a page at " + hex(address) +
        (block_ ? " behind the end of RAM block '" + block_->name + "'"
                : " of no RAM block") +
        " before offset " + here());
  block_->pages.push_back(page);
  return llvm::Error::success();
}

/// One record of the RAM section.
llvm::Error Parser::readRecord(uint64_t address, uint64_t flags) {
  if (flags & MemorySize)
    return readBlockList(address);
  if (flags & (Xbzrle | CompressedPage | Hook))
    return llvm::make_error<UnsupportedError>(
        "QEMU stream with pages sent by " +
        llvm::Twine(flags & Xbzrle           ? "XBZRLE"
                    : flags & CompressedPage ? "compression"
                                             : "RDMA") +
        "; migrate to the file without that capability, or take the dump with "
        "dump-guest-memory");
  if (flags & (WholePage | ZeroPage))
    return readPage(address, flags);
  if (flags & (EndOfSection | MultifdFlush))
    return llvm::Error::success();
  return llvm::make_error<FormatError>("unknown page flags " + hex(flags) +
                                           " before offset " + here(),
                                       FileOffset(cursor_.offset()));
}

/// One piece of the RAM section, up to its end mark.
llvm::Error Parser::readRam() {
  const uint64_t flagMask = lowBits(result_.pageBits);
  uint64_t flags = 0;
  while (!(flags & EndOfSection)) {
    uint64_t word = cursor_.u64();
    if (!cursor_.ok())
      break;
    flags = word & flagMask;
    if (llvm::Error error = readRecord(word & ~flagMask, flags))
      return error;
  }
  return llvm::Error::success();
}

/// Reads the head of a section; true if it is the RAM section. Others have no
/// length, so nothing behind their head can be understood.
llvm::Expected<bool> Parser::enterRamSection(uint8_t type) {
  uint32_t id = cursor_.u32();
  if (type == SectionPart || type == SectionEnd) {
    if (cursor_.ok() && ramSection_ != id)
      result_.cutShort = "section " + std::to_string(id) +
                         " stands before the end of RAM, at offset " + here();
    return cursor_.ok() && ramSection_ == id;
  }
  std::string name = readName();
  cursor_.u32(); // instance
  uint32_t version = cursor_.u32();
  if (!cursor_.ok())
    return false;
  if (name != "ram") {
    result_.cutShort = "section '" + name + "' stands before the end of RAM";
    return false;
  }
  if (version != 4)
    return llvm::make_error<UnsupportedError>(
        "RAM section of version " + llvm::Twine(version) +
        "; vmpt reads version 4 (QEMU 0.13 and later)");
  ramSection_ = id;
  return true;
}

llvm::Error Parser::readSections() {
  while (cursor_.ok() && !ramEnded_) {
    uint8_t type = cursor_.u8();
    if (type >= SectionStart && type <= SectionFull) {
      llvm::Expected<bool> isRam = enterRamSection(type);
      if (!isRam)
        return isRam.takeError();
      if (!*isRam)
        break;
      if (llvm::Error error = readRam())
        return error;
      ramEnded_ = type == SectionEnd && cursor_.ok();
    } else if (type == SectionFooter) {
      cursor_.skip(4);
    } else if (type == Command) {
      cursor_.skip(2);
      cursor_.skip(cursor_.u16());
    } else {
      if (cursor_.ok())
        result_.cutShort = "section type " + hex(type) +
                           " stands before the end of RAM, before offset " +
                           here();
      break;
    }
  }
  return llvm::Error::success();
}

llvm::Error Parser::finish() {
  if (result_.blocks.empty())
    return llvm::make_error<FormatError>(
        "QEMU stream without a list of RAM blocks" +
        (result_.cutShort.empty() ? std::string("; the file is truncated")
                                  : ": " + result_.cutShort));
  if (!ramEnded_ && result_.cutShort.empty())
    result_.cutShort = "the file is truncated";
  for (QemuBlock &block : result_.blocks) {
    // The last one of each number: later pages replace earlier ones.
    std::reverse(block.pages.begin(), block.pages.end());
    std::stable_sort(block.pages.begin(), block.pages.end(),
                     [](auto &a, auto &b) { return a.number < b.number; });
    block.pages.erase(
        std::unique(block.pages.begin(), block.pages.end(),
                    [](auto &a, auto &b) { return a.number == b.number; }),
        block.pages.end());
  }
  return llvm::Error::success();
}

llvm::Expected<QemuStream> Parser::run() {
  cursor_.skip(4); // QEVM
  uint32_t version = cursor_.u32();
  if (llvm::Error error = cursor_.takeError("the stream's header"))
    return error;
  if (version != 3)
    return llvm::make_error<UnsupportedError>("QEMU stream of version " +
                                              llvm::Twine(version) +
                                              "; vmpt reads version 3");
  if (llvm::Error error = readConfiguration())
    return error;
  if (llvm::Error error = readSections()) {
    // A broken stream still has what was sent before; one whose pages cannot
    // be read, or whose blocks are not known, has nothing.
    if (result_.blocks.empty() || error.isA<UnsupportedError>())
      return error;
    result_.cutShort = llvm::toString(std::move(error));
  }
  if (llvm::Error error = finish())
    return error;
  return std::move(result_);
}

} // namespace

llvm::Expected<QemuStream> parseQemuStream(Bytes stream) {
  return Parser(stream).run();
}

} // namespace vmpt
