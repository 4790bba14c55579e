#include "dump/formats/ElfCore.h"

#include "dump/formats/ElfFile.h"
#include "dump/formats/ElfNotes.h"
#include "dump/formats/TrimNote.h"
#include "dump/storage/ExtentMemory.h"
#include "support/Bits.h"

namespace vmpt {

namespace {

/// Where the headers end, as far as \p elf, the start of the file, can tell.
uint64_t endOfHeaders(Elf *elf, const GElf_Ehdr &header) {
  uint64_t count = header.e_phnum, end = 0;
  if (count == PN_XNUM) {
    end = header.e_shoff + sizeof(Elf64_Shdr);
    GElf_Shdr section;
    count = gelf_getshdr(elf_getscn(elf, 0), &section) ? section.sh_info : 0;
  }
  // A sum that wraps leaves the headers out, and readProgramHeaders says so.
  return std::max(end, header.e_phoff + count * header.e_phentsize);
}

/// The headers in one piece, for libelf: the whole file where that needs no
/// copy, else its start.
llvm::Expected<Bytes> gatherHeaders(const FileImage &image, Buffers &buffers) {
  if (const uint8_t *all = image.tryView(0, image.size()))
    return Bytes({all, image.size()});
  uint64_t size = std::min<uint64_t>(sizeof(Elf64_Ehdr), image.size());
  while (true) {
    auto start =
        image.slice(0, size, ByteOrder::little, "ELF headers", buffers);
    if (!start)
      return start.takeError();
    auto elf = openElf(*start);
    GElf_Ehdr header;
    // Once more with the section header that has the count, once with all.
    if (!elf || !gelf_getehdr(elf->get(), &header) ||
        endOfHeaders(elf->get(), header) <= size) {
      llvm::consumeError(elf.takeError()); // readElfCore will meet it again
      return start;
    }
    size = endOfHeaders(elf->get(), header);
  }
}

/// In the form of 64-bit files, in which most are: those are looked at where
/// they lie, as long as \p elf lives. The others are in \p copies.
llvm::Expected<llvm::ArrayRef<GElf_Phdr>>
viewProgramHeaders(Elf *elf, size_t count, std::vector<GElf_Phdr> &copies) {
  if (gelf_getclass(elf) == ELFCLASS64)
    if (const Elf64_Phdr *all = elf64_getphdr(elf);
        all && reinterpret_cast<uintptr_t>(all) % alignof(Elf64_Phdr) == 0)
      return llvm::ArrayRef<GElf_Phdr>(all, count);
  copies.resize(count);
  for (size_t i = 0; i < count; ++i)
    if (!gelf_getphdr(elf, int(i), &copies[i]))
      return makeLibelfError("cannot read a program header");
  return llvm::ArrayRef<GElf_Phdr>(copies);
}

/// Program headers that are not all inside the file end the reading: without
/// them nothing can be said about the memory.
llvm::Expected<llvm::ArrayRef<GElf_Phdr>>
readProgramHeaders(Elf *elf, const GElf_Ehdr &header, Bytes file,
                   std::vector<GElf_Phdr> &copies) {
  const uint64_t entrySize = gelf_getclass(elf) == ELFCLASS64
                                 ? sizeof(Elf64_Phdr)
                                 : sizeof(Elf32_Phdr);
  // libelf clips the count to the file; the file's own number tells more.
  size_t count = header.e_phnum;
  // x86-64 dumps with paging have 65,715 headers and more.
  if (count == PN_XNUM && elf_getphdrnum(elf, &count) != 0)
    return makeLibelfError("cannot count the program headers");
  if (count == 0)
    return llvm::make_error<FormatError>(
        "ELF file has no program headers, so it holds no memory" +
        describeLostSections(elf, file.size()));
  if (header.e_phentsize != entrySize)
    return llvm::make_error<FormatError>("program headers of " +
                                         hex(header.e_phentsize) +
                                         " bytes, expected " + hex(entrySize));
  if (!fits(header.e_phoff, count * entrySize, file.size()))
    return llvm::make_error<FormatError>(
        std::to_string(count) + " program headers at offset " +
            hex(header.e_phoff) + " run " +
            describeOverrun(header.e_phoff, count * entrySize, file.size()),
        FileOffset(header.e_phoff));
  return viewProgramHeaders(elf, count, copies);
}

/// As `uname -m` has it; empty where the header names none.
std::string nameElfMachine(const GElf_Ehdr &header) {
  const bool isWide = header.e_ident[EI_CLASS] == ELFCLASS64;
  struct Name {
    unsigned machine;
    const char *wide, *narrow;
  };
  static constexpr Name names[] = {
      {EM_NONE, "", ""},
      {EM_SPARC, "sparc", "sparc"},
      {EM_68K, "m68k", "m68k"},
      {EM_MIPS, "mips64", "mips"},
      {EM_PARISC, "parisc64", "parisc"},
      {EM_PPC, "ppc", "ppc"},
      {EM_PPC64, "ppc64", "ppc64"},
      {EM_S390, "s390x", "s390"},
      {EM_SH, "sh", "sh"},
      {EM_SPARCV9, "sparc64", "sparc64"},
      {EM_IA_64, "ia64", "ia64"},
      {92, "openrisc", "openrisc"}, // EM_OPENRISC
      {93, "arc", "arc"},           // EM_ARC_COMPACT
      {94, "xtensa", "xtensa"},     // EM_XTENSA
      {113, "nios2", "nios2"},      // EM_ALTERA_NIOS2
      {164, "hexagon", "hexagon"},  // EM_QDSP6
      {189, "microblaze", "microblaze"},
      {195, "arc", "arc"}, // EM_ARC_COMPACT2
      {243, "riscv64", "riscv32"},
      {252, "csky", "csky"},
      {258, "loongarch64", "loongarch32"},
      {0x9026, "alpha", "alpha"}, // EM_ALPHA
  };
  for (const Name &name : names)
    if (name.machine == header.e_machine)
      return isWide ? name.wide : name.narrow;
  return "ELF e_machine " + std::to_string(header.e_machine);
}

void nameMachine(const GElf_Ehdr &header, Dump &dump) {
  Machine &machine = dump.machine;
  machine.order = header.e_ident[EI_DATA] == ELFDATA2MSB ? ByteOrder::big
                                                         : ByteOrder::little;
  machine.arch = findElfArch(header.e_machine, header.e_ident[EI_CLASS]);
  if (!machine.arch) {
    machine.unknownName = nameElfMachine(header);
    dump.quirks.push_back(
        "ELF e_machine " + std::to_string(header.e_machine) +
        (header.e_ident[EI_CLASS] == ELFCLASS32 ? " of a 32-bit file" : "") +
        " is not one that vmpt knows");
    return;
  }
  const ArchTraits &traits = getTraits(*machine.arch);
  if (machine.order != traits.order && !traits.isDumpedInBothOrders) {
    machine.unknownName =
        std::string(machine.order == ByteOrder::big ? "big" : "little") +
        "-endian " + getArchName(*machine.arch).str();
    machine.arch.reset();
    return;
  }
  machine.archSource = "ELF e_machine";
}

/// p_paddr of a segment whose physical address the producer did not know.
bool hasPhysicalAddress(const GElf_Phdr &segment, int elfClass) {
  return segment.p_paddr !=
         (elfClass == ELFCLASS64 ? ~uint64_t(0) : 0xffffffffu);
}

/// Adds one PT_LOAD: what the file holds of it, and why the rest is absent.
void addSegment(const GElf_Phdr &segment, const FileImage &image,
                ExtentMemory &memory) {
  PhysAddr start(segment.p_paddr);
  uint64_t stored = std::min(segment.p_filesz, segment.p_memsz);
  memory.addImage(start, image, segment.p_offset, stored);
  if (segment.p_memsz <= stored)
    return;
  // QEMU writes offset -1 and size 0 for mapped device memory.
  bool device = segment.p_offset == ~uint64_t(0) && stored == 0;
  memory.addAbsent(start + stored, segment.p_memsz - stored,
                   device ? Absence::OutsideRam : Absence::Excluded);
}

/// As much of a PT_NOTE as the file has.
void readNoteSegment(const GElf_Phdr &segment, const FileImage &image,
                     Dump &dump) {
  uint64_t start = std::min(segment.p_offset, image.size());
  uint64_t size = std::min(segment.p_filesz, image.size() - start);
  auto notes = image.slice(start, size, dump.machine.order, "note segment",
                           dump.buffers);
  if (notes)
    parseNotes(*notes, segment.p_align, dump);
  else
    dump.quirks.push_back(llvm::toString(notes.takeError()));
}

/// /proc/vmcore gives the direct map's virtual address with each piece of RAM
/// (linux fs/proc/vmcore.c); QEMU repeats the physical one. The kernel image
/// is one more segment there, so the difference that most bytes agree on
/// counts. kexec-tools has -1 for high memory of i386.
std::optional<uint64_t>
findDirectMapOffset(llvm::ArrayRef<GElf_Phdr> segments) {
  std::vector<std::pair<uint64_t, uint64_t>> votes;
  for (const GElf_Phdr &segment : segments) {
    if (segment.p_type != PT_LOAD || segment.p_vaddr == segment.p_paddr ||
        segment.p_vaddr == 0 || segment.p_vaddr == ~uint64_t(0))
      continue;
    uint64_t difference = segment.p_vaddr - segment.p_paddr;
    auto vote = std::find_if(votes.begin(), votes.end(), [&](auto &entry) {
      return entry.first == difference;
    });
    if (vote == votes.end() && votes.size() >= 64)
      return std::nullopt; // virtual ranges of a paging dump, not a direct map
    if (vote == votes.end())
      vote = votes.insert(votes.end(), {difference, 0});
    vote->second += segment.p_memsz;
  }
  auto most =
      std::max_element(votes.begin(), votes.end(),
                       [](auto &a, auto &b) { return a.second < b.second; });
  if (most == votes.end())
    return std::nullopt;
  return most->first;
}

/// NT_PRPSINFO of /proc/kcore names "vmlinux" as the program (linux v6.12
/// fs/proc/kcore.c); elf_prpsinfo has pr_fname at 40, or 28 in 32-bit files.
bool isKcore(const Dump &dump) {
  const llvm::StringRef name("vmlinux", 8); // with its NUL
  return llvm::any_of(dump.notes, [&](const Note &note) {
    llvm::StringRef text = note.desc.text();
    return note.name == "CORE" && note.type == NT_PRPSINFO &&
           (text.substr(40, 8) == name || text.substr(28, 8) == name);
  });
}

/// Cores that look like a machine's memory and are not, or not in a way that
/// could be read.
llvm::Error refuseOtherCores(llvm::ArrayRef<GElf_Phdr> segments,
                             const Dump &dump) {
  constexpr uint32_t xenCrashInfo = 0x1000001; // xen include/public/elfnote.h
  for (const Note &note : dump.notes)
    if (note.name == "Xen" && note.type == xenCrashInfo)
      return llvm::make_error<UnsupportedError>(
          "crash dump of a Xen host, where dom0's memory is spread over "
          "machine frames; vmpt reads dumps of HVM and PVH guests (xl "
          "dump-core)");
  size_t loads = 0, atZero = 0;
  for (const GElf_Phdr &segment : segments)
    if (segment.p_type == PT_LOAD && segment.p_memsz) {
      ++loads;
      atZero += segment.p_paddr == 0;
    }
  // RAM and the kernel's image may both begin there, as on Power.
  const bool isOfKernel = llvm::any_of(
      dump.notes, [](const Note &note) { return note.name == "VMCOREINFO"; });
  if (loads < 2 || atZero < loads || isOfKernel)
    return llvm::Error::success();
  if (isKcore(dump))
    return llvm::make_error<UnsupportedError>(
        "copy of /proc/kcore of a kernel before 4.11, which does not say where "
        "in physical memory its segments are; take the memory with kdump, "
        "LiME or AVML");
  return llvm::make_error<UnsupportedError>(
      "all " + std::to_string(loads) +
      " segments are at physical address 0, as in the core of a process; vmpt "
      "needs a dump of a machine's memory");
}

void describe(const GElf_Ehdr &header, int elfClass, size_t segmentCount,
              bool filtered, Dump &dump) {
  dump.format = elfClass == ELFCLASS64 ? "ELF64 core" : "ELF32 core";
  bool qemuNotes = std::any_of(dump.notes.begin(), dump.notes.end(),
                               [](const Note &n) { return n.name == "QEMU"; });
  // sizeof(a pointer) in e_ehsize is QEMU's since 7.2.
  bool qemuHeader = header.e_ehsize == 8;
  if (isKcore(dump)) {
    dump.producer = "Linux /proc/kcore";
    dump.machine.cpus.clear(); // fs/proc/kcore.c writes zeros
    dump.quirks.push_back(
        dump.isLive ? "the memory of this machine, which runs: what is read "
                      "changes meanwhile"
                    : "a copy of /proc/kcore is of no single moment: memory "
                      "changed while it was read");
  } else if (qemuNotes || qemuHeader) {
    dump.producer = "QEMU dump-guest-memory (or a VMM that writes its form)";
    numberQemuCpus(dump);
  } else if (filtered)
    dump.producer = "makedumpfile -E (pages are left out inside segments)";
  else if (dump.vmcoreinfo)
    dump.producer = "Linux /proc/vmcore, or a tool that writes its form";
  dump.facts.push_back({"segments", std::to_string(segmentCount)});
  if (qemuHeader)
    dump.quirks.push_back(
        "e_ehsize is 8 and the section headers come first (QEMU 7.2 and "
        "later); makedumpfile cannot read such a file");
  if (header.e_flags & 1 && !qemuHeader)
    dump.quirks.push_back("marked incomplete: the disk was full when "
                          "makedumpfile wrote it");
  if (!dump.vmcoreinfo)
    dump.quirks.push_back("no VMCOREINFO note");
}

/// Takes vmpt's own note of \p type out of the others; its text, if it is
/// there.
std::optional<llvm::StringRef> takeOwnNote(Dump &dump, uint32_t type) {
  auto note = std::find_if(dump.notes.begin(), dump.notes.end(), [&](auto &n) {
    return n.name == trimNoteName && n.type == type;
  });
  if (note == dump.notes.end())
    return std::nullopt;
  llvm::StringRef text = note->desc.text();
  dump.notes.erase(note);
  return text;
}

/// A dump that `vmpt convert` made knows why something is absent that the dump
/// before it had not.
bool restoreConverted(Dump &dump, ExtentMemory &memory) {
  std::optional<llvm::StringRef> text = takeOwnNote(dump, convertNoteType);
  if (!text)
    return false;
  uint64_t lost = 0;
  for (const TrimmedAbsence &absence : readConvertNote(*text)) {
    memory.addAbsent(absence.start, absence.size, absence.absence);
    if (absence.absence != Absence::Excluded)
      lost += absence.size;
  }
  if (lost)
    dump.quirks.push_back("made by vmpt convert of a dump that was truncated "
                          "or damaged: " +
                          hex(lost) + " bytes of its memory are absent");
  return true;
}

/// A dump that `vmpt trim` cut speaks of the whole one.
void restoreTrimmed(Dump &dump, ExtentMemory &memory) {
  std::optional<llvm::StringRef> text = takeOwnNote(dump, trimNoteType);
  if (!text)
    return;
  for (const TrimmedAbsence &absence : readTrimNote(*text, dump))
    memory.addAbsent(absence.start, absence.size, absence.absence);
  memory.setMayExcludeZeroPages(dump.trimmedZeroPages);
}

} // namespace

bool isElf(Bytes file) {
  return file.size() >= SELFMAG && file.clip(0, SELFMAG).text() == ELFMAG;
}

llvm::Error readElfCore(Bytes file, Dump &dump) {
  return readElfCore(PlainImage(file), dump);
}

llvm::Error readElfCore(const FileImage &image, Dump &dump) {
  llvm::Expected<Bytes> file = gatherHeaders(image, dump.buffers);
  if (!file)
    return file.takeError();
  llvm::Expected<ElfHandle> elf = openElf(*file);
  if (!elf)
    return elf.takeError();
  GElf_Ehdr header;
  if (!gelf_getehdr(elf->get(), &header))
    return makeLibelfError("ELF header is truncated or broken");
  if (header.e_type != ET_CORE)
    return llvm::make_error<UnsupportedError>(
        "ELF file of type " + llvm::Twine(header.e_type) +
        " is not a core dump (type 4); vmpt needs a memory dump");
  nameMachine(header, dump);

  std::vector<GElf_Phdr> copies;
  llvm::Expected<llvm::ArrayRef<GElf_Phdr>> segments =
      readProgramHeaders(elf->get(), header, *file, copies);
  if (!segments)
    return segments.takeError();

  dump.isLive = image.source().isOfProc();
  const int elfClass = gelf_getclass(elf->get());
  auto memory = std::make_unique<ExtentMemory>();
  memory->expect(segments->size());
  size_t loadCount = 0;
  bool filtered = false;
  for (const GElf_Phdr &segment : *segments) {
    if (segment.p_type == PT_NOTE)
      readNoteSegment(segment, image, dump);
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0 ||
        !hasPhysicalAddress(segment, elfClass))
      continue;
    addSegment(segment, image, *memory);
    ++loadCount;
    if (segment.p_filesz < segment.p_memsz && segment.p_offset != ~uint64_t(0))
      filtered = true;
  }
  if (llvm::Error error = refuseOtherCores(*segments, dump))
    return error;
  // The headers of a flattened file are its last records.
  if (loadCount == 0 && !image.quirks().empty())
    return llvm::make_error<FormatError>(
        "the file is truncated, and lacks its program headers: " +
        image.quirks().front());
  if (loadCount == 0)
    return llvm::make_error<UnsupportedError>(
        "no PT_LOAD segment has a physical address, so this is not a dump of "
        "a machine's memory");
  // makedumpfile -E does not keep its dump level, so it may have been 1.
  memory->setMayExcludeZeroPages(filtered);
  interpretNotes(dump);
  dump.isLive &= isKcore(dump); // /proc/vmcore is of a machine that died
  dump.directMapOffset = findDirectMapOffset(*segments);
  describe(header, elfClass, loadCount, filtered, dump);
  const bool isConverted = restoreConverted(dump, *memory);
  restoreTrimmed(dump, *memory);
  memory->finish();
  dump.memory = std::move(memory);
  if (!dump.isTrimmed && !isConverted)
    nameTruncations(dump);
  return llvm::Error::success();
}

} // namespace vmpt
