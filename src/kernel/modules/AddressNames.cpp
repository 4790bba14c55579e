#include "kernel/modules/AddressNames.h"

#include <algorithm>

namespace vmpt {

namespace {

/// Names of arm64's mapping symbols and of the assembler's own: linux
/// include/linux/module_symbol.h is_mapping_symbol().
bool isMappingSymbol(llvm::StringRef name) {
  if (name.take_front(2) == ".L" || name.take_front(2) == "L0")
    return true;
  return name.size() >= 2 && name[0] == '$' &&
         llvm::StringRef("adtx").contains(name[1]) &&
         (name.size() == 2 || name[2] == '.');
}

/// KSYM_NAME_LEN, since 6.1.
constexpr size_t maxName = 512;
/// Far beyond any module's; the largest have some ten thousand.
constexpr uint64_t maxSymbols = 1 << 20;

} // namespace

AddressNames::AddressNames(const SymbolSources &symbols,
                           const TypeSources &types, const StructReader &reader,
                           const Kallsyms *kallsyms, const ModuleList &modules)
    : reader_(reader), kernel_(kallsyms), modules_(modules) {
  // A pointer to struct mod_kallsyms since 4.5.
  kallsyms_ = findOptionalField(types, "module", {"kallsyms"});
  symtab_ = findOptionalField(types, "mod_kallsyms", {"symtab"});
  count_ = findOptionalField(types, "mod_kallsyms", {"num_symtab"});
  strtab_ = findOptionalField(types, "mod_kallsyms", {"strtab"});
  if (!kallsyms_) { // in struct module itself
    symtab_ = findOptionalField(types, "module", {"symtab"});
    count_ = findOptionalField(types, "module", {"num_symtab"});
    strtab_ = findOptionalField(types, "module", {"strtab"});
  }
  const llvm::StringRef ends[] = {"_stext", "_end", "_etext"};
  std::vector<std::optional<Symbol>> found = symbols.findAll(ends);
  if (found[0])
    start_ = found[0]->address;
  if (found[1])
    imageEnd_ = found[1]->address;
  if (const auto &end = found[1] ? found[1] : found[2])
    end_ = end->address;
}

std::optional<AddressName> AddressNames::findInKernel(VirtAddr at) const {
  if (!kernel_ || (start_ && at < *start_))
    return std::nullopt;
  std::optional<NearestSymbol> nearest = kernel_->findNearest(at);
  // What comes behind the image is no part of it, even if there are symbols
  // yet further on (arm: the vectors).
  if (!nearest || nearest->symbol.address == imageEnd_)
    return std::nullopt;
  // The last symbol goes on to the end of the kernel.
  std::optional<uint64_t> size = nearest->sizeBytes;
  if (!size && end_ && nearest->symbol.address < *end_)
    size = *end_ - nearest->symbol.address;
  if (!size || nearest->offset >= *size)
    return std::nullopt;
  return AddressName{nearest->symbol.name, nearest->offset, *size, ""};
}

/// struct elf64_sym: u32 name; u8 info, other; u16 shndx; u64 value, size.
/// struct elf32_sym: u32 name, value, size; u8 info, other; u16 shndx.
void AddressNames::addSymbol(llvm::ArrayRef<uint8_t> entry, VirtAddr names,
                             ModuleSymbols &symbols) const {
  const Bytes bytes(entry, reader_.memory().order());
  const bool is64 = reader_.wordBytes() == 8;
  const uint64_t value = is64 ? bytes.at<uint64_t>(8) : bytes.at<uint32_t>(4);
  constexpr uint16_t undefined = 0; ///< SHN_UNDEF
  if (bytes.at<uint16_t>(is64 ? 6 : 14) == undefined)
    return;
  llvm::Expected<std::string> name =
      reader_.memory().readString(names + bytes.at<uint32_t>(0), maxName);
  if (!name)
    return llvm::consumeError(name.takeError());
  if (!name->empty() && !isMappingSymbol(*name))
    symbols.push_back({VirtAddr(value), std::move(*name)});
}

AddressNames::ModuleSymbols
AddressNames::readSymbols(const Module &module) const {
  ModuleSymbols symbols;
  std::optional<uint64_t> table = module.address.value;
  if (kallsyms_)
    table = reader_.tryNumber(module.address, kallsyms_);
  if (!table)
    return symbols;
  const VirtAddr owner(*table);
  std::optional<uint64_t> entries = reader_.tryNumber(owner, symtab_),
                          names = reader_.tryNumber(owner, strtab_),
                          count = reader_.tryNumber(owner, count_);
  if (!entries || !names || !count)
    return symbols;
  const uint64_t entryBytes = reader_.wordBytes() == 8 ? 24 : 16;
  std::vector<uint8_t> entry(entryBytes);
  // The first is ELF's empty one.
  for (uint64_t i = 1; i < std::min(*count, maxSymbols); ++i) {
    if (llvm::Error error =
            reader_.memory().read(VirtAddr(*entries) + i * entryBytes, entry)) {
      llvm::consumeError(std::move(error));
      break;
    }
    addSymbol(entry, VirtAddr(*names), symbols);
  }
  // Of several at one address the kernel takes the first.
  std::stable_sort(
      symbols.begin(), symbols.end(),
      [](const ModuleSymbol &a, const ModuleSymbol &b) { return a.at < b.at; });
  return symbols;
}

const AddressNames::ModuleSymbols &
AddressNames::symbolsOf(const Module &module) {
  auto [place, isNew] = known_.try_emplace(&module);
  if (isNew)
    place->second = readSymbols(module);
  return place->second;
}

std::optional<AddressName> AddressNames::findInModule(VirtAddr at,
                                                      const Module &module) {
  const ModuleSymbols &symbols = symbolsOf(module);
  auto after = llvm::partition_point(
      symbols, [&](const ModuleSymbol &symbol) { return symbol.at <= at; });
  if (after == symbols.begin())
    return std::nullopt;
  const VirtAddr start = std::prev(after)->at;
  auto first = llvm::partition_point(
      symbols, [&](const ModuleSymbol &symbol) { return symbol.at < start; });
  // At worst it ends with the text, of which there are two.
  const ModuleRange *range = module.findRange(at);
  VirtAddr end = after == symbols.end() ? VirtAddr(~uint64_t(0)) : after->at;
  for (const ModuleRange &text : module.ranges)
    if ((text.part == ModulePart::Text && range && !range->isInit()) ||
        ((text.part == ModulePart::InitText || text.part == ModulePart::Init) &&
         range && range->isInit()))
      end = std::min(end, text.start + text.sizeBytes);
  if (end <= start)
    return std::nullopt;
  return AddressName{first->name, at - start, end - start, module.name};
}

std::optional<AddressName> AddressNames::find(VirtAddr at) {
  for (const Module &module : modules_.modules)
    if (module.findRange(at))
      return findInModule(at, module);
  return findInKernel(at);
}

std::string AddressName::text() const {
  const std::string place = symbol + "+" + hex(offset) + "/" + hex(sizeBytes);
  return module.empty() ? place : place + " [" + module + "]";
}

std::string AddressNames::print(VirtAddr at) {
  std::optional<AddressName> name = find(at);
  return name ? name->text() : hex(at);
}

std::optional<VirtAddr> AddressNames::locate(llvm::StringRef printed) {
  auto [place, moduleText] = printed.split(" [");
  const llvm::StringRef name = place.split('+').first;
  llvm::StringRef numbers = place.split('+').second;
  uint64_t offset = 0;
  if (name.empty() || !numbers.consume_front("0x") ||
      numbers.consumeInteger(16, offset))
    return std::nullopt;
  moduleText.consume_back("]");
  std::vector<VirtAddr> found;
  const auto consider = [&](llvm::StringRef symbol, VirtAddr at) {
    if (symbol == name && print(at + offset) == printed)
      found.push_back(at + offset);
  };
  for (const Module &module : modules_.modules)
    if (module.name == moduleText)
      for (const ModuleSymbol &symbol : symbolsOf(module))
        consider(symbol.name, symbol.at);
  if (moduleText.empty() && kernel_)
    kernel_->forEach([&](const Symbol &symbol) {
      consider(symbol.name, symbol.address);
      return found.size() < 2;
    });
  if (found.size() != 1)
    return std::nullopt;
  return found.front();
}

} // namespace vmpt
