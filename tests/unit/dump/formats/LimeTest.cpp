#include "dump/formats/Lime.h"

#include "support/LimeWriter.h"
#include "support/ReadDump.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

MemoryImage completeImage(uint32_t seed) {
  return smallImage(seed).without(PageState::Excluded);
}

TEST(Lime, ReadsBackWhatWasWritten) {
  for (uint32_t seed = 1; seed <= 4; ++seed)
    for (LimeKind kind : {LimeKind::Lime, LimeKind::Avml, LimeKind::Mixed})
      // Chunks that end inside pages show whether reads cross them rightly.
      for (size_t chunkSize : {65536, 5000}) {
        MemoryImage image = completeImage(seed);
        std::vector<uint8_t> file = writeLime(image, kind, chunkSize);
        ASSERT_TRUE(isLime(Bytes(file)));
        Dump dump = readDump(readLime, file);
        expectSameMemory(*dump.memory, image);
        EXPECT_EQ(dump.quirks.size(), 1u); // no registers, no notes
      }
}

TEST(Lime, NamesTheFormat) {
  MemoryImage image = completeImage(1);
  auto formatOf = [&](LimeKind kind) {
    auto file = writeLime(image, kind);
    return readDump(readLime, file).format;
  };
  EXPECT_EQ(formatOf(LimeKind::Lime), "LiME v1");
  EXPECT_EQ(formatOf(LimeKind::Avml), "AVML v2 (snappy)");
  EXPECT_EQ(formatOf(LimeKind::Mixed), "AVML v2 and LiME v1 records");
}

TEST(Lime, ReadsAcrossRecordsOfBothKinds) {
  ByteWriter out;
  std::vector<uint8_t> a(5000, 0xaa), b(5000, 0xbb);
  writeAvmlRecord(out, 0x1000, a);
  writeLimeHeader(out, false, 0x1000 + 5000, 0x1000 + 9999);
  out.bytes(b);
  auto file = out.take();
  Dump dump = readDump(readLime, file);
  std::vector<uint8_t> read(10000), expected(10000, 0xaa);
  std::fill_n(expected.begin() + 5000, 5000, 0xbb);
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x1000), read));
  EXPECT_EQ(read, expected);
  EXPECT_EQ(dump.memory->ranges().size(), 1u);
}

//===- Damage -------------------------------------------------------------===//

TEST(Lime, FindsTheRecordBehindOneThatWasGivenUp) {
  // LiME could not write the second and third page of the first range.
  ByteWriter out;
  writeLimeHeader(out, false, 0x1000, 0x3fff);
  out.bytes(std::vector<uint8_t>(0x1000, 0x11));
  writeLimeHeader(out, false, 0x8000, 0x8fff);
  out.bytes(std::vector<uint8_t>(0x1000, 0x22));
  auto file = out.take();
  Dump dump = readDump(readLime, file);
  uint8_t byte;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x1fff), byte));
  EXPECT_EQ(absenceAt(dump, 0x2000), Absence::Truncated);
  EXPECT_EQ(absenceAt(dump, 0x4000), Absence::OutsideRam);
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x8000), byte));
  EXPECT_EQ(byte, 0x22);
  EXPECT_TRUE(hasQuirk(
      dump, "record of physical memory from 0x1000 to 0x3fff holds only 0x1000 "
            "bytes; the rest was not written"));
}

TEST(Lime, RecordsWithoutBytesArePassedOver) {
  ByteWriter out;
  writeLimeHeader(out, false, 0x1000, 0xfff); // also as the first
  writeLimeHeader(out, false, 0x1000, 0x1fff);
  out.bytes(std::vector<uint8_t>(4096, 1));
  writeLimeHeader(out, false, 0x2000, 0x1fff);
  writeLimeHeader(out, false, 0x5000, 0x5fff);
  out.bytes(std::vector<uint8_t>(4096, 2));
  writeLimeHeader(out, false, 0x6000, 0x5fff);
  const auto file = out.take();
  const Dump dump = readDump(readLime, file);
  uint8_t byte = 0;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x1fff), byte));
  EXPECT_EQ(byte, 1);
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x5000), byte));
  EXPECT_EQ(byte, 2);
  EXPECT_EQ(dump.quirks.size(), 4u);
}

/// Of three pages each, two of them in both; \p other is the middle one's byte
/// in the second.
std::vector<uint8_t> overlapping(uint8_t other) {
  ByteWriter out;
  writeLimeHeader(out, false, 0x1000, 0x3fff);
  out.bytes(std::vector<uint8_t>(3 * 4096, 7));
  writeLimeHeader(out, false, 0x2000, 0x4fff);
  out.bytes(std::vector<uint8_t>(4096, other));
  out.bytes(std::vector<uint8_t>(2 * 4096, 7));
  return out.take();
}

TEST(Lime, RecordsThatOverlapAndAgreeAreOneMemory) {
  const auto file = overlapping(7);
  const Dump dump = readDump(readLime, file);
  EXPECT_EQ(dump.memory->presentBytes(), 4u * 4096);
  EXPECT_EQ(dump.quirks.size(), 1u);
}

TEST(Lime, OfRecordsThatContradictEachOtherNoneIsBelieved) {
  const auto file = overlapping(8);
  const Dump dump = readDump(readLime, file);
  EXPECT_EQ(dump.memory->presentBytes(), 3u * 4096);
  uint8_t byte = 0;
  const auto absent = dump.memory->tryRead(PhysAddr(0x2fff), byte);
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->absence, Absence::Corrupt);
  for (uint64_t at : {0x1000, 0x1fff, 0x3000, 0x4fff}) {
    EXPECT_FALSE(dump.memory->tryRead(PhysAddr(at), byte));
    EXPECT_EQ(byte, 7);
  }
  EXPECT_NE(llvm::find_if(dump.quirks,
                          [](const std::string &quirk) {
                            return quirk == "two records have physical memory "
                                            "from 0x2000 to 0x2fff, with "
                                            "different bytes";
                          }),
            dump.quirks.end());
}

TEST(Lime, StrayHeadersInMemoryAreBytes) {
  ByteWriter out;
  writeLimeHeader(out, false, 0x1000, 0x3fff);
  out.zeros(0x1000);
  writeLimeHeader(out, false, 0x5000, 0x5fff); // page 2: a copy of a header
  out.zeros(0x2000 - 32);
  auto whole = out.take();
  Dump dump = readDump(readLime, whole);
  EXPECT_EQ(dump.memory->ranges().size(), 1u);
  // Also in a file that is cut off, where headers are looked for.
  std::vector<uint8_t> cut(whole.begin(), whole.end() - 100);
  Dump shorter = readDump(readLime, cut);
  EXPECT_EQ(absenceAt(shorter, 0x5000), Absence::OutsideRam);
  EXPECT_EQ(absenceAt(shorter, 0x3fff), Absence::Truncated);
}

TEST(Lime, GarbageBetweenRecordsIsNamedAndSkipped) {
  ByteWriter out;
  writeLimeHeader(out, false, 0x1000, 0x1fff);
  out.zeros(0x1000).text("junk!");
  writeLimeHeader(out, false, 0x8000, 0x8fff);
  out.zeros(0x1000).text("tail");
  auto file = out.take();
  // The last record is only recognised because what follows it is a record or
  // the end of the file: with a tail it is not.
  file.resize(file.size() - 4);
  Dump dump = readDump(readLime, file);
  uint8_t byte;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x8000), byte));
  EXPECT_TRUE(hasQuirk(dump, "the 0x5 bytes at offset 0x1020 are no record "
                             "and were left out"));
}

/// What stands in front of the damage does not wait for a search.
TEST(Lime, BehindADamagedPlaceRecordsAreSearchedWhenNeeded) {
  ByteWriter out;
  writeLimeHeader(out, false, 0x1000, 0x1fff);
  out.bytes(std::vector<uint8_t>(0x1000, 0x11)).text("AVMLEMiLEMiL");
  out.zeros(3 << 20);
  writeLimeHeader(out, false, 0x8000, 0x8fff);
  out.bytes(std::vector<uint8_t>(0x1000, 0x22));
  auto file = out.take();
  Dump dump;
  ASSERT_EQ(textOf(readLime(Bytes(file), dump)), "");
  ASSERT_EQ(dump.warnings.size(), 1u);
  EXPECT_EQ(dump.warnings[0],
            "the file is damaged: no record begins at offset 0x1020; what lies "
            "behind is searched for records when memory is asked for that "
            "stands before in none");
  uint8_t byte;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x1fff), byte));
  EXPECT_EQ(byte, 0x11);
  EXPECT_FALSE(hasQuirk(dump, "are no record"));
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x8fff), byte));
  EXPECT_EQ(byte, 0x22);
  EXPECT_EQ(dump.memory->ranges().size(), 2u);
  dump.describeWhole(dump);
  EXPECT_TRUE(hasQuirk(dump, "the 0x30000c bytes at offset 0x1020 are no "
                             "record and were left out"));
}

TEST(Lime, BrokenChunksAreCorruptAndTheNextRecordIsFound) {
  ByteWriter out;
  std::vector<uint8_t> data(3 * 65536);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = uint8_t(i * i >> 5);
  writeAvmlRecord(out, 0, data);
  const uint64_t second = out.size();
  writeAvmlRecord(out, 0x100000, {data.data(), 4096});
  auto whole = out.take();
  ASSERT_EQ(readDump(readLime, whole).memory->ranges().size(), 2u);

  // A reserved chunk type where the second chunk starts.
  auto reserved = whole;
  uint64_t firstChunk = 32 + 10;
  uint32_t length = Bytes(reserved).at<uint32_t>(firstChunk) >> 8;
  uint64_t secondChunk = firstChunk + 4 + length;
  reserved[secondChunk] = 0x02;
  Dump dump = readDump(readLime, reserved);
  uint8_t byte;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(65535), byte));
  EXPECT_EQ(absenceAt(dump, 65536), Absence::Corrupt);
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x100000), byte));
  EXPECT_TRUE(
      hasQuirk(dump, "record of physical memory from 0x0 to 0x2ffff is broken "
                     "at 0x10000"));

  // A block that does not decode: only its chunk is lost.
  auto flipped = whole;
  std::fill_n(flipped.begin() + long(secondChunk) + 12, 64, 0xff);
  dump = readDump(readLime, flipped);
  EXPECT_EQ(absenceAt(dump, 65536), Absence::Corrupt);
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(2 * 65536), byte));
  std::vector<uint8_t> all(data.size());
  auto absent = dump.memory->tryRead(PhysAddr(0), all);
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->address, PhysAddr(65536));

  // A wrong trailer does not lose what follows.
  auto trailer = whole;
  trailer[second - 8] ^= 0x40;
  dump = readDump(readLime, trailer);
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x100000), byte));
  EXPECT_EQ(dump.quirks.size(), 2u);
}

TEST(Lime, OverlappingChunksKeepTheOneThatStartsFirst) {
  ByteWriter out;
  std::vector<uint8_t> a(8192, 0xaa), b(8192, 0xbb), c(100, 0xcc);
  writeAvmlRecord(out, 0x2000, b);
  writeAvmlRecord(out, 0x1000, a);
  writeAvmlRecord(out, 0x1800, c);
  auto file = out.take();
  Dump dump = readDump(readLime, file);
  std::vector<uint8_t> read(3 * 4096), expected(3 * 4096, 0xaa);
  std::fill_n(expected.begin() + 8192, 4096, 0xbb);
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x1000), read));
  EXPECT_EQ(read, expected);
}

TEST(Lime, AChunkReachesTheLastByteOfTheAddressSpace) {
  ByteWriter out;
  writeAvmlRecord(out, ~uint64_t(0) - 4095, std::vector<uint8_t>(4096, 0xee));
  auto file = out.take();
  Dump dump = readDump(readLime, file);
  uint8_t byte = 0;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(~uint64_t(0)), byte));
  EXPECT_EQ(byte, 0xee);
}

TEST(Lime, ARecordOfTheWholeAddressSpaceIsTruncated) {
  ByteWriter out;
  writeLimeHeader(out, false, 0, ~uint64_t(0));
  out.zeros(4096);
  auto file = out.take();
  Dump dump = readDump(readLime, file);
  EXPECT_EQ(absenceAt(dump, 4096), Absence::Truncated);
}

TEST(Lime, RefusesABrokenFirstHeader) {
  ByteWriter out;
  writeLimeHeader(out, false, 0x2000, 0x1fff);
  EXPECT_EQ(refusalOf(readLime, out.take()),
            "the first record's header is broken: version 0x1, physical memory "
            "from 0x2000 to 0x1fff; expected version 1 (LiME) or 2 (AVML), an "
            "end that is not below the start, and zeros behind");
  ByteWriter shorter;
  shorter.text("EMiL").u32(1);
  EXPECT_EQ(refusalOf(readLime, shorter.take()),
            "the first record's header runs past the end at 0x8, truncated by "
            "0x18 bytes or more");
}

TEST(Lime, TruncationIsHarmless) {
  MemoryImage image;
  image.pageSize = 64;
  for (uint64_t frame : {1, 2, 5})
    image.setData(frame, {1, 2, 3});
  for (LimeKind kind : {LimeKind::Lime, LimeKind::Avml, LimeKind::Mixed})
    expectTruncationsAreHarmless(readLime, writeLime(image, kind, 50));
}

//===- Blocks of zeros that AVML leaves out -------------------------------===//

constexpr uint64_t block = 16 << 20;

/// Blocks at the given multiples of 16 MiB, each full of one byte.
std::vector<uint8_t> blocksAt(std::initializer_list<unsigned> numbers,
                              uint64_t lastSize = block) {
  ByteWriter out;
  for (unsigned n : numbers)
    writeAvmlRecord(
        out, n * block,
        std::vector<uint8_t>(n == *(numbers.end() - 1) ? lastSize : block, 7));
  return out.take();
}

TEST(Lime, AGapBehindAWholeBlockMayBeZeros) {
  auto file = blocksAt({0, 1, 4});
  Dump dump = readDump(readLime, file);
  EXPECT_EQ(absenceAt(dump, 2 * block), Absence::Excluded);
  EXPECT_EQ(absenceAt(dump, 4 * block - 1), Absence::Excluded);
  EXPECT_EQ(absenceAt(dump, 5 * block), Absence::OutsideRam);
  EXPECT_TRUE(dump.memory->mayExcludeZeroPages());
  EXPECT_TRUE(hasQuirk(
      dump, "0x2000000 bytes between 16 MiB blocks are not in the file: AVML "
            "leaves out blocks of zeros, so they are zeros or no memory"));
}

TEST(Lime, AGapBehindAShortBlockIsAHole) {
  ByteWriter out;
  std::vector<uint8_t> whole(block, 7), part(4096, 7);
  writeAvmlRecord(out, 0, whole);
  writeAvmlRecord(out, block, part);
  writeAvmlRecord(out, 4 * block, part);
  auto file = out.take();
  Dump dump = readDump(readLime, file);
  EXPECT_EQ(absenceAt(dump, 2 * block), Absence::OutsideRam);
  EXPECT_FALSE(dump.memory->mayExcludeZeroPages());
}

TEST(Lime, AToolThatDoesNotCutLeavesNothingOut) {
  ByteWriter out;
  std::vector<uint8_t> longer(block + 4096, 7);
  writeAvmlRecord(out, 0, longer);
  writeAvmlRecord(out, 4 * block, longer);
  auto file = out.take();
  Dump dump = readDump(readLime, file);
  EXPECT_EQ(absenceAt(dump, 2 * block), Absence::OutsideRam);
}

} // namespace
