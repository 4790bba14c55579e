#include "debuginfo/ElfFile.h"

#include "llvm/ADT/StringExtras.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <unistd.h>

namespace vmpt {

llvm::Expected<std::shared_ptr<ElfFile>>
ElfFile::open(const std::string &path) {
  elf_version(EV_CURRENT);
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return llvm::make_error<FormatError>("cannot be opened: " +
                                         std::string(std::strerror(errno)));
  // Not mapped: a file that gets shorter is an error, and no signal.
  Elf *elf = elf_begin(file, ELF_C_READ, nullptr);
  std::shared_ptr<ElfFile> result(new ElfFile(path, file, elf));
  if (!elf || elf_kind(elf) != ELF_K_ELF)
    return llvm::make_error<FormatError>("not an ELF file");
  return result;
}

ElfFile::~ElfFile() {
  elf_end(elf_);
  ::close(file_);
}

bool ElfFile::is64Bit() const { return gelf_getclass(elf_) == ELFCLASS64; }

ByteOrder ElfFile::order() const {
  const char *ident = elf_getident(elf_, nullptr);
  return ident && ident[EI_DATA] == ELFDATA2MSB ? ByteOrder::big
                                                : ByteOrder::little;
}

std::optional<std::string> ElfFile::findBuildId() const {
  const void *bytes = nullptr;
  ssize_t size = dwelf_elf_gnu_build_id(elf_, &bytes);
  if (size <= 0)
    return std::nullopt;
  return llvm::toHex(
      llvm::StringRef(static_cast<const char *>(bytes), size_t(size)),
      /*LowerCase=*/true);
}

std::optional<std::vector<uint8_t>>
ElfFile::findSection(llvm::StringRef name) const {
  size_t namesIndex;
  if (elf_getshdrstrndx(elf_, &namesIndex) != 0)
    return std::nullopt;
  for (Elf_Scn *section = elf_nextscn(elf_, nullptr); section;
       section = elf_nextscn(elf_, section)) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header))
      continue;
    const char *text = elf_strptr(elf_, namesIndex, header.sh_name);
    if (!text || name != text || header.sh_type == SHT_NOBITS)
      continue;
    if (header.sh_flags & SHF_COMPRESSED && elf_compress(section, 0, 0) < 0)
      return std::nullopt;
    Elf_Data *data = elf_rawdata(section, nullptr);
    if (!data || !data->d_buf)
      return std::nullopt;
    const auto *bytes = static_cast<const uint8_t *>(data->d_buf);
    return std::vector<uint8_t>(bytes, bytes + data->d_size);
  }
  return std::nullopt;
}

} // namespace vmpt
