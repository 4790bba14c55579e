//===- AddressNames.h - a kernel address as the kernel would print it -----===//
//
// printf's %pS: "kernel_clone+0xbf/0x430", or "probe+0x1c/0x80 [virtio_blk]";
// where nothing names it, "0xffffffffc0539000". linux kernel/kallsyms.c
// __sprint_symbol(), kernel/module/kallsyms.c find_kallsyms_symbol().
//
#pragma once

#include "kernel/modules/ModuleList.h"

#include <map>

namespace vmpt {

struct AddressName {
  std::string symbol;
  uint64_t offset = 0, sizeBytes = 0;
  std::string module; ///< Empty: the kernel itself.

  /// As %pS prints it.
  std::string text() const;
};

struct ModuleSymbol {
  VirtAddr at;
  std::string name;
};

/// Keeps the symbols of a module once it was asked for one of them.
class AddressNames {
public:
  using ModuleSymbols = std::vector<ModuleSymbol>; ///< Ascending.

  /// All must outlive the object. Without \p kallsyms only modules' symbols
  /// are known.
  AddressNames(const SymbolSources &symbols, const TypeSources &types,
               const StructReader &reader, const Kallsyms *kallsyms,
               const ModuleList &modules);
  AddressNames(const Kernel &debug, const ModuleList &modules)
      : AddressNames(debug.symbols(), debug.types(), debug.reader(),
                     debug.kallsyms(), modules) {}

  std::optional<AddressName> find(VirtAddr at);
  std::string print(VirtAddr at);
  /// The address that is printed like that, "probe+0x1c/0x80 [virtio_blk]";
  /// nothing where there is none, or several (static functions share names).
  std::optional<VirtAddr> locate(llvm::StringRef printed);
  /// All of \p module, one of the list. What its table says: addresses may lie
  /// anywhere.
  const ModuleSymbols &symbolsOf(const Module &module);

private:
  std::optional<AddressName> findInKernel(VirtAddr at) const;
  std::optional<AddressName> findInModule(VirtAddr at, const Module &module);
  ModuleSymbols readSymbols(const Module &module) const;
  void addSymbol(llvm::ArrayRef<uint8_t> entry, VirtAddr names,
                 ModuleSymbols &symbols) const;

  const StructReader &reader_;
  const Kallsyms *kernel_;
  const ModuleList &modules_;
  std::optional<Field> kallsyms_, symtab_, count_, strtab_;
  /// _stext and _end: kallsyms do not say where their last symbol ends.
  std::optional<VirtAddr> start_, end_, imageEnd_;
  std::map<const Module *, ModuleSymbols> known_;
};

} // namespace vmpt
