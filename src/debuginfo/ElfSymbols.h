//===- ElfSymbols.h - the symbol table of a vmlinux -----------------------===//
#pragma once

#include "debuginfo/ElfFile.h"
#include "debuginfo/Relocation.h"
#include "debuginfo/Symbols.h"

namespace vmpt {

class ElfSymbols final : public SymbolSource {
public:
  /// Fails if the file has no .symtab. \p description is what describe()
  /// says.
  static llvm::Expected<std::unique_ptr<ElfSymbols>>
  create(std::shared_ptr<const ElfFile> file, std::string description);

  /// Before the first lookup.
  void relocate(Relocation relocation) { relocation_ = relocation; }

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  std::string describe() const override { return description_; }

private:
  struct Entry {
    llvm::StringRef name; ///< Lies in the file's mapping.
    uint64_t value;
    uint64_t size;
    char type;
    bool isAbsolute;
  };

  ElfSymbols() = default;

  std::shared_ptr<const ElfFile> file_;
  std::string description_;
  Relocation relocation_;
  bool is64Bit_ = true;
  std::vector<Entry> entries_;
};

} // namespace vmpt
