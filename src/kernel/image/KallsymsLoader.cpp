#include "kernel/image/KallsymsLoader.h"

#include "kernel/image/Vmcoreinfo.h"
#include "support/Bits.h"

namespace vmpt {

namespace {

/// A kernel with everything built in has about a million.
constexpr uint32_t maxSymbols = 1 << 23;
constexpr uint64_t maxNamesBytes = uint64_t(128) << 20;
constexpr uint64_t readAhead = 64 << 10;
/// token_index holds u16.
constexpr uint64_t maxTokenTable = 1 << 16;
/// From the text to the tables: x86-64's KERNEL_IMAGE_SIZE is at most 1 GB.
constexpr uint64_t maxImageSpan = uint64_t(1) << 30;

} // namespace

std::optional<KallsymsTables>
KallsymsTables::find(const Vmcoreinfo &vmcoreinfo) {
  auto symbol = [&](llvm::StringRef name) -> std::optional<VirtAddr> {
    if (auto address = vmcoreinfo.symbol(name))
      return VirtAddr(*address);
    return std::nullopt;
  };
  auto count = symbol("kallsyms_num_syms");
  auto names = symbol("kallsyms_names");
  auto table = symbol("kallsyms_token_table");
  auto index = symbol("kallsyms_token_index");
  KallsymsAddressTables addresses = {.addresses = symbol("kallsyms_addresses"),
                                     .offsets = symbol("kallsyms_offsets"),
                                     .relativeBase =
                                         symbol("kallsyms_relative_base")};
  if (!count || !names || !table || !index ||
      (!addresses.addresses && !addresses.offsets))
    return std::nullopt;
  return KallsymsTables{{*count, *names, *table, *index}, addresses};
}

llvm::Expected<std::unique_ptr<Kallsyms>>
KallsymsLoader::load(const KallsymsNameTables &names,
                     llvm::ArrayRef<KallsymsAddressTables> candidates) {
  result_->tables_.names = names;
  if (llvm::Error error = readCount())
    return error;
  if (llvm::Error error = readTokens())
    return error;
  if (llvm::Error error = readNames())
    return error;
  llvm::Error failure = llvm::make_error<FormatError>(
      "kallsyms: no table of addresses to choose from");
  for (const KallsymsAddressTables &candidate : candidates) {
    llvm::consumeError(std::move(failure));
    failure = decodeAddresses(candidate);
    if (!failure)
      return std::move(result_);
  }
  return failure;
}

llvm::Expected<std::vector<uint8_t>>
KallsymsLoader::readBytes(VirtAddr at, uint64_t size, const char *what) const {
  std::vector<uint8_t> out(size);
  if (llvm::Error error = readBytes(at, out, what))
    return error;
  return out;
}

llvm::Error KallsymsLoader::readBytes(VirtAddr at,
                                      llvm::MutableArrayRef<uint8_t> out,
                                      const char *what) const {
  if (llvm::Error error = read_(at, out))
    return llvm::make_error<LookupError>(
        llvm::Twine("kallsyms: ") + what + " at " + hex(at) +
        " cannot be read: " + llvm::toString(std::move(error)));
  return llvm::Error::success();
}

llvm::Error KallsymsLoader::readCount() {
  VirtAddr at = result_->tables_.names.symbolCount;
  auto raw = readBytes(at, 4, "kallsyms_num_syms");
  if (!raw)
    return raw.takeError();
  count_ = Bytes(*raw, machine_.order).at<uint32_t>(0);
  if (count_ == 0 || count_ > maxSymbols)
    return llvm::make_error<FormatError>("kallsyms: kallsyms_num_syms at " +
                                         hex(at) + " is " + hex(count_) +
                                         ", expected 1 to " + hex(maxSymbols));
  return llvm::Error::success();
}

llvm::Error KallsymsLoader::readTokens() {
  const KallsymsNameTables &tables = result_->tables_.names;
  uint64_t tableSize = tables.tokenIndex - tables.tokenTable;
  if (tableSize == 0 || tableSize > maxTokenTable)
    return llvm::make_error<FormatError>(
        "kallsyms: kallsyms_token_index at " + hex(tables.tokenIndex) +
        " does not follow kallsyms_token_table at " + hex(tables.tokenTable));
  auto table = readBytes(tables.tokenTable, tableSize, "kallsyms_token_table");
  if (!table)
    return table.takeError();
  auto index = readBytes(tables.tokenIndex, 512, "kallsyms_token_index");
  if (!index)
    return index.takeError();
  llvm::StringRef text = Bytes(*table).text();
  for (unsigned token = 0; token < 256; ++token) {
    auto start = Bytes(*index, machine_.order).at<uint16_t>(token * 2);
    size_t end = text.find('\0', start);
    if (start >= text.size() || end == llvm::StringRef::npos)
      return llvm::make_error<FormatError>("kallsyms: token " +
                                           llvm::Twine(token) + " starts at " +
                                           hex(start) + ", where no text is");
    result_->tokens_[token] = {start, uint16_t(end - start)};
  }
  result_->tokenTable_ = std::move(*table);
  return llvm::Error::success();
}

llvm::Error KallsymsLoader::growNames(uint64_t size) {
  std::vector<uint8_t> &names = result_->names_;
  if (size <= names.size())
    return llvm::Error::success();
  const KallsymsNameTables &tables = result_->tables_.names;
  // In each kernel the tokens come after the names.
  uint64_t limit = tables.tokenTable - tables.names;
  if (tables.tokenTable < tables.names || limit > maxNamesBytes)
    return llvm::make_error<FormatError>(
        "kallsyms: kallsyms_token_table at " + hex(tables.tokenTable) +
        " does not follow kallsyms_names at " + hex(tables.names));
  if (size > limit)
    return llvm::make_error<FormatError>(
        "kallsyms: the names of " + llvm::Twine(count_) + " symbols from " +
        hex(tables.names) + " run into kallsyms_token_table at " +
        hex(tables.tokenTable));
  // In large pieces, but never past the tables.
  uint64_t wanted =
      std::min(limit, alignUp(tables.names.value + size, readAhead) -
                          tables.names.value);
  const size_t known = names.size();
  names.resize(wanted);
  llvm::Error error =
      readBytes(tables.names + known,
                llvm::MutableArrayRef<uint8_t>(names).drop_front(known),
                "kallsyms_names");
  if (error)
    names.resize(known);
  return error;
}

llvm::Error KallsymsLoader::walkNames(bool wideLengths, Walk &walk) {
  const std::vector<uint8_t> &names = result_->names_;
  uint64_t offset = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    if (i % 256 == 0)
      walk.markers.push_back(uint32_t(offset));
    // Most are there: growNames() is called for each 64 KiB.
    if (offset + 2 > names.size())
      if (llvm::Error error = growNames(offset + 2))
        return error;
    uint32_t length = names[offset++];
    if (wideLengths && length & 0x80)
      length = (length & 0x7f) | uint32_t(names[offset++]) << 7;
    if (length == 0)
      return llvm::make_error<FormatError>("kallsyms: name " + llvm::Twine(i) +
                                           " is empty");
    offset += length;
    if (offset > names.size())
      if (llvm::Error error = growNames(offset))
        return error;
  }
  walk.end = uint32_t(offset);
  return llvm::Error::success();
}

/// The markers follow the names, at the next multiple of 4 or 8.
llvm::Error KallsymsLoader::checkMarkers(const Walk &walk) {
  const VirtAddr start = result_->tables_.names.names;
  std::vector<uint8_t> &names = result_->names_;
  for (unsigned alignment : {8u, 4u})
    for (unsigned width : {4u, 8u}) {
      uint64_t at = alignUp(start.value + walk.end, alignment) - start.value;
      if (llvm::Error error =
              growNames(at + uint64_t(width) * walk.markers.size())) {
        llvm::consumeError(std::move(error));
        continue;
      }
      Bytes bytes(names, machine_.order);
      bool agree = true;
      for (size_t i = 0; i < walk.markers.size() && agree; ++i)
        agree =
            walk.markers[i] == (width == 4 ? bytes.at<uint32_t>(at + i * 4)
                                           : bytes.at<uint64_t>(at + i * 8));
      if (agree)
        return llvm::Error::success();
    }
  return llvm::make_error<FormatError>(
      "kallsyms: kallsyms_markers do not agree with the names before them");
}

llvm::Error KallsymsLoader::readNames() {
  llvm::Error failure = llvm::Error::success();
  for (bool wideLengths : {true, false}) {
    Walk walk;
    llvm::consumeError(std::move(failure));
    failure = walkNames(wideLengths, walk);
    if (!failure)
      failure = checkMarkers(walk);
    if (failure)
      continue;
    result_->wideLengths_ = wideLengths;
    result_->markers_ = std::move(walk.markers);
    result_->names_.resize(walk.end);
    result_->names_.shrink_to_fit();
    return llvm::Error::success();
  }
  return failure;
}

llvm::Error
KallsymsLoader::decodeAddresses(const KallsymsAddressTables &tables) {
  using enum KallsymsEncoding;
  const bool absolute = tables.addresses.has_value();
  const char *what = absolute ? "kallsyms_addresses" : "kallsyms_offsets";
  if (!absolute && !tables.offsets)
    return llvm::make_error<FormatError>("kallsyms: no table of addresses");
  VirtAddr place = absolute ? *tables.addresses : *tables.offsets;
  auto raw = readBytes(
      place, uint64_t(count_) * (absolute ? machine_.wordBytes : 4), what);
  if (!raw)
    return raw.takeError();
  uint64_t base = 0;
  if (!absolute && tables.relativeBase) {
    auto word = readBytes(*tables.relativeBase, machine_.wordBytes,
                          "kallsyms_relative_base");
    if (!word)
      return word.takeError();
    Bytes bytes(*word, machine_.order);
    base =
        machine_.wordBytes == 4 ? bytes.at<uint32_t>(0) : bytes.at<uint64_t>(0);
  }
  static constexpr KallsymsEncoding ofAddresses[] = {Absolute};
  static constexpr KallsymsEncoding withBase[] = {BaseRelative, AbsolutePercpu};
  static constexpr KallsymsEncoding withoutBase[] = {Offset32, PlaceRelative};
  llvm::ArrayRef<KallsymsEncoding> encodings = withoutBase;
  if (absolute)
    encodings = ofAddresses;
  else if (tables.relativeBase)
    encodings = withBase;
  for (KallsymsEncoding encoding : encodings)
    if (tryEncoding(encoding, Bytes(*raw, machine_.order), place, base)) {
      result_->tables_.addresses = tables;
      return llvm::Error::success();
    }
  result_->addresses_.clear();
  return llvm::make_error<FormatError>(
      llvm::Twine("kallsyms: ") + what + " at " + hex(place) +
      " gives no believable addresses in any known encoding");
}

bool KallsymsLoader::tryEncoding(KallsymsEncoding encoding, Bytes table,
                                 VirtAddr place, uint64_t base) {
  const uint64_t wordMask = lowBits(machine_.wordBytes * 8);
  if (encoding == KallsymsEncoding::Offset32 && machine_.wordBytes != 4)
    return false;
  result_->encoding_ = encoding;
  std::vector<uint64_t> &addresses = result_->addresses_;
  addresses.resize(count_);
  for (uint64_t i = 0; i < count_; ++i) {
    uint64_t value;
    if (encoding == KallsymsEncoding::Absolute) {
      value = machine_.wordBytes == 4 ? table.at<uint32_t>(i * 4)
                                      : table.at<uint64_t>(i * 8);
    } else {
      uint32_t offset = table.at<uint32_t>(i * 4);
      switch (encoding) {
      case KallsymsEncoding::AbsolutePercpu:
        value = offset >> 31 ? base - 1 - signExtend(offset, 32) : offset;
        break;
      case KallsymsEncoding::PlaceRelative:
        value = place.value + i * 4 + signExtend(offset, 32);
        break;
      default:
        value = base + offset;
      }
    }
    addresses[i] = value & wordMask;
    if (i && addresses[i] < addresses[i - 1])
      return false; // scripts/kallsyms.c sorts them
  }
  return isBelievable();
}

bool KallsymsLoader::isBelievable() const {
  // A fill pattern can look like addresses one after the other.
  const std::vector<uint64_t> &addresses = result_->addresses_;
  bool evenlySpaced = count_ > 2;
  for (size_t i = 2; i < addresses.size() && evenlySpaced; ++i)
    evenlySpaced =
        addresses[i] - addresses[i - 1] == addresses[1] - addresses[0];
  if (evenlySpaced)
    return false;
  auto found = result_->findAll({"_stext", "_text"});
  if (machine_.stext && found[0])
    return found[0]->address == *machine_.stext;
  // Each kernel has a _text, and it is near its tables.
  const std::optional<Symbol> &start = found[0] ? found[0] : found[1];
  if (!start)
    return false;
  uint64_t distance = result_->tables_.names.names - start->address;
  return distance < maxImageSpan && start->address.value != 0;
}

} // namespace vmpt
