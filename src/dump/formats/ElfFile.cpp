#include "dump/formats/ElfFile.h"

namespace vmpt {

llvm::Error makeLibelfError(const char *what) {
  return llvm::make_error<FormatError>(llvm::Twine(what) + ": " +
                                       elf_errmsg(-1));
}

llvm::Expected<ElfHandle> openElf(Bytes file) {
  if (elf_version(EV_CURRENT) == EV_NONE)
    return makeLibelfError("libelf is older than its header");
  // libelf wants a char *, but does not write to an image that it only reads.
  char *image = reinterpret_cast<char *>(const_cast<uint8_t *>(file.data()));
  ElfHandle elf(elf_memory(image, file.size()));
  if (!elf)
    return makeLibelfError("not a sound ELF file");
  if (elf_kind(elf.get()) != ELF_K_ELF)
    return llvm::make_error<FormatError>(
        "ELF identification is broken (class, byte order or version)");
  return elf;
}

} // namespace vmpt
