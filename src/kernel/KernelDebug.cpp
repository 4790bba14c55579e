#include "kernel/KernelDebug.h"

namespace vmpt {

std::vector<std::optional<Symbol>>
VmcoreinfoSymbols::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  std::vector<std::optional<Symbol>> found;
  for (llvm::StringRef name : names) {
    std::optional<uint64_t> address = info_.symbol(name);
    found.push_back(
        address ? std::optional<Symbol>(Symbol{name.str(), VirtAddr(*address)})
                : std::nullopt);
  }
  return found;
}

KernelDebug::KernelDebug(const KernelImage &image, const PhysicalMemory &memory)
    : image_(image), memory_(image.virtualMemory(memory)),
      vmcoreinfoSymbols_(image.vmcoreinfo),
      reader_(memory_, image.wordBytes()) {}

std::unique_ptr<KernelDebug> KernelDebug::create(const KernelImage &image,
                                                 const PhysicalMemory &memory) {
  std::unique_ptr<KernelDebug> debug(new KernelDebug(image, memory));
  debug->symbols_.add(debug->vmcoreinfoSymbols_);
  debug->addKallsyms();
  debug->addBtf();
  return debug;
}

void KernelDebug::addKallsyms() {
  llvm::Expected<std::unique_ptr<Kallsyms>> kallsyms =
      readKallsyms(memory_, image_.vmcoreinfo, image_.imageRuns);
  if (!kallsyms) {
    evidence_.tried(llvm::toString(kallsyms.takeError()));
    return;
  }
  kallsyms_ = std::move(*kallsyms);
  symbols_.add(*kallsyms_);
  evidence_.add("symbols", std::to_string(kallsyms_->size()),
                kallsyms_->describe());
}

void KernelDebug::addBtf() {
  llvm::Expected<std::unique_ptr<BtfTypes>> btf =
      readBtf(memory_, kallsyms_.get(), image_.imageRuns);
  if (!btf) {
    evidence_.tried(llvm::toString(btf.takeError()));
    return;
  }
  btf_ = std::move(*btf);
  types_.add(*btf_);
  evidence_.add("types", "struct layouts", btf_->describe());
}

llvm::Expected<VirtAddr> KernelDebug::address(llvm::StringRef name) const {
  llvm::Expected<Symbol> symbol = symbols_.get(name);
  if (!symbol)
    return symbol.takeError();
  return symbol->address;
}

} // namespace vmpt
