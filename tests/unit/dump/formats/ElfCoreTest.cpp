#include "dump/formats/ElfCore.h"

#include "DumpBuilder.h"
#include "support/ByteWriter.h"
#include "support/ReadDump.h"

#include <elf.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// The formats that share readElfCore with kdump's and QEMU's files are in
/// RoundTripTest; here are those that only look like them.
NoteText kcoreNote() {
  FileBytes info(136);
  std::memcpy(info.data() + 40, "vmlinux", 7); // pr_fname
  return {"CORE", NT_PRPSINFO, info};
}

/// Physical addresses of all segments become 0.
std::vector<uint8_t> withoutAddresses(std::vector<uint8_t> file) {
  uint64_t at = Bytes(file).at<uint64_t>(offsetof(Elf64_Ehdr, e_phoff));
  unsigned count = Bytes(file).at<uint16_t>(offsetof(Elf64_Ehdr, e_phnum));
  for (unsigned i = 0; i < count; ++i)
    patch(file, at + i * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_paddr),
          uint64_t(0));
  return file;
}

llvm::Error readPlain(Bytes file, Dump &dump) {
  return readElfCore(file, dump);
}

TEST(ElfCore, KcoreSegmentsWithoutPhysicalAddressAreLeftOut) {
  MemoryImage image = smallImage(3).without(PageState::Excluded);
  auto file = writeElf(image, {.unknownAddress = true, .notes = {kcoreNote()}});
  Dump dump = readDump(readPlain, file);
  expectSameMemory(*dump.memory, image);
  EXPECT_EQ(dump.producer, "Linux /proc/kcore");
  EXPECT_TRUE(hasQuirk(dump, "a copy of /proc/kcore is of no single moment: "
                             "memory changed while it was read"));
  EXPECT_FALSE(dump.isLive) << "it is a copy";
}

TEST(ElfCore, KcoreHasNoRegistersButZeros) {
  MemoryImage image = smallImage(3).without(PageState::Excluded);
  const NoteText status = {"CORE", NT_PRSTATUS, FileBytes(336)};
  auto file =
      writeElf(image, {.unknownAddress = true, .notes = {status, kcoreNote()}});
  EXPECT_TRUE(readDump(readPlain, file).machine.cpus.empty());
  auto vmcore = writeElf(image, {.unknownAddress = true, .notes = {status}});
  EXPECT_EQ(readDump(readPlain, vmcore).machine.cpus.size(), 1u);
}

TEST(ElfCore, RefusesCoresWithoutPhysicalAddresses) {
  MemoryImage image = randomImage(3, {{1, 3}, {8, 2}}, 4096, {64, 0, 0});
  EXPECT_EQ(refusalOf(readPlain, withoutAddresses(writeElf(
                                     image, {.notes = {kcoreNote()}}))),
            "copy of /proc/kcore of a kernel before 4.11, which does not say "
            "where in physical memory its segments are; take the memory with "
            "kdump, LiME or AVML");
  EXPECT_EQ(refusalOf(readPlain, withoutAddresses(writeElf(image, {}))),
            "all 2 segments are at physical address 0, as in the core of a "
            "process; vmpt needs a dump of a machine's memory");
}

TEST(ElfCore, OneSegmentAtZeroIsRam) {
  MemoryImage image = randomImage(3, {{0, 8}}, 4096, {64, 0, 0});
  auto file = writeElf(image, {});
  Dump dump = readDump(readPlain, file);
  expectSameMemory(*dump.memory, image);
}

TEST(ElfCore, RefusesACrashDumpOfAXenHost) {
  auto file = writeElf(smallImage(1), {.notes = {{"Xen", 0x1000001, {1, 2}}}});
  EXPECT_EQ(refusalOf(readPlain, file),
            "crash dump of a Xen host, where dom0's memory is spread over "
            "machine frames; vmpt reads dumps of HVM and PVH guests (xl "
            "dump-core)");
}

TEST(ElfCore, MachinesThatAreNotReadAreNamed) {
  struct {
    uint16_t machine;
    bool is64Bit;
    ByteOrder order;
    const char *name;
  } const cases[] = {
      {EM_SPARCV9, true, ByteOrder::big, "sparc64"},
      {EM_MIPS, false, ByteOrder::big, "mips"},
      {EM_MIPS, true, ByteOrder::little, "mips64"},
      {EM_PARISC, true, ByteOrder::big, "parisc64"},
      {0x9026, true, ByteOrder::little, "alpha"},
      {195, false, ByteOrder::little, "arc"},
      {243, false, ByteOrder::little, "riscv32"},
      {0xfffe, true, ByteOrder::little, "ELF e_machine 65534"},
      {EM_ARM, false, ByteOrder::big, "big-endian arm"},
      {EM_AARCH64, true, ByteOrder::big, "big-endian arm64"},
      {EM_PPC64, true, ByteOrder::big, ""}, // as QEMU writes ppc64le
      {EM_X86_64, true, ByteOrder::little, ""},
  };
  for (const auto &one : cases) {
    ElfShape shape;
    shape.machine = one.machine;
    shape.is64Bit = one.is64Bit;
    shape.order = one.order;
    const auto file = writeElf(smallImage(1), shape);
    const Dump dump = readDump(readPlain, file);
    EXPECT_EQ(dump.machine.unknownName, one.name);
    EXPECT_EQ(dump.machine.arch.has_value(), one.name[0] == '\0') << one.name;
  }
}

} // namespace
