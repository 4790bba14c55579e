#include "kernel/image/Kallsyms.h"

#include "kernel/image/KallsymsLoader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

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

namespace {

constexpr uint32_t noSymbol = ~uint32_t(0);

/// The hash of a text is made of those of its parts, so that of a name of those
/// of its tokens: of a behind b it is hash(b) * base^size(a) + hash(a).
struct TextHash {
  uint32_t factor = 1; ///< base^size
  uint32_t hash = 0;

  static TextHash of(llvm::StringRef text) {
    TextHash result;
    for (char c : text) {
      constexpr uint32_t base = 0x9e3779b1;
      result.hash = result.hash * base + uint8_t(c) + 1;
      result.factor *= base;
    }
    return result;
  }
};

/// So that the top bits depend on all.
uint32_t mix(uint32_t hash) {
  hash ^= hash >> 15;
  return hash * 0x85ebca6b;
}

} // namespace

/// One pass over all names; a look-up then looks at a few. A pass for each
/// would be dearer from the second on.
void Kallsyms::hashNames() const {
  const char *table = reinterpret_cast<const char *>(tokenTable_.data());
  std::array<TextHash, 256> whole, first; // first: without the type letter
  for (unsigned i = 0; i < 256; ++i) {
    const llvm::StringRef text(table + tokens_[i].start, tokens_[i].length);
    whole[i] = TextHash::of(text);
    first[i] = TextHash::of(text.drop_front(text.empty() ? 0 : 1));
  }
  const uint32_t count = uint32_t(size());
  index_.hashes.resize(count);
  uint32_t offset = 0;
  for (uint32_t &slot : index_.hashes) {
    const PackedName packed = getPacked(offset);
    offset = packed.end();
    uint32_t hash = 0;
    if (packed.length)
      hash = first[names_[packed.start]].hash;
    for (uint32_t i = packed.start + 1; i < offset; ++i) {
      const TextHash &token = whole[names_[i]];
      hash = hash * token.factor + token.hash;
    }
    slot = hash;
  }
  const unsigned bits = std::bit_width(count | 1);
  index_.shift = 32 - bits;
  index_.heads.assign(size_t(1) << bits, noSymbol);
  index_.next.resize(count);
  for (uint32_t i = count; i-- > 0;) {
    uint32_t &head = index_.heads[mix(index_.hashes[i]) >> index_.shift];
    index_.next[i] = std::exchange(head, i);
  }
}

std::optional<Symbol> Kallsyms::findHashed(llvm::StringRef name,
                                           std::string &buffer) const {
  const uint32_t hash = TextHash::of(name).hash;
  for (uint32_t i = index_.heads[mix(hash) >> index_.shift]; i != noSymbol;
       i = index_.next[i]) {
    if (index_.hashes[i] != hash)
      continue;
    const llvm::StringRef text = expand(findPacked(i), buffer);
    if (text.size() > 1 && text.drop_front() == name)
      return makeSymbol(i, text);
  }
  return std::nullopt;
}

std::vector<std::optional<Symbol>>
Kallsyms::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  std::call_once(index_.isMade, [this] { hashNames(); });
  std::vector<std::optional<Symbol>> found;
  std::string buffer;
  for (llvm::StringRef name : names)
    found.push_back(findHashed(name, buffer));
  return found;
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
