//===- ElfFile.h - a libelf handle over bytes in memory -------------------===//
#pragma once

#include "support/Bytes.h"

#include <gelf.h>
#include <memory>

namespace vmpt {

struct ElfCloser {
  void operator()(Elf *elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfCloser>;

/// "\p what: " and libelf's own words.
llvm::Error makeLibelfError(const char *what);

/// \p file must outlive the handle; it is not written to.
llvm::Expected<ElfHandle> openElf(Bytes file);

/// "; its sections run past the end at 0x40, truncated by ...", or nothing
/// where all of them are inside of \p fileSize.
std::string describeLostSections(Elf *elf, uint64_t fileSize);

} // namespace vmpt
