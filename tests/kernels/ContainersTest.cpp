//===- ContainersTest.cpp - the same guest in different containers --------===//
//
// Dumps that QEMU and makedumpfile made of one stopped guest must show the
// same memory: every page that a kdump file has is compared with the ELF dump.
//
#include "CapturedFile.h"
#include "Expected.h"
#include "dump/OpenDump.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

struct ContainerCase {
  const char *elf;
  const char *other;
  const char *format;
  const char *producer;
  const char *compression;
  unsigned dumpLevel;
  /// Fewer pages than this in the file is a failure: nothing was compared.
  uint64_t leastPages;
};

void PrintTo(const ContainerCase &value, std::ostream *os) {
  *os << value.other;
}

class Containers : public ::testing::TestWithParam<ContainerCase> {};

std::string factOf(const Dump &dump, const std::string &name) {
  for (const ContainerFact &fact : dump.facts)
    if (fact.name == name)
      return fact.value;
  return "";
}

/// Compares what both have, page by page; returns how many bytes that was.
uint64_t compareMemory(const PhysicalMemory &memory,
                       const PhysicalMemory &reference) {
  uint64_t compared = 0;
  constexpr uint64_t pageSize = 4096;
  std::vector<uint8_t> page(pageSize), expected(pageSize);
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence)
      continue;
    for (uint64_t done = 0; done < range.size; done += pageSize) {
      PhysAddr at = range.start + done;
      auto absent = memory.tryRead(at, page);
      if (absent) {
        ADD_FAILURE() << hex(at) << " is "
                      << getAbsenceName(absent->absence).str();
        return compared;
      }
      // Blocks at the edge of RAM are filled up with zeros.
      if (reference.tryRead(at, expected))
        std::fill(expected.begin(), expected.end(), 0);
      if (page != expected) {
        ADD_FAILURE() << "page at " << hex(at) << " differs";
        return compared;
      }
      compared += pageSize;
    }
  }
  return compared;
}

TEST_P(Containers, HaveTheSamePagesAsTheElfDump) {
  const ContainerCase &param = GetParam();
  auto elfPath = findTruth(param.elf), otherPath = findTruth(param.other);
  if (!elfPath || !otherPath)
    GTEST_SKIP() << missingTruth(param.other);
  std::vector<uint8_t> elfFile = unpackZstd(*elfPath);
  Dump elf = valueOf(openDump(Bytes(elfFile), {}));
  Diagnostics diagnostics;
  Dump other = valueOf(openDump(*otherPath, {}, diagnostics));

  EXPECT_EQ(other.format, param.format);
  EXPECT_EQ(other.producer, param.producer);
  EXPECT_EQ(factOf(other, "compression"), param.compression);
  EXPECT_EQ(other.dumpLevel, param.dumpLevel);
  EXPECT_EQ(other.machine.arch, elf.machine.arch);
  EXPECT_EQ(other.vmcoreinfo, elf.vmcoreinfo);
  ASSERT_EQ(other.machine.cpus.size(), elf.machine.cpus.size());
  for (size_t i = 0; i < elf.machine.cpus.size(); ++i) {
    EXPECT_EQ(other.machine.cpus[i].general, elf.machine.cpus[i].general);
    EXPECT_EQ(other.machine.cpus[i].system, elf.machine.cpus[i].system);
  }
  EXPECT_GE(compareMemory(*other.memory, *elf.memory) / 4096, param.leastPages);
}

constexpr ContainerCase containerCases[] = {
    {"x86_64-6.1-lab-4level-pti/dump.elf.zst",
     "x86_64-6.1-lab-4level-pti/dump.d31.kdump", "kdump-compressed v6",
     "makedumpfile", "zlib", 31, 5000},
    {"x86_64-6.1-lab-4level-pti/dump.elf.zst",
     "x86_64-6.1-lab-4level-pti/dump.d31.snappy.kdump", "kdump-compressed v6",
     "makedumpfile", "snappy", 31, 5000},
    {"x86_64-6.1-lab-4level-pti/dump.elf.zst",
     "x86_64-6.1-lab-4level-pti/dump.d31.zstd.kdump", "kdump-compressed v6",
     "makedumpfile", "zstd", 31, 5000},
    {"arm64-6.1-4k-va48-kaslr/dump.elf.zst",
     "arm64-6.1-4k-va48-kaslr/dump.flattened.kdump",
     "flattened kdump-compressed v6", "QEMU dump-guest-memory", "zlib", 1,
     32768},
};

INSTANTIATE_TEST_SUITE_P(Captured, Containers,
                         ::testing::ValuesIn(containerCases));

} // namespace
