//===- X86_64Layout.cpp - x86-64's address space by formula ---------------===//
//
// linux v6.12 Documentation/arch/x86/x86_64/mm.rst,
// arch/x86/include/asm/pgtable_64_types.h, arch/x86/include/asm/fixmap.h.
// CONFIG_RANDOMIZE_MEMORY moves the direct map, vmalloc and vmemmap: the
// variables page_offset_base, vmalloc_base and vmemmap_base have where to.
//
#include "kernel/arch/X86_64Layout.h"

#include "kernel/image/DebugData.h"

namespace vmpt {

namespace {

constexpr uint64_t startKernelMap = 0xffffffff80000000;
constexpr uint64_t defaultImageBytes = uint64_t(1) << 30;
constexpr uint64_t fixmapTop = 0xffffffffff7ff000;

struct MarkerRow {
  llvm::StringLiteral name;
  uint64_t fourLevel, fiveLevel; ///< Without KASLR.
  llvm::StringLiteral variable = "";
  uint64_t maxLines = 0;
};

constexpr MarkerRow rows[] = {
    {"User Space", 0, 0},
    {"Kernel Space", 0x8000000000000000, 0x8000000000000000},
    {"LDT remap", 0xffff880000000000, 0xff10000000000000},
    {"Low Kernel Mapping", 0xffff888000000000, 0xff11000000000000,
     "page_offset_base"},
    {"vmalloc() Area", 0xffffc90000000000, 0xffa0000000000000, "vmalloc_base"},
    {"Vmemmap", 0xffffea0000000000, 0xffd4000000000000, "vmemmap_base"},
    {"CPU entry Area", 0xfffffe0000000000, 0xfffffe0000000000},
    {"ESPfix Area", 0xffffff0000000000, 0xffffff0000000000, "", 16},
    {"EFI Runtime Services", 0xffffffef00000000, 0xffffffef00000000},
    {"High Kernel Mapping", startKernelMap, startKernelMap},
    {"Modules", startKernelMap + defaultImageBytes,
     startKernelMap + defaultImageBytes},
    {"End Modules", 0xffffffffff000000, 0xffffffffff000000},
};

/// Where each moved region starts, by any source but a guess.
class RegionStarts {
public:
  RegionStarts(const RootQuery &query, const KernelImage &image)
      : query_(query), memory_(image.addressSpace(query.memory)) {
    llvm::Expected<std::unique_ptr<Kallsyms>> symbols =
        readKallsyms(memory_, query.vmcoreinfo, image.imageRuns);
    if (symbols)
      symbols_ = std::move(*symbols);
    else
      llvm::consumeError(symbols.takeError());
  }

  std::optional<uint64_t> find(llvm::StringRef variable, std::string &source) {
    if (std::optional<uint64_t> value = readVariable(variable)) {
      source = "the kernel's variables";
      return value;
    }
    std::optional<uint64_t> value;
    if (variable == "vmalloc_base")
      value = query_.vmcoreinfo.number("VMALLOC_START");
    else if (variable == "vmemmap_base")
      value = query_.vmcoreinfo.symbol("vmemmap");
    if (value)
      source = "VMCOREINFO";
    else if (variable == "page_offset_base" &&
             (value = query_.dump.directMapOffset))
      source = "the PT_LOAD addresses";
    return value;
  }

  const SymbolSource *symbols() const { return symbols_.get(); }
  const AddressSpace &memory() const { return memory_; }

private:
  std::optional<uint64_t> readVariable(llvm::StringRef name) {
    std::optional<Symbol> symbol =
        symbols_ ? symbols_->find(name) : std::nullopt;
    if (!symbol)
      return std::nullopt;
    llvm::Expected<uint64_t> value =
        memory_.readNumber<uint64_t>(symbol->address);
    if (value)
      return *value;
    llvm::consumeError(value.takeError());
    return std::nullopt;
  }

  const RootQuery &query_;
  AddressSpace memory_;
  std::unique_ptr<Kallsyms> symbols_;
};

/// FIXADDR_START depends on a dozen options; the enumerator that ends
/// `enum fixed_addresses` counts them all.
std::optional<uint64_t> findFixmapStart(RegionStarts &starts,
                                        const KernelImage &image) {
  llvm::Expected<std::unique_ptr<BtfTypes>> types =
      readBtf(starts.memory(), starts.symbols(), image.imageRuns);
  if (!types) {
    llvm::consumeError(types.takeError());
    return std::nullopt;
  }
  std::optional<uint64_t> slots =
      (*types)->findEnumConstant("__end_of_permanent_fixed_addresses");
  if (!slots || *slots > 0x100000)
    return std::nullopt;
  return fixmapTop - (*slots << 12);
}

} // namespace

std::vector<AddressMarker> makeX86_64Markers(const RootQuery &query,
                                             const KernelImage &image,
                                             std::string &source) {
  source = "documented constants: the kernel carries no address_markers[] "
           "(built without PTDUMP)";
  RegionStarts starts(query, image);
  const bool five = image.mode.levelCount == 5;
  std::vector<AddressMarker> markers;
  for (const MarkerRow &row : rows) {
    uint64_t start = five ? row.fiveLevel : row.fourLevel;
    if (row.name == "Modules")
      start = startKernelMap + query.vmcoreinfo.number("KERNEL_IMAGE_SIZE")
                                   .value_or(defaultImageBytes);
    std::string found;
    if (!row.variable.empty())
      start = starts.find(row.variable, found).value_or(start);
    if (!found.empty())
      source += "; " + row.name.str() + " from " + found;
    markers.push_back({start, row.name.str(), row.maxLines});
  }
  if (std::optional<uint64_t> fixmap = findFixmapStart(starts, image)) {
    markers.push_back({*fixmap, "Fixmap Area", 0});
    source += "; Fixmap Area from BTF";
  }
  return markers;
}

} // namespace vmpt
