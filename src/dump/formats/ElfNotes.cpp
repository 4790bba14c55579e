#include "dump/formats/ElfNotes.h"

#include "support/Bits.h"

#include <elf.h>

namespace vmpt {

namespace {

/// Where an architecture's elf_prstatus keeps what we want. The size of the
/// note tells architectures apart where the container does not.
struct PrstatusLayout {
  Arch arch;
  uint32_t size; ///< Of the whole note descriptor.
  uint8_t pidOffset, registersOffset, registerBytes;
  std::vector<llvm::StringLiteral> names;
};

// clang-format off
const PrstatusLayout prstatusLayouts[] = {
    {Arch::X86_64, 336, 32, 112, 8,
     {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx",
      "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base",
      "gs_base", "ds", "es", "fs", "gs"}},
    {Arch::I386, 144, 24, 72, 4,
     {"ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", "orig_eax",
      "eip", "cs", "eflags", "esp", "ss"}},
    {Arch::Arm64, 392, 32, 112, 8,
     {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
      "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
      "x25", "x26", "x27", "x28", "x29", "x30", "sp", "pc", "pstate"}},
    {Arch::RiscV64, 376, 32, 112, 8,
     {"pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3",
      "a4", "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10",
      "s11", "t3", "t4", "t5", "t6"}},
};

/// QEMUCPUState: {name, offset}; a segment is {selector, limit, flags, pad,
/// base} of 24 bytes, of which the base is wanted.
struct QemuField { llvm::StringLiteral name; uint16_t offset; };
constexpr QemuField qemuFields[] = {
    {"cr0", 392}, {"cr2", 408}, {"cr3", 416}, {"cr4", 424},
    {"gs_base", 264}, {"gdt", 360}, {"idt", 384}, {"kernel_gs_base", 432},
};
// clang-format on

const PrstatusLayout *findLayout(const Machine &machine, uint64_t descSize) {
  for (const PrstatusLayout &layout : prstatusLayouts) {
    bool sameArch = machine.arch ? layout.arch == *machine.arch
                                 : machine.order == ByteOrder::little;
    if (layout.size == descSize && sameArch)
      return &layout;
  }
  // A 64-bit guest whose first CPU sat in firmware has EM_386 on its file and
  // 64-bit notes, or the other way round: believe the notes for the registers.
  if (machine.arch == Arch::I386 || machine.arch == Arch::X86_64)
    for (const PrstatusLayout &layout : prstatusLayouts)
      if (layout.size == descSize &&
          (layout.arch == Arch::I386 || layout.arch == Arch::X86_64))
        return &layout;
  return nullptr;
}

void readPrstatus(const Note &note, Dump &dump) {
  Machine &machine = dump.machine;
  const PrstatusLayout *layout = findLayout(machine, note.desc.size());
  if (!layout) {
    dump.quirks.push_back("NT_PRSTATUS of " + std::to_string(note.desc.size()) +
                          " bytes fits no known architecture");
    return;
  }
  if (!machine.arch) {
    machine.arch = layout->arch;
    machine.archSource = "size of the NT_PRSTATUS note";
  }
  CpuRegisters cpu;
  cpu.pid = note.desc.at<uint32_t>(layout->pidOffset);
  uint64_t offset = layout->registersOffset;
  for (llvm::StringRef name : layout->names) {
    uint64_t value = layout->registerBytes == 8
                         ? note.desc.at<uint64_t>(offset)
                         : note.desc.at<uint32_t>(offset);
    cpu.general.emplace_back(name.str(), value);
    offset += layout->registerBytes;
  }
  machine.cpus.push_back(std::move(cpu));
}

/// The n-th QEMU note belongs to the n-th NT_PRSTATUS.
void readQemuState(const Note &note, size_t index, Dump &dump) {
  constexpr uint64_t sizeWithoutTail = 432;
  if (note.desc.size() < sizeWithoutTail ||
      note.desc.at<uint32_t>(4) > note.desc.size() ||
      note.desc.at<uint32_t>(4) < sizeWithoutTail) {
    dump.quirks.push_back("QEMU CPU state of " +
                          std::to_string(note.desc.size()) +
                          " bytes is shorter than version 1 or than it says");
    return;
  }
  if (index >= dump.machine.cpus.size())
    dump.machine.cpus.resize(index + 1);
  for (const QemuField &field : qemuFields)
    if (fits(field.offset, 8, note.desc.at<uint32_t>(4)))
      dump.machine.cpus[index].system.emplace_back(
          field.name.str(), note.desc.at<uint64_t>(field.offset));
}

} // namespace

void parseNotes(Bytes segment, uint64_t alignment, Dump &dump) {
  const uint64_t align = alignment == 8 ? 8 : 4;
  uint64_t offset = 0;
  constexpr uint64_t headerSize = sizeof(Elf64_Nhdr);
  while (fits(offset, headerSize, segment.size())) {
    uint32_t nameSize = segment.at<uint32_t>(offset);
    uint32_t descSize = segment.at<uint32_t>(offset + 4);
    uint32_t type = segment.at<uint32_t>(offset + 8);
    // kdump reserves a header per CPU and leaves it zero for CPUs that were
    // silent; /proc/vmcore drops these, a raw elfcorehdr has them.
    if (nameSize == 0 && descSize == 0 && type == 0)
      break;
    // 32-bit sizes in 64-bit sums: nothing here can wrap.
    uint64_t nameAt = offset + headerSize;
    uint64_t descAt = alignUp(nameAt + nameSize, align);
    if (!fits(descAt, descSize, segment.size())) {
      dump.quirks.push_back("note at offset " + hex(segment.origin() + offset) +
                            " runs past the end of its segment at " +
                            hex(segment.origin() + segment.size()));
      break;
    }
    llvm::StringRef name = segment.clip(nameAt, nameSize).text();
    dump.notes.push_back(
        {name.take_until([](char c) { return c == '\0'; }).str(), type,
         segment.clip(descAt, descSize)});
    uint64_t next = alignUp(descAt + descSize, align);
    if (next > segment.size())
      break; // the last note need not be padded
    offset = next;
  }
}

void interpretNotes(Dump &dump) {
  size_t qemuNotes = 0;
  for (const Note &note : dump.notes) {
    if (note.name == "CORE" && note.type == NT_PRSTATUS)
      readPrstatus(note, dump);
    else if (note.name == "QEMU" && note.type == 0)
      readQemuState(note, qemuNotes++, dump);
    else if (note.name == "VMCOREINFO" && note.type == 0)
      dump.vmcoreinfo =
          note.desc.text().take_until([](char c) { return c == '\0'; }).str();
  }
}

} // namespace vmpt
