#include "dump/formats/XenCore.h"

#include "dump/formats/ElfFile.h"
#include "dump/formats/ElfNotes.h"
#include "dump/storage/ExtentMemory.h"
#include "support/Bits.h"

namespace vmpt {

namespace {

constexpr uint32_t headerNoteType = 0x2000001;

/// XEN_ELFNOTE_DUMPCORE_HEADER.
struct Header {
  uint64_t magic, cpuCount, pageCount, pageSize;
};

/// What the file has of the section \p name; nothing if there is none.
std::optional<Bytes> findSection(Elf *elf, Bytes file, llvm::StringRef name) {
  size_t names;
  if (elf_getshdrstrndx(elf, &names) != 0)
    return std::nullopt;
  for (Elf_Scn *section = nullptr; (section = elf_nextscn(elf, section));) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header))
      continue;
    const char *text = elf_strptr(elf, names, header.sh_name);
    if (text && name == text)
      return file.clip(header.sh_offset, header.sh_size);
  }
  return std::nullopt;
}

/// A section that begins with the header's note: it is near the beginning of
/// the file, the sections' names are at its end, and may be cut off.
bool hasHeaderNote(Elf *elf, Bytes file) {
  for (Elf_Scn *section = nullptr; (section = elf_nextscn(elf, section));) {
    GElf_Shdr header;
    if (!gelf_getshdr(section, &header))
      continue;
    const Bytes note = file.clip(header.sh_offset, 16);
    if (note.size() == 16 && note.at<uint32_t>(0) == 4 &&
        note.at<uint32_t>(8) == headerNoteType &&
        note.clip(12, 3).text() == "Xen")
      return true;
  }
  return false;
}

std::optional<Header> findHeader(const Dump &dump) {
  for (const Note &note : dump.notes)
    if (note.name == "Xen" && note.type == headerNoteType &&
        note.desc.size() >= 32)
      return Header{note.desc.at<uint64_t>(0), note.desc.at<uint64_t>(8),
                    note.desc.at<uint64_t>(16), note.desc.at<uint64_t>(24)};
  return std::nullopt;
}

llvm::Error checkHeader(const Header &header) {
  constexpr uint64_t paravirtual = 0xf00febed, hardware = 0xf00febee;
  if (header.magic == paravirtual)
    return llvm::make_error<UnsupportedError>(
        "dump of a paravirtual Xen guest, whose page tables hold machine "
        "frames; vmpt reads HVM and PVH guests");
  if (header.magic != hardware)
    return llvm::make_error<FormatError>("Xen dump of the unknown kind " +
                                         hex(header.magic) + ", expected " +
                                         hex(hardware));
  if (!isPowerOfTwo(header.pageSize) || header.pageSize < 4096 ||
      header.pageSize > 65536)
    return llvm::make_error<FormatError>("pages of " + hex(header.pageSize) +
                                         " bytes, expected 0x1000 to 0x10000");
  return llvm::Error::success();
}

/// Runs of neighbouring frames become one piece each.
void addPages(Bytes pages, Bytes frames, uint64_t pageSize,
              ExtentMemory &memory) {
  const uint64_t count = frames.size() / 8;
  auto frameOf = [&](uint64_t i) { return frames.at<uint64_t>(i * 8); };
  for (uint64_t i = 0, next; i < count; i = next) {
    const uint64_t frame = frameOf(i);
    next = i + 1;
    if (frame > ~uint64_t(0) / pageSize) // also ~0: no page
      continue;
    while (next < count && frameOf(next) == frame + (next - i) &&
           frameOf(next) <= ~uint64_t(0) / pageSize)
      ++next;
    PhysAddr start(frame * pageSize);
    uint64_t size = (next - i) * pageSize;
    Bytes data = pages.clip(i * pageSize, size);
    memory.addData(start, data.array());
    memory.addAbsent(start + data.size(), size - data.size(),
                     Absence::Truncated);
  }
}

/// .xen_prstatus: a vcpu_guest_context of x86-64 for each CPU.
void readCpus(Bytes states, uint64_t cpuCount, Dump &dump) {
  constexpr uint64_t stateSize = 5168;
  constexpr std::pair<llvm::StringLiteral, uint16_t> general[] = {{"rip", 648},
                                                                  {"rsp", 672}},
                                                     system[] = {{"cr0", 4984},
                                                                 {"cr2", 5000},
                                                                 {"cr3", 5008},
                                                                 {"cr4", 5016}};
  if (states.size() % stateSize || states.size() / stateSize != cpuCount) {
    dump.quirks.push_back("registers of " + std::to_string(cpuCount) +
                          " CPUs in " + hex(states.size()) +
                          " bytes are not of x86-64 and were left out");
    return;
  }
  for (uint64_t at = 0; at < states.size(); at += stateSize) {
    CpuRegisters cpu;
    for (auto [name, offset] : general)
      cpu.general.emplace_back(name.str(), states.at<uint64_t>(at + offset));
    for (auto [name, offset] : system)
      cpu.system.emplace_back(name.str(), states.at<uint64_t>(at + offset));
    dump.machine.cpus.push_back(std::move(cpu));
  }
}

llvm::Error makeMissingError(Elf *elf, Bytes file, const char *what) {
  return llvm::make_error<FormatError>(llvm::Twine("Xen dump without ") + what +
                                       describeLostSections(elf, file.size()));
}

} // namespace

bool isXenCore(Bytes file) {
  if (file.clip(0, SELFMAG).text() != ELFMAG)
    return false;
  llvm::Expected<ElfHandle> elf = openElf(file);
  if (!elf) {
    llvm::consumeError(elf.takeError());
    return false;
  }
  return findSection(elf->get(), file, ".xen_pages") ||
         hasHeaderNote(elf->get(), file);
}

llvm::Error readXenCore(Bytes file, Dump &dump) {
  llvm::Expected<ElfHandle> elf = openElf(file);
  if (!elf)
    return elf.takeError();
  if (gelf_getclass(elf->get()) != ELFCLASS64 ||
      file.at<uint8_t>(EI_DATA) != ELFDATA2LSB)
    return llvm::make_error<UnsupportedError>(
        "Xen dump that is not ELF64 and little-endian");
  auto section = [&](const char *name) {
    return findSection(elf->get(), file, name);
  };
  const std::optional<Bytes> pages = section(".xen_pages");
  if (!pages)
    return makeMissingError(elf->get(), file,
                            "the names of its sections, which end it, and so "
                            "without the numbers of its pages");
  if (std::optional<Bytes> notes = section(".note.Xen"))
    parseNotes(*notes, 4, dump);
  std::optional<Header> header = findHeader(dump);
  if (!header)
    return makeMissingError(elf->get(), file, "a header note");
  if (llvm::Error error = checkHeader(*header))
    return error;
  const std::optional<Bytes> frames = section(".xen_pfn");
  if (!frames)
    return makeMissingError(elf->get(), file,
                            "its .xen_pfn and .xen_pages sections");
  if (frames->size() / 8 != header->pageCount)
    dump.quirks.push_back("list of " + std::to_string(frames->size() / 8) +
                          " frames, the header says " +
                          std::to_string(header->pageCount));
  auto memory = std::make_unique<ExtentMemory>();
  addPages(*pages, *frames, header->pageSize, *memory);
  memory->finish();
  if (std::optional<Bytes> states = section(".xen_prstatus"))
    readCpus(*states, header->cpuCount, dump);
  dump.format = "Xen core of an HVM or PVH guest";
  dump.producer = "Xen (xl dump-core)";
  dump.facts.push_back({"pages", std::to_string(frames->size() / 8)});
  dump.memory = std::move(memory);
  nameTruncations(dump);
  return llvm::Error::success();
}

} // namespace vmpt
