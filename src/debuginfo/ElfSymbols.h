//===- ElfSymbols.h - the symbol table of a vmlinux -----------------------===//
#pragma once

#include "debuginfo/ElfFile.h"
#include "debuginfo/Symbols.h"

namespace vmpt {

class ElfSymbols final : public SymbolSource {
public:
  /// Fails if the file has no .symtab. \p description is what describe()
  /// says.
  static llvm::Expected<std::unique_ptr<ElfSymbols>>
  create(std::shared_ptr<const ElfFile> file, std::string description);

  /// Adds \p offset (modulo 2^64; KASLR) to each address of the kernel.
  /// Absolute symbols and per-cpu offsets stay. Before the first lookup.
  void relocate(uint64_t offset) { relocation_ = offset; }

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  std::string describe() const override { return description_; }

private:
  struct Entry {
    llvm::StringRef name; ///< Lies in the file's mapping.
    uint64_t value;
    uint64_t size;
    char type;
    bool moves;
  };

  ElfSymbols() = default;

  std::shared_ptr<const ElfFile> file_;
  std::string description_;
  uint64_t relocation_ = 0;
  bool is64Bit_ = true;
  std::vector<Entry> entries_;
};

} // namespace vmpt
