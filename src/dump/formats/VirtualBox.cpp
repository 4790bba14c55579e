#include "dump/formats/VirtualBox.h"

#include "dump/formats/ElfNotes.h"
#include "dump/storage/ExtentMemory.h"
#include "support/Bits.h"

#include <elf.h>

namespace vmpt {

namespace {

constexpr uint32_t coreNoteType = 0xb00, cpuNoteType = 0xb01;

struct Segment {
  uint32_t type;
  uint64_t offset;
  PhysAddr start;
  uint64_t fileSize, memorySize;
};

/// Program header \p index; nothing if it is not in the file.
std::optional<Segment> getSegment(Bytes file, unsigned index) {
  uint64_t offset = file.at<uint64_t>(offsetof(Elf64_Ehdr, e_phoff));
  // A table that starts outside cannot make the sum below wrap.
  if (offset > file.size() || !fits(offset + index * sizeof(Elf64_Phdr),
                                    sizeof(Elf64_Phdr), file.size()))
    return std::nullopt;
  Bytes header =
      file.clip(offset + index * sizeof(Elf64_Phdr), sizeof(Elf64_Phdr));
  return Segment{header.at<uint32_t>(offsetof(Elf64_Phdr, p_type)),
                 header.at<uint64_t>(offsetof(Elf64_Phdr, p_offset)),
                 PhysAddr(header.at<uint64_t>(offsetof(Elf64_Phdr, p_paddr))),
                 header.at<uint64_t>(offsetof(Elf64_Phdr, p_filesz)),
                 header.at<uint64_t>(offsetof(Elf64_Phdr, p_memsz))};
}

/// DBGFCORECPU: {name, offset in the note}. A selector is {u64 base, u32
/// limit, u32 attributes, u16 selector, u16, u32}.
struct CpuField {
  llvm::StringLiteral name;
  uint16_t offset;
};
constexpr llvm::StringLiteral generalNames[] = {
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8",  "r9",  "r10",
    "r11", "r12", "r13", "r14", "r15", "rip", "rsp", "rbp", "rflags"};
constexpr CpuField systemFields[] = {
    {"cr0", 288}, {"cr2", 296},     {"cr3", 304}, {"cr4", 312},
    {"gdt", 384}, {"gs_base", 240}, {"idt", 400}};
constexpr uint64_t codeSegmentAttributes = 144 + 12, cpuNoteSize = 416;

void readCpu(Bytes note, Dump &dump) {
  if (note.size() < cpuNoteSize) {
    dump.quirks.push_back("VBCPU note of " + hex(note.size()) +
                          " bytes, expected at least " + hex(cpuNoteSize));
    return;
  }
  CpuRegisters cpu;
  uint64_t offset = 0;
  for (llvm::StringRef name : generalNames) {
    cpu.general.emplace_back(name.str(), note.at<uint64_t>(offset));
    offset += 8;
  }
  for (const CpuField &field : systemFields)
    cpu.system.emplace_back(field.name.str(), note.at<uint64_t>(field.offset));
  dump.machine.cpus.push_back(std::move(cpu));
  // e_machine is that of VirtualBox itself. A CPU in 64-bit code shows a
  // 64-bit kernel; one in 32-bit code shows nothing.
  constexpr uint32_t longMode = bit(13);
  if (note.at<uint32_t>(codeSegmentAttributes) & longMode) {
    dump.machine.arch = findElfArch(EM_X86_64, ELFCLASS64);
    dump.machine.archSource = "code segment in a VBCPU note";
  }
}

void readNotes(Dump &dump) {
  // Version 0x10000 dumped VirtualBox's internal state as it was in memory.
  bool readable = false;
  for (const Note &note : dump.notes) {
    if (note.name == "VBCORE" && note.type == coreNoteType &&
        note.desc.size() >= 24) {
      uint32_t version = note.desc.at<uint32_t>(4);
      readable = version > 0x10000;
      dump.facts.push_back({"format version", hex(version)});
      uint32_t product = note.desc.at<uint32_t>(12);
      dump.producer = "VirtualBox " + std::to_string(product >> 24) + "." +
                      std::to_string(product >> 16 & 0xff) + "." +
                      std::to_string(product & 0xffff);
      if (!readable)
        dump.quirks.push_back("registers of format version 0x10000 are not "
                              "read: their layout changed with each build");
    } else if (note.name == "VBCPU" && note.type == cpuNoteType && readable) {
      readCpu(note.desc, dump);
    }
  }
}

} // namespace

bool isVirtualBox(Bytes file) {
  if (file.size() < sizeof(Elf64_Ehdr) ||
      file.clip(0, SELFMAG).text() != ELFMAG ||
      file.at<uint8_t>(EI_CLASS) != ELFCLASS64 ||
      file.at<uint8_t>(EI_DATA) != ELFDATA2LSB ||
      file.at<uint16_t>(offsetof(Elf64_Ehdr, e_type)) != ET_CORE)
    return false;
  std::optional<Segment> first = getSegment(file, 0);
  return first && first->type == PT_NOTE &&
         file.clip(first->offset, 18).text().substr(12) == "VBCORE";
}

llvm::Error readVirtualBox(Bytes file, Dump &dump) {
  const unsigned count = file.at<uint16_t>(offsetof(Elf64_Ehdr, e_phnum));
  const unsigned entrySize =
      file.at<uint16_t>(offsetof(Elf64_Ehdr, e_phentsize));
  if (entrySize != sizeof(Elf64_Phdr))
    return llvm::make_error<FormatError>("program headers of " +
                                         hex(entrySize) + " bytes, expected " +
                                         hex(sizeof(Elf64_Phdr)));
  auto memory = std::make_unique<ExtentMemory>();
  for (unsigned i = 0; i < count; ++i) {
    std::optional<Segment> segment = getSegment(file, i);
    if (!segment)
      return llvm::make_error<FormatError>(
          "program header " + std::to_string(i) + " of " +
          std::to_string(count) + " lies " +
          describeOverrun(file.at<uint64_t>(offsetof(Elf64_Ehdr, e_phoff)),
                          uint64_t(count) * entrySize, file.size()));
    // Names are counted without their NUL and padded with it, which comes to
    // the same as an alignment of 4.
    if (segment->type == PT_NOTE)
      parseNotes(file.clip(segment->offset, segment->fileSize), 4, dump);
    if (segment->type != PT_LOAD)
      continue;
    uint64_t stored = std::min(segment->fileSize, segment->memorySize);
    Bytes data = file.clip(segment->offset, stored);
    memory->addData(segment->start, data.array());
    memory->addAbsent(segment->start + data.size(), stored - data.size(),
                      Absence::Truncated);
  }
  memory->finish();
  dump.format = "VirtualBox ELF64 core";
  dump.producer = "VirtualBox";
  dump.memory = std::move(memory);
  nameTruncations(dump);
  readNotes(dump);
  return llvm::Error::success();
}

} // namespace vmpt
