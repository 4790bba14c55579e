//===- ElfFile.h - an ELF file through libelf -----------------------------===//
//
// vmlinux, a .debug file, or an object that only carries .BTF. libelf's
// handles are not thread-safe: whoever keeps using one holds a lock.
//
#pragma once

#include "support/Bytes.h"

#include <libelf.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vmpt {

class ElfFile {
public:
  static llvm::Expected<std::shared_ptr<ElfFile>> open(const std::string &path);
  ~ElfFile();
  ElfFile(const ElfFile &) = delete;
  ElfFile &operator=(const ElfFile &) = delete;

  /// Owned by this object.
  Elf *handle() const { return elf_; }
  const std::string &path() const { return path_; }
  bool is64Bit() const;
  ByteOrder order() const;

  /// NT_GNU_BUILD_ID in lower-case hex, as VMCOREINFO has it.
  std::optional<std::string> findBuildId() const;
  /// The content of a section, uncompressed; a copy.
  std::optional<std::vector<uint8_t>> findSection(llvm::StringRef name) const;

private:
  ElfFile(std::string path, int file, Elf *elf)
      : path_(std::move(path)), file_(file), elf_(elf) {}

  std::string path_;
  int file_;
  Elf *elf_;
};

} // namespace vmpt
