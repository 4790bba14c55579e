// RoundTripTest.cpp - every variant of a container reads back the same
//
// One random memory image, written in each shape that producers write, must
// read back with the same bytes and the same reasons for what is absent.
//
#include "DumpBuilder.h"
#include "Expected.h"
#include "dump/OpenDump.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Reads one dump of one or several files in memory.
void expectReadsBack(const std::vector<FileBytes> &files,
                     const MemoryImage &image) {
  std::vector<Bytes> contents(files.begin(), files.end());
  auto dump = openDump(contents, {});
  ASSERT_TRUE(bool(dump)) << textOf(std::move(dump));
  expectSameMemory(*dump->memory, image);
}

const char vmcoreinfo[] = "OSRELEASE=6.1.0\nPAGESIZE=4096\n";

struct KdumpVariant {
  const char *name;
  unsigned wordBits;
  bool padded;
  const char *machine;
};
constexpr KdumpVariant kdumpVariants[] = {
    {"64-bit", 64, false, "x86_64"},
    {"32-bit packed", 32, false, "i686"},
    {"32-bit padded", 32, true, "armv7l"},
};

struct CodecCase {
  const char *name;
  std::vector<Codec> codecs;
};
const CodecCase codecCases[] = {
    {"raw", {Codec::Raw}},
    {"zlib", {Codec::Zlib}},
    {"lzo", {Codec::Lzo}},
    {"snappy", {Codec::Snappy}},
    {"zstd", {Codec::Zstd}},
    {"mixed",
     {Codec::Zstd, Codec::Raw, Codec::Zlib, Codec::Lzo, Codec::Snappy}},
};

template <class Use> void forEachKdumpShape(Use use) {
  for (const KdumpVariant &variant : kdumpVariants)
    for (ByteOrder order : {ByteOrder::little, ByteOrder::big})
      for (unsigned version = 0; version <= 6; ++version) {
        KdumpShape shape;
        shape.version = version;
        shape.wordBits = variant.wordBits;
        shape.padded = variant.padded;
        shape.machine = variant.machine;
        shape.order = order;
        SCOPED_TRACE(std::string(variant.name) + " v" +
                     std::to_string(version) +
                     (order == ByteOrder::big ? " big" : " little"));
        use(shape);
        if (::testing::Test::HasFailure())
          return;
      }
}

TEST(RoundTrip, KdumpInEveryLayoutOrderAndVersion) {
  MemoryImage image = smallImage(1, 4096, {64, 48, 16});
  forEachKdumpShape([&](KdumpShape shape) {
    shape.codecs = codecCases[5].codecs;
    for (bool withNotes : {true, false}) {
      if (withNotes)
        shape.notes = {{"CORE", 99, {1, 2, 3}}, vmcoreinfoNote(vmcoreinfo)};
      else
        shape.notes.clear();
      FileBytes file = writeKdump(image, shape);
      expectReadsBack({file}, image);
      auto dump = valueOf(openDump(Bytes(file), {}));
      // From version 3 on the header says where the text is.
      EXPECT_EQ(dump.vmcoreinfo.has_value(), withNotes && shape.version >= 3);
      EXPECT_EQ(dump.notes.size(), withNotes && shape.version >= 4 ? 2u : 0u);
      EXPECT_EQ(dump.dumpLevel.has_value(), shape.version >= 1);
      EXPECT_EQ(dump.machine.order, shape.order);
      EXPECT_EQ(dump.format,
                "kdump-compressed v" + std::to_string(shape.version));
    }
  });
}

TEST(RoundTrip, KdumpThatDoesNotNameTheMachine) {
  MemoryImage image = smallImage(2);
  forEachKdumpShape([&](KdumpShape shape) {
    shape.machine = "Unknown"; // QEMU, for arm64 and riscv64
    shape.sysname = "";
    shape.notes = {vmcoreinfoNote(vmcoreinfo)};
    expectReadsBack({writeKdump(image, shape)}, image);
  });
}

TEST(RoundTrip, KdumpInEveryCompressionAndPacking) {
  for (const CodecCase &codec : codecCases)
    for (uint64_t pageSize : {4096, 16384, 65536})
      for (bool flattened : {false, true})
        for (bool shareZeroPage : {true, false}) {
          SCOPED_TRACE(std::string(codec.name) + " pages of " +
                       std::to_string(pageSize));
          MemoryImage image =
              randomImage(3, {{1, 3}, {8, 12}, {40, 1}}, pageSize);
          KdumpShape shape;
          shape.codecs = codec.codecs;
          shape.shareZeroPage = shareZeroPage;
          FileBytes file = writeKdump(image, shape);
          if (flattened)
            file = flatten(file, {.seed = 7, .maxRecord = pageSize});
          expectReadsBack({file}, image);
          if (HasFailure())
            return;
        }
}

TEST(RoundTrip, SplitKdumpInAnyOrderFlattenedOrNot) {
  MemoryImage image = smallImage(4);
  KdumpShape shape;
  // The third part is empty: real ones are, where memory has holes.
  const MemoryImage::Run cuts[] = {{0, 20}, {20, 50}, {70, 0}, {70, 231}};
  std::vector<FileBytes> parts;
  for (const MemoryImage::Run &cut : cuts) {
    shape.split = cut;
    parts.push_back(writeKdump(image, shape));
  }
  for (unsigned flattenedMask = 0; flattenedMask < 16; flattenedMask += 5) {
    std::vector<FileBytes> files;
    for (unsigned i : {2, 0, 3, 1})
      files.push_back(flattenedMask >> i & 1
                          ? flatten(parts[i], {.seed = i + 1})
                          : parts[i]);
    expectReadsBack(files, image);
  }
}

TEST(RoundTrip, ElfInEveryClassOrderAndArrangement) {
  MemoryImage image = smallImage(5);
  for (bool is64Bit : {true, false})
    for (ByteOrder order : {ByteOrder::little, ByteOrder::big})
      for (unsigned arrangement = 0; arrangement < 16; ++arrangement)
        for (bool flattened : {false, true}) {
          SCOPED_TRACE(std::string(is64Bit ? "ELF64" : "ELF32") +
                       " arrangement " + std::to_string(arrangement));
          ElfShape shape;
          shape.is64Bit = is64Bit;
          shape.order = order;
          shape.qemuOrder = arrangement & 1;
          shape.unaligned = arrangement & 2;
          shape.overlap = arrangement & 4;
          shape.unknownAddress = arrangement & 8;
          shape.notes = {vmcoreinfoNote(vmcoreinfo)};
          FileBytes file = writeElf(image, shape);
          if (flattened)
            file = flatten(file, {.seed = arrangement});
          expectReadsBack({file}, image);
          if (HasFailure())
            return;
        }
}

TEST(RoundTrip, ElfWithMoreSegmentsThan16Bits) {
  MemoryImage image = randomImage(6, {{4, 10}});
  for (bool flattened : {false, true}) {
    ElfShape shape;
    shape.manySegments = true;
    FileBytes file = writeElf(image, shape);
    if (flattened)
      file = flatten(file, {.maxRecord = 65536, .skipZeros = false});
    expectReadsBack({file}, image);
  }
}

} // namespace
