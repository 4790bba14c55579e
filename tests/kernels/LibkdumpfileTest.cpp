//===- LibkdumpfileTest.cpp - another reader of kdump files agrees --------===//
#include "CapturedFile.h"
#include "DumpBuilder.h"
#include "Expected.h"
#include "KdumpFile.h"
#include "dump/OpenDump.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Every page up to one behind the last: the same bytes, or absent for both.
void expectAgreement(const std::string &path, uint64_t leastPages) {
  Diagnostics diagnostics;
  Dump dump = valueOf(openDump(path, {}, diagnostics));
  KdumpFile other(path);
  ASSERT_TRUE(other.isOpen()) << other.getError();
  const MemoryRange &last = dump.memory->ranges().back();
  std::vector<uint8_t> page(4096), expected(4096);
  uint64_t present = 0;
  for (uint64_t at = 0; at <= (last.start + last.size).value; at += 4096) {
    bool isThere = other.read(PhysAddr(at), expected) == KDUMP_OK;
    ASSERT_EQ(!dump.memory->tryRead(PhysAddr(at), page), isThere)
        << hex(at) << ": " << other.getError();
    if (isThere) {
      ASSERT_EQ(page, expected) << hex(at);
      ++present;
    }
  }
  EXPECT_GE(present, leastPages);
}

TEST(Libkdumpfile, AgreesOnWhatTheBuilderWrites) {
  MemoryImage image = smallImage(21);
  std::string path =
      ::testing::TempDir() + "vmpt-libkdumpfile-" + std::to_string(::getpid());
  for (Codec codec :
       {Codec::Raw, Codec::Zlib, Codec::Lzo, Codec::Snappy, Codec::Zstd})
    for (unsigned version : {3, 6}) {
      FileBytes bytes =
          writeKdump(image, {.version = version,
                             // At 4096 it takes the file for a 32-bit one.
                             .timestampMicroseconds = 1,
                             .codecs = {codec}});
      std::ofstream(path, std::ios::binary)
          .write(reinterpret_cast<const char *>(bytes.data()),
                 std::streamsize(bytes.size()));
      SCOPED_TRACE(unsigned(codec));
      expectAgreement(path, 40);
    }
  std::filesystem::remove(path);
}

TEST(Libkdumpfile, AgreesOnCapturedDumps) {
  const std::string folder = "x86_64-6.1-lab-4level-pti/";
  for (const char *name :
       {"dump.d31.kdump", "dump.d31.snappy.kdump", "dump.d31.zstd.kdump"}) {
    auto path = findTruth(folder + name);
    if (!path)
      GTEST_SKIP() << missingTruth(folder + name);
    SCOPED_TRACE(name);
    expectAgreement(*path, 7231);
  }
}

} // namespace
