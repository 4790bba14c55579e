//===- SystemMap.h - System.map and copies of /proc/kallsyms --------------===//
//
// Lines of "ADDRESS TYPE NAME", address in hex; in /proc/kallsyms a tab and
// the module in brackets may follow. linux scripts/mksysmap.
//
#pragma once

#include "debuginfo/Symbols.h"
#include "support/Bits.h"
#include "support/Bytes.h"

namespace vmpt {

class SystemMap final : public SymbolSource {
public:
  /// Fails if the first line is none of a map. Symbols of modules, and lines
  /// that are no symbols, are passed over.
  static llvm::Expected<std::unique_ptr<SystemMap>>
  create(std::vector<uint8_t> file, std::string description);
  /// True if the text starts with a line of a map.
  static bool looksRight(llvm::StringRef text);

  /// As ElfSymbols::relocate.
  void relocate(uint64_t offset, VirtAddr text = VirtAddr(bit(63))) {
    relocation_ = offset;
    text_ = text;
  }

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  std::string describe() const override { return description_; }

private:
  SystemMap() = default;

  llvm::StringRef text() const { return Bytes(file_).text(); }

  std::vector<uint8_t> file_;
  std::string description_;
  uint64_t relocation_ = 0;
  VirtAddr text_;
};

} // namespace vmpt
