#include "kernel/image/Kallsyms.h"

#include "kernel/image/KallsymsLoader.h"

#include <algorithm>

namespace vmpt {

/// KSYM_NAME_LEN is 512; more is cut off.
static constexpr size_t maxNameLength = 1024;

llvm::Expected<std::unique_ptr<Kallsyms>>
Kallsyms::create(VirtualReader read, const KallsymsNameTables &names,
                 llvm::ArrayRef<KallsymsAddressTables> candidates,
                 const KallsymsMachine &machine) {
  return KallsymsLoader(read, machine).load(names, candidates);
}

llvm::Expected<std::unique_ptr<Kallsyms>>
Kallsyms::create(const AddressSpace &memory, const KallsymsTables &tables,
                 const KallsymsMachine &machine) {
  auto read = makeReader(memory);
  return create(read, tables.names, tables.addresses, machine);
}

Kallsyms::PackedName Kallsyms::getPacked(uint32_t offset) const {
  uint32_t length = names_[offset++];
  if (wideLengths_ && length & 0x80)
    length = (length & 0x7f) | uint32_t(names_[offset++]) << 7;
  return {offset, length};
}

Kallsyms::PackedName Kallsyms::findPacked(size_t index) const {
  PackedName name = getPacked(markers_[index / 256]);
  for (size_t i = 0; i < index % 256; ++i)
    name = getPacked(name.end());
  return name;
}

llvm::StringRef Kallsyms::expand(PackedName name, std::string &buffer) const {
  buffer.clear();
  const char *table = reinterpret_cast<const char *>(tokenTable_.data());
  for (uint32_t i = name.start; i < name.end(); ++i) {
    Token token = tokens_[names_[i]];
    buffer.append(table + token.start, token.length);
    if (buffer.size() > maxNameLength) {
      buffer.resize(maxNameLength);
      break;
    }
  }
  return buffer;
}

Symbol Kallsyms::makeSymbol(size_t index, llvm::StringRef typeAndName) const {
  Symbol symbol;
  symbol.address = VirtAddr(addresses_[index]);
  if (!typeAndName.empty()) {
    symbol.type = typeAndName.front();
    symbol.name = typeAndName.drop_front().str();
  }
  auto next = std::upper_bound(addresses_.begin() + index, addresses_.end(),
                               addresses_[index]);
  if (next != addresses_.end())
    symbol.sizeBytes = *next - addresses_[index];
  return symbol;
}

std::vector<std::optional<Symbol>>
Kallsyms::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  SymbolQuery query(names);
  std::string buffer;
  uint32_t offset = 0;
  for (size_t index = 0; index < size() && !query.done(); ++index) {
    PackedName packed = getPacked(offset);
    offset = packed.end();
    // Most names are ruled out by their length alone.
    size_t length = 0;
    for (uint32_t i = packed.start; i < packed.end(); ++i)
      length += tokens_[names_[i]].length;
    if (length < 2 || !query.mayBeLong(length - 1))
      continue;
    llvm::StringRef text = expand(packed, buffer);
    if (text.size() < 2 || !query.mayStartWith(text[1]))
      continue;
    if (auto *slot = query.findSlot(text.drop_front()))
      query.answer(slot, makeSymbol(index, text));
  }
  return query.takeAnswers();
}

std::optional<NearestSymbol> Kallsyms::findNearest(VirtAddr address) const {
  auto after =
      std::upper_bound(addresses_.begin(), addresses_.end(), address.value);
  if (after == addresses_.begin())
    return std::nullopt;
  auto place = std::lower_bound(addresses_.begin(), after, *std::prev(after));
  size_t index = size_t(place - addresses_.begin());
  std::string buffer;
  llvm::StringRef text = expand(findPacked(index), buffer);
  NearestSymbol nearest{makeSymbol(index, text), address.value - *place, {}};
  if (after != addresses_.end())
    nearest.sizeBytes = *after - *place;
  return nearest;
}

void Kallsyms::forEach(llvm::function_ref<bool(const Symbol &)> visit) const {
  std::string buffer;
  uint32_t offset = 0;
  for (size_t index = 0; index < size(); ++index) {
    PackedName packed = getPacked(offset);
    offset = packed.end();
    if (!visit(makeSymbol(index, expand(packed, buffer))))
      return;
  }
}

} // namespace vmpt
