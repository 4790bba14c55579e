#include "dump/formats/S390Dump.h"

#include "support/ReadDump.h"
#include "support/S390Writer.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

MemoryImage makeImage(uint64_t frames = 8) {
  return randomImage(7, {{0, frames}}, 4096, {0, 0, 0});
}

TEST(S390Dump, ReadsBackWhatWasWritten) {
  MemoryImage image = makeImage();
  auto file = writeS390Dump(image, {0x2000, 0x4000});
  ASSERT_TRUE(isS390Dump(Bytes(file)));
  Dump dump = readDump(readS390Dump, file);
  expectSameMemory(*dump.memory, image);
  EXPECT_TRUE(dump.quirks.empty());
  EXPECT_EQ(dump.machine.arch, Arch::S390x);
  EXPECT_EQ(dump.machine.order, ByteOrder::big);
  EXPECT_EQ(dump.format, "S/390 dump");
}

TEST(S390Dump, RegistersLieBehindThePrefix) {
  auto file = writeS390Dump(makeImage(), {0x2000});
  patch<uint64_t>(file, 4096 + 0x2000 + 0x1280 + 15 * 8, 0x37fe0003cb8,
                  ByteOrder::big);
  patch<uint64_t>(file, 4096 + 0x2000 + 0x1308, 0x100042, ByteOrder::big);
  patch<uint64_t>(file, 4096 + 0x2000 + 0x1380 + 13 * 8, 0x889f007,
                  ByteOrder::big);
  Dump dump = readDump(readS390Dump, file);
  ASSERT_EQ(dump.machine.cpus.size(), 1u);
  const CpuRegisters &cpu = dump.machine.cpus.front();
  EXPECT_EQ(cpu.find("r15"), 0x37fe0003cb8u);
  EXPECT_EQ(cpu.find("psw_addr"), 0x100042u);
  EXPECT_EQ(cpu.find("cr13"), 0x889f007u);
  EXPECT_EQ(cpu.find("prefix"), 0x2000u);
}

TEST(S390Dump, APrefixOutsideOfMemoryIsNamed) {
  auto file = writeS390Dump(makeImage(), {0x2000, 0xfffff000});
  Dump dump = readDump(readS390Dump, file);
  EXPECT_EQ(dump.machine.cpus.size(), 1u);
  EXPECT_TRUE(hasQuirk(dump, "the registers of a CPU, behind its prefix "
                             "0xfffff000, are not in the file"));
}

TEST(S390Dump, MoreCpusThanThereIsRoomForAreNotRead) {
  auto file = writeS390Dump(makeImage(), {0x2000});
  patch<uint16_t>(file, 0x5f, 0xffff, ByteOrder::big);
  Dump dump = readDump(readS390Dump, file);
  EXPECT_LE(dump.machine.cpus.size(), 512u);
  EXPECT_TRUE(hasQuirk(dump, "the header has 65535 CPUs, of which it can name "
                             "512"));
}

TEST(S390Dump, ATruncatedFileIsNamed) {
  auto file = writeS390Dump(makeImage());
  file.resize(4096 + 5 * 4096);
  Dump dump = readDump(readS390Dump, file);
  EXPECT_EQ(absenceAt(dump, 0x5000), Absence::Truncated);
  EXPECT_TRUE(hasQuirk(dump, "the file is truncated: physical memory from "
                             "0x5000 to 0x8000 is cut off"));
}

TEST(S390Dump, ADumpWithoutItsEndIsNamed) {
  auto file = writeS390Dump(makeImage());
  file.resize(file.size() - 16);
  EXPECT_TRUE(hasQuirk(readDump(readS390Dump, file),
                       "there is no DUMP_END behind the memory: the dump was "
                       "not finished"));
}

TEST(S390Dump, DamagedHeadersAreRefused) {
  struct {
    uint64_t offset, value;
    unsigned bytes;
  } const damages[] = {
      {0x0c, 0x10000, 4},          // header size
      {0x14, 65536, 4},            // page size
      {0x18, 0, 8},                // no memory
      {0x18, 0x8001, 8},           // no pages
      {0x18, ~uint64_t(0xfff), 8}, // wraps with the next
      {0x20, 1, 8},                // start
      {0x4c, 1, 4},                // a further volume
      {0x50, 1, 4},                // 31-bit
      {0x5c, 1, 1},                // several volumes
  };
  for (const auto &damage : damages) {
    auto file = writeS390Dump(makeImage());
    if (damage.offset == 0x18 && damage.value > 0x10000)
      patch<uint64_t>(file, 0x20, 0x2000, ByteOrder::big);
    if (damage.bytes == 8)
      patch<uint64_t>(file, damage.offset, damage.value, ByteOrder::big);
    else if (damage.bytes == 4)
      patch<uint32_t>(file, damage.offset, uint32_t(damage.value),
                      ByteOrder::big);
    else
      file[damage.offset] = uint8_t(damage.value);
    Dump dump;
    llvm::Error error = readS390Dump(Bytes(file), dump);
    EXPECT_TRUE(bool(error)) << damage.offset;
    llvm::consumeError(std::move(error));
  }
}

TEST(S390Dump, AHeaderThatIsCutAndACompressedDumpAreRefused) {
  auto file = writeS390Dump(makeImage());
  file.resize(100);
  Dump dump;
  llvm::Error cut = readS390Dump(Bytes(file), dump);
  EXPECT_TRUE(bool(cut));
  llvm::consumeError(std::move(cut));
  file[7] = 0xfe;
  ASSERT_TRUE(isS390Dump(Bytes(file)));
  llvm::Error compressed = readS390Dump(Bytes(file), dump);
  EXPECT_EQ(llvm::toString(std::move(compressed)),
            "a compressed s390 dump; convert it first with 'zgetdump -f elf'");
}

} // namespace
