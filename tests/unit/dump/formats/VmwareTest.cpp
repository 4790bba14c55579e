#include "dump/formats/Vmware.h"
#include "dump/OpenDump.h"

#include "support/ReadDump.h"
#include "support/VmwareWriter.h"

#include <cstdio>
#include <fstream>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

MemoryImage completeImage(uint32_t seed) {
  return smallImage(seed).without(PageState::Excluded);
}

Dump readBoth(const std::vector<uint8_t> &state,
              const std::vector<uint8_t> &memory) {
  Dump dump;
  EXPECT_EQ(textOf(readVmware(Bytes(state), Bytes(memory), dump)), "");
  return dump;
}

llvm::Error readAlone(Bytes state, Dump &dump) {
  return readVmware(state, std::nullopt, dump);
}

TEST(Vmware, MemoryInAFileOfItsOwn) {
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    MemoryImage image = completeImage(seed);
    auto state = describeVmware(image).take(), memory = writeVmem(image);
    ASSERT_TRUE(isVmware(Bytes(state)));
    Dump dump = readBoth(state, memory);
    expectSameMemory(*dump.memory, image);
    EXPECT_TRUE(dump.quirks.empty());
  }
}

TEST(Vmware, OpensTheFileBesideTheState) {
  auto write = [](const std::string &path, const std::vector<uint8_t> &bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               std::streamsize(bytes.size()));
  };
  MemoryImage image = completeImage(6);
  const std::string stem = ::testing::TempDir() + "vmpt.VmwareTest";
  write(stem + ".vmsn", describeVmware(image).take());
  Diagnostics diagnostics;
  EXPECT_EQ(textOf(openDump(stem + ".vmsn", {}, diagnostics)),
            "the memory of this VMware state is in a .vmem file of its own, "
            "which is not beside it under the same name; give it as a further "
            "part");
  write(stem + ".vmem", writeVmem(image));
  {
    Dump dump = valueOf(openDump(stem + ".vmsn", {}, diagnostics));
    expectSameMemory(*dump.memory, image);
  }
  std::remove((stem + ".vmsn").c_str());
  std::remove((stem + ".vmem").c_str());
}

TEST(Vmware, MemoryInTheState) {
  MemoryImage image = completeImage(5);
  auto state =
      describeVmware(image).block("Memory", {0, 0}, writeVmem(image)).take();
  Dump dump = readDump(readAlone, state);
  expectSameMemory(*dump.memory, image);
  EXPECT_EQ(dump.format, "VMware state with its memory");
}

TEST(Vmware, WithoutRegionsTheMemoryIsFlat) {
  MemoryImage image = randomImage(2, {{0, 12}}, 4096, {60, 0, 0});
  auto state = VmwareWriter().group("memory").take();
  auto memory = writeVmem(image);
  Dump dump = readBoth(state, memory);
  expectSameMemory(*dump.memory, image);
}

TEST(Vmware, RegistersOfEachCpu) {
  std::vector<uint8_t> controls(40);
  for (unsigned n = 0; n < 5; ++n)
    controls[n * 8] = uint8_t(0x40 + n);
  auto state = VmwareWriter()
                   .group("cpu")
                   .item("cpu:numVCPUs", {}, 2, 4)
                   .item("rip", {0}, 0xffffffff81000000, 8)
                   .item("CR64", {0, 0}, 0x80050033, 8)
                   .item("CR64", {0, 3}, 0x1234000, 8)
                   .item("CR64", {0, 4}, 0x6f0, 8)
                   .block("CR64", {1}, controls)
                   .item("CR64", {0xffffffff, 3}, 1, 8)
                   .group("memory")
                   .block("Memory", {}, {1, 2, 3})
                   .take();
  Dump dump = readDump(readAlone, state);
  ASSERT_EQ(dump.machine.cpus.size(), 2u);
  EXPECT_EQ(dump.machine.cpus[0].find("rip"), 0xffffffff81000000);
  EXPECT_EQ(dump.machine.cpus[0].find("cr3"), 0x1234000u);
  EXPECT_EQ(dump.machine.cpus[0].find("cr4"), 0x6f0u);
  EXPECT_EQ(dump.machine.cpus[1].find("cr3"), 0x43u);
}

TEST(Vmware, ATruncatedImageIsNamed) {
  MemoryImage image = randomImage(3, {{1, 4}}, 4096, {0, 0, 0});
  auto state = describeVmware(image).take(), memory = writeVmem(image);
  memory.resize(memory.size() - 4096);
  Dump dump = readBoth(state, memory);
  EXPECT_EQ(absenceAt(dump, 0x4000), Absence::Truncated);
  EXPECT_TRUE(hasQuirk(dump,
                       "the file is truncated: physical memory from 0x4000 "
                       "to 0x5000 is cut off"));
}

TEST(Vmware, Refusals) {
  auto sentence = [](std::vector<uint8_t> state) {
    return refusalOf(readAlone, state);
  };
  EXPECT_EQ(sentence(VmwareWriter().take(0xbed0bed0)),
            "VMware state of the old 32-bit form; take it with a product of "
            "2006 or later");
  EXPECT_EQ(
      sentence(
          VmwareWriter().group("memory").block("Memory", {}, {1}, true).take()),
      "VMware state with compressed memory; take a snapshot with the memory "
      "in a .vmem file (mainMem.useNamedFile = \"TRUE\")");
  EXPECT_EQ(sentence(VmwareWriter().group("memory").take()),
            "the memory of this VMware state is in a .vmem file of its own, "
            "which is not beside it under the same name; give it as a further "
            "part");
  EXPECT_EQ(sentence(VmwareWriter()
                         .group("memory")
                         .item("regionsCount", {}, 2, 4)
                         .item("regionPageNum", {0}, 0, 4)
                         .item("regionPPN", {0}, 0, 4)
                         .item("regionSize", {0}, 1, 4)
                         .item("regionPPN", {1}, 0, 4)
                         .block("Memory", {}, {1})
                         .take()),
            "memory region 1 of 2 lacks its regionPageNum, regionPPN or "
            "regionSize");
  EXPECT_EQ(sentence(VmwareWriter()
                         .group("memory")
                         .item("regionsCount", {}, 65, 4)
                         .block("Memory", {}, {1})
                         .take()),
            "65 memory regions, expected at most 64");
  auto manyGroups = VmwareWriter().group("memory").take();
  patch(manyGroups, 8, uint32_t(0xffffffff));
  EXPECT_EQ(sentence(manyGroups),
            "the table of groups of 0x4fffffffb0 bytes at offset 0xc runs past "
            "the end at 0x5e, truncated by 0x4fffffff5e bytes or more");
}

TEST(Vmware, AGroupThatIsCutOffIsNoMissingFile) {
  auto state = VmwareWriter().group("memory").block("Memory", {}, {1}).take();
  state.resize(0x60);
  const std::string sentence = refusalOf(readAlone, state);
  EXPECT_EQ(sentence.find("group 'memory' at offset"), 0u) << sentence;
  EXPECT_NE(sentence.find("truncated by 0x"), std::string::npos) << sentence;
}

TEST(Vmware, TruncationIsHarmless) {
  auto state = VmwareWriter()
                   .group("cpu")
                   .item("CR64", {0, 3}, 0x1234000, 8)
                   .group("memory")
                   .item("regionsCount", {}, 1, 4)
                   .item("regionPageNum", {0}, 0, 4)
                   .item("regionPPN", {0}, 1, 4)
                   .item("regionSize", {0}, 1, 4)
                   .block("Memory", {}, std::vector<uint8_t>(100))
                   .take();
  expectTruncationsAreHarmless(readAlone, state);
}

} // namespace
