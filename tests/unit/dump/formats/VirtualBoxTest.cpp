#include "dump/formats/VirtualBox.h"

#include "support/ReadDump.h"
#include "support/VirtualBoxWriter.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

std::vector<uint8_t> makeCpu(uint64_t cr3, uint32_t codeAttributes) {
  std::vector<uint8_t> cpu(1024);
  patch(cpu, 14 * 8, uint64_t(0xffffffff81000042)); // rip
  patch(cpu, 144 + 12, codeAttributes);
  patch(cpu, 304, cr3);
  patch(cpu, 312, uint64_t(0x6f0));
  return cpu;
}

TEST(VirtualBox, ReadsBackWhatWasWritten) {
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    MemoryImage image = smallImage(seed).without(PageState::Excluded);
    auto file = writeVirtualBox(image);
    ASSERT_TRUE(isVirtualBox(Bytes(file)));
    Dump dump = readDump(readVirtualBox, file);
    // Also: device memory behind the last page is outside RAM.
    expectSameMemory(*dump.memory, image);
    EXPECT_TRUE(dump.quirks.empty());
    EXPECT_EQ(dump.producer, "VirtualBox 7.0.14");
  }
}

TEST(VirtualBox, RegistersOfEachCpu) {
  MemoryImage image = smallImage(1);
  auto file =
      writeVirtualBox(image, {makeCpu(0x1234000, 0xa09b), makeCpu(5, 0)});
  Dump dump = readDump(readVirtualBox, file);
  ASSERT_EQ(dump.machine.cpus.size(), 2u);
  EXPECT_EQ(dump.machine.cpus[0].find("cr3"), 0x1234000u);
  EXPECT_EQ(dump.machine.cpus[0].find("cr4"), 0x6f0u);
  EXPECT_EQ(dump.machine.cpus[0].find("rip"), 0xffffffff81000042);
  EXPECT_EQ(dump.machine.arch, Arch::X86_64);
  // 32-bit code, and a version whose registers have no fixed layout.
  auto other = writeVirtualBox(image, {makeCpu(5, 0xc09b)});
  EXPECT_EQ(readDump(readVirtualBox, other).machine.arch, std::nullopt);
  auto old = writeVirtualBox(image, {makeCpu(5, 0xa09b)}, 0x10000);
  EXPECT_TRUE(readDump(readVirtualBox, old).machine.cpus.empty());
}

TEST(VirtualBox, ATruncatedFileIsNamed) {
  MemoryImage image = randomImage(3, {{1, 4}}, 4096, {0, 0, 0});
  auto file = writeVirtualBox(image);
  file.resize(file.size() - 4096);
  Dump dump = readDump(readVirtualBox, file);
  EXPECT_EQ(absenceAt(dump, 0x4000), Absence::Truncated);
  EXPECT_TRUE(hasQuirk(dump, "the file is truncated: physical memory from "
                             "0x4000 to 0x5000 is cut off"));
}

TEST(VirtualBox, Refusals) {
  MemoryImage image = smallImage(1);
  auto entrySize = writeVirtualBox(image);
  patch(entrySize, 54, uint16_t(32));
  EXPECT_EQ(refusalOf(readVirtualBox, entrySize),
            "program headers of 0x20 bytes, expected 0x38");
  auto count = writeVirtualBox(image);
  count.resize(4096);
  patch(count, 56, uint16_t(0xffff));
  EXPECT_EQ(refusalOf(readVirtualBox, count),
            "program header 72 of 65535 lies past the end at 0x1000, truncated "
            "by 0x37f008 bytes or more");
}

TEST(VirtualBox, OtherElfFilesAreNot) {
  MemoryImage image = smallImage(1);
  auto file = writeVirtualBox(image);
  patch(file, 64 + 8, ~uint64_t(0)); // the note segment's offset
  EXPECT_FALSE(isVirtualBox(Bytes(file)));
  patch(file, 32, ~uint64_t(0) - 8); // e_phoff
  EXPECT_FALSE(isVirtualBox(Bytes(file)));
}

TEST(VirtualBox, TruncationIsHarmless) {
  MemoryImage image;
  image.pageSize = 64;
  image.setData(1, {1, 2, 3});
  image.setData(4, {4});
  auto file = writeVirtualBox(image, {makeCpu(1, 2)});
  for (size_t size = 0; size < file.size(); ++size)
    (void)isVirtualBox(Bytes({file.data(), size}));
  // Recognised files have their header.
  auto reader = [](Bytes bytes, Dump &dump) {
    return isVirtualBox(bytes) ? readVirtualBox(bytes, dump)
                               : llvm::make_error<FormatError>("not one");
  };
  expectTruncationsAreHarmless(reader, file);
}

} // namespace
