#include "dump/formats/ElfNotes.h"

#include "support/Bits.h"

#include "llvm/ADT/STLExtras.h"

#include <elf.h>
#include <set>
#include <tuple>

namespace vmpt {

namespace {

// clang-format off
/// QEMUCPUState: {name, offset}; a segment is {selector, limit, flags, pad,
/// base} of 24 bytes, of which the base is wanted.
struct QemuField { llvm::StringLiteral name; uint16_t offset; };
constexpr QemuField qemuFields[] = {
    {"cr0", 392}, {"cr2", 408}, {"cr3", 416}, {"cr4", 424},
    {"gs_base", 264}, {"gdt", 360}, {"idt", 384}, {"kernel_gs_base", 432},
};
// clang-format on
constexpr uint64_t qemuRsp = 56, qemuRip = 136;

/// Whose NT_PRSTATUS has that size.
std::optional<Arch> findPrstatusArch(const Machine &machine,
                                     uint64_t descSize) {
  auto hasSize = [&](Arch arch) {
    return getTraits(arch).prstatus.sizeBytes == descSize;
  };
  if (machine.arch && hasSize(*machine.arch))
    return machine.arch;
  // A 64-bit guest whose first CPU sat in firmware has EM_386 on its file and
  // 64-bit notes, or the other way round: believe the notes for the registers.
  for (Arch arch : allArchs) {
    const bool mayBe =
        machine.arch ? getTraits(arch).family == getTraits(*machine.arch).family
                     : machine.order == getTraits(arch).order ||
                           getTraits(arch).isDumpedInBothOrders;
    if (mayBe && hasSize(arch))
      return arch;
  }
  return std::nullopt;
}

/// pr_pid. QEMU (7.2 target/s390x/arch_dump.c) leaves it in the byte order of
/// its host; no kernel has so many tasks (PID_MAX_LIMIT).
uint32_t readPid(Bytes desc, uint64_t offset) {
  constexpr uint32_t mostTasks = 1 << 22;
  const uint32_t pid = desc.at<uint32_t>(offset);
  return pid > mostTasks && byteSwap(pid) <= mostTasks ? byteSwap(pid) : pid;
}

void readPrstatus(const Note &note, Dump &dump) {
  Machine &machine = dump.machine;
  std::optional<Arch> arch = findPrstatusArch(machine, note.desc.size());
  if (!arch) {
    dump.quirks.push_back("NT_PRSTATUS of " + std::to_string(note.desc.size()) +
                          " bytes fits no known architecture");
    return;
  }
  if (!machine.arch) {
    machine.arch = arch;
    machine.archSource = "size of the NT_PRSTATUS note";
  }
  const ArchTraits &traits = getTraits(*arch);
  CpuRegisters cpu;
  cpu.pid = readPid(note.desc, traits.prstatus.pidOffset);
  uint64_t offset = traits.prstatus.registersOffset;
  for (llvm::StringRef name : traits.prstatus.registers) {
    uint64_t value = traits.wordBytes == 8 ? note.desc.at<uint64_t>(offset)
                                           : note.desc.at<uint32_t>(offset);
    cpu.general.emplace_back(name.str(), value);
    offset += traits.wordBytes;
  }
  machine.cpus.push_back(std::move(cpu));
  machine.cpusInOrder = false;
}

/// Is that QEMU note of \p cpu? Both have where the CPU was, and two CPUs have
/// no stack in common.
bool isOfCpu(const Note &note, const CpuRegisters &cpu) {
  auto has = [&](uint64_t offset, const char *wide, const char *narrow) {
    const uint64_t value = note.desc.at<uint64_t>(offset);
    return cpu.find(wide) == value || cpu.find(narrow) == uint32_t(value);
  };
  return has(qemuRip, "rip", "eip") && has(qemuRsp, "rsp", "esp");
}

/// The n-th QEMU note belongs to the n-th NT_PRSTATUS, unless either lacks one,
/// or they have another order. Nothing: it is of a CPU that has one.
std::optional<size_t> findCpuOf(const Note &note, size_t index,
                                bool mayBeRepeated, const Machine &machine) {
  const auto &cpus = machine.cpus;
  auto isFree = [&](size_t i) {
    return i < cpus.size() && cpus[i].system.empty();
  };
  if (isFree(index) && isOfCpu(note, cpus[index]))
    return index;
  bool isKnown = false;
  for (size_t i = 0; i < cpus.size(); ++i) {
    if (!isOfCpu(note, cpus[i]))
      continue;
    isKnown = true;
    if (isFree(i))
      return i;
  }
  if (isKnown && mayBeRepeated)
    return std::nullopt;
  // Where it does not say where its CPU was, nothing speaks against the order.
  const bool saysNothing = isKnown || !note.desc.at<uint64_t>(qemuRip);
  if (isFree(index) && (saysNothing || cpus[index].general.empty()))
    return index;
  return cpus.size();
}

void readQemuState(const Note &note, size_t index, bool mayBeRepeated,
                   Dump &dump) {
  constexpr uint64_t sizeWithoutTail = 432;
  if (note.desc.size() < sizeWithoutTail ||
      note.desc.at<uint32_t>(4) > note.desc.size() ||
      note.desc.at<uint32_t>(4) < sizeWithoutTail) {
    dump.quirks.push_back("QEMU CPU state of " +
                          std::to_string(note.desc.size()) +
                          " bytes is shorter than version 1 or than it says");
    return;
  }
  const auto cpu = findCpuOf(note, index, mayBeRepeated, dump.machine);
  if (!cpu)
    return;
  if (*cpu >= dump.machine.cpus.size())
    dump.machine.cpus.resize(*cpu + 1);
  for (const QemuField &field : qemuFields)
    if (fits(field.offset, 8, note.desc.at<uint32_t>(4)))
      dump.machine.cpus[*cpu].system.emplace_back(
          field.name.str(), note.desc.at<uint64_t>(field.offset));
}

/// Notes of owner LINUX follow the NT_PRSTATUS of their CPU.
void readSystemNote(const Note &note, Dump &dump) {
  Machine &machine = dump.machine;
  if (!machine.arch || machine.cpus.empty())
    return;
  for (const RegisterNote &layout : getTraits(*machine.arch).systemNotes) {
    if (layout.type != note.type)
      continue;
    uint64_t offset = 0;
    for (llvm::StringRef name : layout.registers) {
      if (!fits(offset, layout.wordBytes, note.desc.size())) {
        dump.quirks.push_back("note " + hex(note.type) + " of " +
                              std::to_string(note.desc.size()) +
                              " bytes is too short for its registers");
        return;
      }
      machine.cpus.back().system.emplace_back(
          name.str(), layout.wordBytes == 8 ? note.desc.at<uint64_t>(offset)
                                            : note.desc.at<uint32_t>(offset));
      offset += layout.wordBytes;
    }
  }
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

void numberQemuCpus(Dump &dump) {
  for (CpuRegisters &cpu : dump.machine.cpus)
    if (cpu.pid && *cpu.pid)
      cpu.number = *cpu.pid - 1;
}

/// A CPU is where it is once.
static void dropRepeatedCpus(Dump &dump) {
  std::vector<CpuRegisters> &cpus = dump.machine.cpus;
  const size_t before = cpus.size();
  std::set<std::tuple<std::optional<uint32_t>, decltype(CpuRegisters::general)>>
      seen;
  llvm::erase_if(cpus, [&](const CpuRegisters &cpu) {
    const bool isUsed = llvm::any_of(
        cpu.general, [](const auto &known) { return known.second != 0; });
    return isUsed && !seen.insert({cpu.pid, cpu.general}).second;
  });
  if (cpus.size() != before)
    dump.quirks.push_back(std::to_string(before - cpus.size()) +
                          " CPUs are in the notes twice");
}

void interpretNotes(Dump &dump) {
  for (const Note &note : dump.notes) {
    if (note.name == "CORE" && note.type == NT_PRSTATUS)
      readPrstatus(note, dump);
    else if (note.name == "LINUX")
      readSystemNote(note, dump);
    else if (note.name == "VMCOREINFO" && note.type == 0)
      dump.vmcoreinfo =
          note.desc.text().take_until([](char c) { return c == '\0'; }).str();
  }
  dropRepeatedCpus(dump);
  auto isQemuState = [](const Note &note) {
    return note.name == "QEMU" && note.type == 0;
  };
  const bool mayBeRepeated = size_t(llvm::count_if(dump.notes, isQemuState)) >
                             dump.machine.cpus.size();
  size_t index = 0;
  for (const Note &note : dump.notes)
    if (isQemuState(note))
      readQemuState(note, index++, mayBeRepeated, dump);
}

} // namespace vmpt
