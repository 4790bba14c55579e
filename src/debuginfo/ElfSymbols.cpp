#include "debuginfo/ElfSymbols.h"

#include <gelf.h>

namespace vmpt {

/// The letter that nm(1) prints.
static char getTypeLetter(Elf *elf, const GElf_Sym &symbol) {
  auto withCase = [&](char letter) {
    bool local = GELF_ST_BIND(symbol.st_info) == STB_LOCAL;
    return char(local ? letter | 0x20 : letter);
  };
  if (GELF_ST_BIND(symbol.st_info) == STB_WEAK)
    return GELF_ST_TYPE(symbol.st_info) == STT_OBJECT ? 'V' : 'W';
  if (symbol.st_shndx == SHN_ABS)
    return withCase('A');
  GElf_Shdr section;
  Elf_Scn *scn = elf_getscn(elf, symbol.st_shndx);
  if (symbol.st_shndx >= SHN_LORESERVE || !scn || !gelf_getshdr(scn, &section))
    return '?';
  if (section.sh_flags & SHF_EXECINSTR)
    return withCase('T');
  if (section.sh_type == SHT_NOBITS)
    return withCase('B');
  return withCase(section.sh_flags & SHF_WRITE ? 'D' : 'R');
}

llvm::Expected<std::unique_ptr<ElfSymbols>>
ElfSymbols::create(std::shared_ptr<const ElfFile> file,
                   std::string description) {
  std::unique_ptr<ElfSymbols> result(new ElfSymbols);
  Elf *elf = file->handle();
  Elf_Data *table = nullptr;
  GElf_Shdr header = {};
  for (Elf_Scn *section = elf_nextscn(elf, nullptr); section && !table;
       section = elf_nextscn(elf, section))
    if (gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB)
      table = elf_getdata(section, nullptr);
  if (!table || !table->d_buf)
    return llvm::make_error<LookupError>(
        "the file has no symbol table; an unstripped vmlinux is needed");

  size_t entrySize = gelf_fsize(elf, ELF_T_SYM, 1, EV_CURRENT);
  size_t count = entrySize ? table->d_size / entrySize : 0;
  result->entries_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    GElf_Sym symbol;
    if (!gelf_getsym(table, int(i), &symbol) || symbol.st_shndx == SHN_UNDEF ||
        GELF_ST_TYPE(symbol.st_info) == STT_SECTION ||
        GELF_ST_TYPE(symbol.st_info) == STT_FILE)
      continue;
    const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
    if (!name || !*name)
      continue;
    result->entries_.push_back({name, symbol.st_value, symbol.st_size,
                                getTypeLetter(elf, symbol),
                                symbol.st_shndx == SHN_ABS});
  }
  result->is64Bit_ = file->is64Bit();
  result->file_ = std::move(file);
  result->description_ = std::move(description);
  return result;
}

std::vector<std::optional<Symbol>>
ElfSymbols::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  SymbolQuery query(names);
  for (const Entry &entry : entries_) {
    if (query.done())
      break;
    if (!query.mayBeLong(entry.name.size()) ||
        !query.mayStartWith(entry.name.front()))
      continue;
    if (auto *slot = query.findSlot(entry.name))
      query.answer(slot,
                   {entry.name.str(),
                    relocation_.apply(entry.value, entry.isAbsolute, is64Bit_),
                    entry.type, entry.size});
  }
  return query.takeAnswers();
}

} // namespace vmpt
