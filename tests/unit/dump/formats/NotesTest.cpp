#include "dump/formats/ElfNotes.h"
#include "dump/formats/TrimNote.h"
#include "dump/storage/ExtentMemory.h"

#include "support/ByteWriter.h"
#include "gmock/gmock.h"

using namespace vmpt;
using vmpt::testing::ByteWriter;

namespace {

/// {namesz, descsz, type, name, desc}, padded to 4.
void putNote(std::vector<uint8_t> &out, llvm::StringRef name, uint32_t type,
             llvm::ArrayRef<uint8_t> desc) {
  auto put32 = [&](uint32_t value) {
    for (int i = 0; i < 4; ++i)
      out.push_back(uint8_t(value >> 8 * i));
  };
  put32(uint32_t(name.size() + 1));
  put32(uint32_t(desc.size()));
  put32(type);
  out.insert(out.end(), name.begin(), name.end());
  out.push_back(0);
  out.resize((out.size() + 3) / 4 * 4);
  out.insert(out.end(), desc.begin(), desc.end());
  out.resize((out.size() + 3) / 4 * 4);
}

TEST(ElfNotes, NamesRegistersOfEachCpu) {
  std::vector<uint8_t> prstatus(336), qemu(440), bytes;
  prstatus[32] = 7;              // pr_pid
  prstatus[112 + 16 * 8] = 0x42; // rip
  qemu[0] = 1;
  qemu[4] = 440 & 0xff, qemu[5] = 440 >> 8;
  qemu[416] = 0x34, qemu[417] = 0x12; // cr3
  putNote(bytes, "CORE", 1, prstatus);
  putNote(bytes, "QEMU", 0, qemu);
  Dump dump;
  dump.machine.arch = Arch::X86_64;
  parseNotes(Bytes(bytes), 4, dump);
  interpretNotes(dump);
  ASSERT_EQ(dump.machine.cpus.size(), 1u);
  EXPECT_EQ(dump.machine.cpus[0].pid, 7u);
  EXPECT_EQ(dump.machine.cpus[0].find("rip"), 0x42u);
  EXPECT_EQ(dump.machine.cpus[0].find("cr3"), 0x1234u);
}

/// A CPU that did not answer has no note, so the first note need not be CPU
/// 0's.
TEST(ElfNotes, TheirOrderIsNotThatOfTheCpus) {
  std::vector<uint8_t> prstatus(336), bytes;
  for (uint8_t pid : {7, 3}) {
    prstatus[32] = pid;
    putNote(bytes, "CORE", 1, prstatus);
  }
  Dump dump;
  dump.machine.arch = Arch::X86_64;
  parseNotes(Bytes(bytes), 4, dump);
  interpretNotes(dump);
  EXPECT_EQ(dump.machine.cpuNumber(0), std::nullopt);
  EXPECT_EQ(dump.machine.cpuName(1), "note 2 of 2");
  numberQemuCpus(dump);
  EXPECT_EQ(dump.machine.cpuName(0), "CPU 6");
  EXPECT_EQ(dump.machine.cpuNumber(1), 2u);
}

/// QEMU's notes of CPUs \p states beside NT_PRSTATUS notes of \p cpus.
Dump readCpus(std::vector<uint8_t> cpus, std::vector<uint8_t> states) {
  std::vector<uint8_t> bytes;
  for (uint8_t cpu : cpus) {
    std::vector<uint8_t> prstatus(336);
    prstatus[32] = uint8_t(cpu + 1);
    prstatus[112 + 16 * 8] = 0x42;              // rip
    prstatus[112 + 19 * 8] = uint8_t(cpu << 4); // rsp
    putNote(bytes, "CORE", 1, prstatus);
  }
  for (uint8_t cpu : states) {
    std::vector<uint8_t> qemu(440);
    qemu[4] = 440 & 0xff, qemu[5] = 440 >> 8;
    qemu[136] = 0x42;
    qemu[56] = uint8_t(cpu << 4);
    qemu[416] = uint8_t(cpu); // cr3
    putNote(bytes, "QEMU", 0, qemu);
  }
  Dump dump;
  dump.machine.arch = Arch::X86_64;
  parseNotes(Bytes(bytes), 4, dump);
  interpretNotes(dump);
  return dump;
}

/// "1: 1" for a CPU of that pr_pid and cr3.
std::string textOf(const Dump &dump) {
  std::string text;
  for (const CpuRegisters &cpu : dump.machine.cpus) {
    text += text.empty() ? "" : ", ";
    text += cpu.pid ? std::to_string(*cpu.pid - 1) : "?";
    text += ": " + (cpu.find("cr3") ? std::to_string(*cpu.find("cr3")) : "?");
  }
  return text;
}

TEST(ElfNotes, WhatACpuHasInBothNotesTellsWhichBelongTogether) {
  EXPECT_EQ(textOf(readCpus({1, 2, 3}, {1, 2, 3})), "1: 1, 2: 2, 3: 3");
  EXPECT_EQ(textOf(readCpus({3, 2, 1}, {1, 2, 3})), "3: 3, 2: 2, 1: 1");
  EXPECT_EQ(textOf(readCpus({1, 2, 3}, {2, 3})), "1: ?, 2: 2, 3: 3");
  EXPECT_EQ(textOf(readCpus({2, 3}, {1, 2, 3})), "2: 2, 3: 3, ?: 1");
  EXPECT_EQ(textOf(readCpus({}, {1, 2})), "?: 1, ?: 2");
}

TEST(ElfNotes, ACpuThatIsThereTwiceIsOne) {
  const Dump dump = readCpus({1, 2, 1, 2}, {1, 2, 1, 2});
  EXPECT_EQ(textOf(dump), "1: 1, 2: 2");
  EXPECT_THAT(dump.quirks,
              ::testing::ElementsAre("2 CPUs are in the notes twice"));
}

TEST(ElfNotes, TheSizeOfPrstatusNamesTheArchitecture) {
  std::vector<uint8_t> prstatus(392), bytes;
  putNote(bytes, "CORE", 1, prstatus);
  Dump dump;
  parseNotes(Bytes(bytes), 4, dump);
  interpretNotes(dump);
  EXPECT_EQ(dump.machine.arch, Arch::Arm64);
  EXPECT_EQ(dump.machine.archSource, "size of the NT_PRSTATUS note");
}

TEST(ElfNotes, AQemuStateThatLiesAboutItsSizeIsAQuirk) {
  std::vector<uint8_t> qemu(440), bytes;
  qemu[0] = 1;
  qemu[4] = 0xff, qemu[5] = 0xff; // says 65535 bytes
  putNote(bytes, "QEMU", 0, qemu);
  Dump dump;
  parseNotes(Bytes(bytes), 4, dump);
  interpretNotes(dump);
  EXPECT_TRUE(dump.machine.cpus.empty());
  EXPECT_THAT(dump.quirks, ::testing::ElementsAre(::testing::HasSubstr(
                               "QEMU CPU state of 440 bytes")));
}

TEST(ElfNotes, ANoteThatRunsPastTheEndEndsTheReading) {
  std::vector<uint8_t> bytes;
  putNote(bytes, "CORE", 1, std::vector<uint8_t>(336));
  size_t second = bytes.size();
  putNote(bytes, "VMCOREINFO", 0, std::vector<uint8_t>(64, 'a'));
  for (size_t cut = second + 12; cut < bytes.size(); cut += 5) {
    Dump dump;
    parseNotes(Bytes(llvm::ArrayRef<uint8_t>(bytes).take_front(cut)), 4, dump);
    EXPECT_EQ(dump.notes.size(), 1u) << cut;
    EXPECT_EQ(dump.quirks.size(), 1u) << cut;
  }
  // Sizes near 2^32 must not wrap.
  bytes[second + 4] = bytes[second + 5] = bytes[second + 6] =
      bytes[second + 7] = 0xff;
  Dump dump;
  parseNotes(Bytes(bytes), 4, dump);
  EXPECT_EQ(dump.notes.size(), 1u);
}

/// Owner LINUX: NT_S390_PREFIX is 0x305, NT_S390_CTRS 0x304.
struct S390Notes {
  explicit S390Notes(uint32_t pid, uint32_t controlBytes = 128) {
    begin("CORE", 1, 336);
    out.zeros(32).u32(pid).zeros(76 + 8).u64(0x3ffffbf582a).zeros(208);
    begin("LINUX", 0x305, 4);
    out.u32(0x7e28000);
    begin("LINUX", 0x304, controlBytes);
    for (uint32_t i = 0; i < controlBytes / 8; ++i)
      out.u64(0x1000 + i);
    const std::vector<uint8_t> bytes = out.take();
    dump.machine.arch = Arch::S390x;
    parseNotes(Bytes(bytes, ByteOrder::big), 4, dump);
    interpretNotes(dump);
  }
  void begin(llvm::StringRef name, uint32_t type, uint32_t size) {
    out.u32(uint32_t(name.size() + 1)).u32(size).u32(type);
    out.text(name).zeros(8 - name.size());
  }

  ByteWriter out{ByteOrder::big};
  Dump dump;
};

TEST(ElfNotes, SystemRegistersFollowTheirCpu) {
  const S390Notes notes(5);
  ASSERT_EQ(notes.dump.machine.cpus.size(), 1u);
  const CpuRegisters &cpu = notes.dump.machine.cpus[0];
  EXPECT_EQ(cpu.pid, 5u);
  EXPECT_EQ(cpu.find("psw_addr"), 0x3ffffbf582au);
  EXPECT_EQ(cpu.find("prefix"), 0x7e28000u);
  EXPECT_EQ(cpu.find("cr13"), 0x100du);
}

TEST(ElfNotes, SystemRegistersThatAreCutOffAreAQuirk) {
  const S390Notes notes(5, 104);
  EXPECT_EQ(notes.dump.machine.cpus[0].find("cr12"), 0x100cu);
  EXPECT_FALSE(notes.dump.machine.cpus[0].find("cr13"));
  EXPECT_THAT(notes.dump.quirks,
              ::testing::ElementsAre(::testing::HasSubstr("too short")));
}

/// QEMU leaves pr_pid of a big-endian machine as its host has it.
TEST(ElfNotes, APidInTheOrderOfQemusHost) {
  EXPECT_EQ(S390Notes(0x02000000).dump.machine.cpus[0].pid, 2u);
  EXPECT_EQ(S390Notes(1 << 22).dump.machine.cpus[0].pid, 1u << 22);
}

TEST(TrimNote, KeepsWhatTheContainerSaid) {
  Dump dump;
  dump.format = "kdump-compressed v6";
  dump.producer = "makedumpfile";
  dump.facts = {{"compression", "zlib"}};
  dump.quirks = {"a quirk: with a colon=and more"};
  dump.machine.arch = Arch::Arm64;
  dump.machine.archSource = "utsname";
  dump.dumpLevel = 31;
  auto memory = std::make_unique<ExtentMemory>();
  std::vector<uint8_t> data(4096);
  memory->addData(PhysAddr(0x1000), data);
  memory->addAbsent(PhysAddr(0x2000), 0x3000, Absence::Excluded);
  memory->addZeros(PhysAddr(0x9000), 0x2000);
  memory->addAbsent(PhysAddr(0x5000), 0x1000, Absence::Truncated);
  memory->finish();
  dump.memory = std::move(memory);
  std::vector<MemoryBlock> blocks = dump.memoryBlocks();

  Dump again;
  std::vector<TrimmedAbsence> absences =
      readTrimNote(writeTrimNote(dump, /*withTasks=*/true), again);
  EXPECT_TRUE(again.isTrimmed);
  EXPECT_EQ(again.isTrimmedWithTasks, true);
  EXPECT_EQ(again.format, dump.format);
  EXPECT_EQ(again.producer, dump.producer);
  EXPECT_EQ(again.quirks, dump.quirks);
  EXPECT_EQ(again.facts[0].value, "zlib");
  EXPECT_EQ(again.machine.arch, Arch::Arm64);
  EXPECT_EQ(again.dumpLevel, 31u);
  EXPECT_EQ(again.memoryBlocks(), blocks);
  EXPECT_EQ(again.knownZeroBytes(), 0x2000u);
  ASSERT_EQ(absences.size(), 1u);
  EXPECT_EQ(absences[0].absence, Absence::Truncated);
}

TEST(TrimNote, PassesOverWhatItCannotParse) {
  Dump dump;
  EXPECT_TRUE(readTrimNote("block=1,2\nabsent=0,1,9\nlevel=x\n=\nblock=,,\n"
                           "future=1\nblock=1,2,3,4,5,6,7,8,9\n",
                           dump)
                  .empty());
  EXPECT_TRUE(dump.memoryBlocks().empty());
}

} // namespace
