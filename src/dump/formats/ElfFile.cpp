#include "dump/formats/ElfFile.h"

namespace vmpt {

llvm::Error makeLibelfError(const char *what) {
  return llvm::make_error<FormatError>(llvm::Twine(what) + ": " +
                                       elf_errmsg(-1));
}

llvm::Expected<ElfHandle> openElf(Bytes file) {
  if (elf_version(EV_CURRENT) == EV_NONE)
    return makeLibelfError("libelf is older than its header");
  const bool isNarrow =
      file.size() > EI_CLASS && file.at<uint8_t>(EI_CLASS) == ELFCLASS32;
  const uint64_t headerSize =
      isNarrow ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr);
  if (file.size() < headerSize)
    return llvm::make_error<FormatError>(
        "ELF header of " + hex(headerSize) + " bytes runs " +
        describeOverrun(0, headerSize, file.size()));
  // libelf wants a char *, but does not write to an image that it only reads.
  char *image = reinterpret_cast<char *>(const_cast<uint8_t *>(file.data()));
  ElfHandle elf(elf_memory(image, file.size()));
  if (!elf)
    return makeLibelfError("not a sound ELF file");
  // libelf also knows no file whose tables begin behind its end.
  const Bytes ordered = file.withOrder(file.at<uint8_t>(EI_DATA) == ELFDATA2MSB
                                           ? ByteOrder::big
                                           : ByteOrder::little);
  const uint64_t tables =
      isNarrow ? 0 : ordered.at<uint64_t>(offsetof(Elf64_Ehdr, e_phoff));
  const uint64_t tableBytes =
      isNarrow ? 0
               : ordered.at<uint16_t>(offsetof(Elf64_Ehdr, e_phnum)) *
                     sizeof(Elf64_Phdr);
  if (elf_kind(elf.get()) != ELF_K_ELF &&
      (tables > file.size() || tableBytes > file.size() - tables))
    return llvm::make_error<FormatError>(
        "ELF program headers at offset " + hex(tables) + " run " +
        describeOverrun(tables, tableBytes, file.size()));
  if (elf_kind(elf.get()) != ELF_K_ELF)
    return llvm::make_error<FormatError>(
        "ELF identification is broken (class, byte order or version)");
  return elf;
}

std::string describeLostSections(Elf *elf, uint64_t fileSize) {
  GElf_Ehdr header;
  if (!gelf_getehdr(elf, &header) || !header.e_shoff)
    return "";
  uint64_t end = header.e_shoff + uint64_t(header.e_shnum) * header.e_shentsize;
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    GElf_Shdr section;
    if (gelf_getshdr(elf_getscn(elf, i), &section) &&
        section.sh_type != SHT_NOBITS && section.sh_size <= ~section.sh_offset)
      end = std::max(end, section.sh_offset + section.sh_size);
  }
  return end > fileSize
             ? "; its sections run " + describeOverrun(0, end, fileSize)
             : "";
}

} // namespace vmpt
