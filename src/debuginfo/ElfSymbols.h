//===- ElfSymbols.h - the symbol table of a vmlinux -----------------------===//
#pragma once

#include "debuginfo/ElfFile.h"
#include "debuginfo/Symbols.h"
#include "support/Bits.h"

namespace vmpt {

class ElfSymbols final : public SymbolSource {
public:
  /// Fails if the file has no .symtab. \p description is what describe()
  /// says.
  static llvm::Expected<std::unique_ptr<ElfSymbols>>
  create(std::shared_ptr<const ElfFile> file, std::string description);

  /// Adds \p offset (modulo 2^64; KASLR) to each address of the kernel.
  /// Absolute symbols and per-cpu offsets stay: what lies below \p text, where
  /// the image is linked to, and not in the upper half. Before the first
  /// lookup.
  void relocate(uint64_t offset, VirtAddr text = VirtAddr(bit(63))) {
    relocation_ = offset;
    text_ = text;
  }

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
  uint64_t relocation_ = 0;
  VirtAddr text_;
  bool is64Bit_ = true;
  std::vector<Entry> entries_;
};

} // namespace vmpt
