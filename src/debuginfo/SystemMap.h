//===- SystemMap.h - System.map and copies of /proc/kallsyms --------------===//
//
// Lines of "ADDRESS TYPE NAME", address in hex; in /proc/kallsyms a tab and
// the module in brackets may follow. linux scripts/mksysmap.
//
#pragma once

#include "debuginfo/Relocation.h"
#include "debuginfo/Symbols.h"
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

  /// Before the first lookup.
  void relocate(Relocation relocation) { relocation_ = relocation; }

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  std::string describe() const override { return description_; }

private:
  SystemMap() = default;

  llvm::StringRef text() const { return Bytes(file_).text(); }

  std::vector<uint8_t> file_;
  std::string description_;
  Relocation relocation_;
};

} // namespace vmpt
