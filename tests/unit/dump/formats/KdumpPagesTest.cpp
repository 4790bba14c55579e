// Pages of kdump files that are lost or broken, one at a time.
#include "KdumpFixture.h"
#include "dump/OpenDump.h"
#include "dump/writer/VerifiedRanges.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;

namespace {

class KdumpPages : public KdumpFixture {};

TEST_F(KdumpPages, APageThatDoesNotDecompressIsTheOnlyOneLost) {
  for (Codec codec : {Codec::Zlib, Codec::Lzo, Codec::Snappy, Codec::Zstd}) {
    shape.codecs = {codec};
    file = writeKdump(image, shape);
    uint64_t second;
    std::memcpy(&second, file.data() + descriptor(1), 8);
    std::fill_n(file.begin() + long(second), 12, 0xff);
    Dump dump = open({file});
    EXPECT_EQ(absenceAt(dump, 0x2000), "");
    EXPECT_EQ(absenceAt(dump, 0x3000), "corrupt") << unsigned(codec);
    EXPECT_EQ(absenceAt(dump, 0x4000), "");
  }
}

// A thread remembers the page that it read last.
TEST_F(KdumpPages, VerifyingFindsWhatOnlyUnpackingShows) {
  image.setData(5, FileBytes(4096, 0));
  image.pages[6].state = PageState::Excluded;
  file = writeKdump(image, shape);
  places = findPlaces(image, shape);
  uint64_t second;
  std::memcpy(&second, file.data() + descriptor(1), 8);
  std::fill_n(file.begin() + long(second), 12, 0xff);
  Dump dump = open({file});
  Diagnostics silent;
  VerifiedBytes bytes = verifyBytes(*dump.memory, 4096, silent);
  EXPECT_EQ(bytes.present, 3u * 4096);
  EXPECT_EQ(bytes.zero, 4096u);
  EXPECT_EQ(bytes.absent[size_t(Absence::Corrupt)], 4096u);
  EXPECT_EQ(bytes.absent[size_t(Absence::Excluded)], 4096u);
  // Not a whole page of zeros.
  EXPECT_EQ(verifyBytes(*dump.memory, 0x10000, silent).zero, 0u);
}

TEST_F(KdumpPages, SmallReadsOfSeveralDumpsAndPagesDoNotMix) {
  for (Codec codec : {Codec::Raw, Codec::Zlib, Codec::Lzo}) {
    shape.codecs = {codec};
    file = writeKdump(image, shape);
    MemoryImage upper = image;
    for (auto &[frame, page] : upper.pages)
      for (uint8_t &byte : page.bytes)
        byte ^= 0x20;
    FileBytes broken = file;
    patch<uint32_t>(broken, descriptor(1) + 8, 3); // the page at 0x3000
    const Dump dumps[] = {open({file}), open({writeKdump(upper, shape)}),
                          open({broken})};
    auto byteAt = [](const Dump &dump, uint64_t at) {
      uint8_t byte = 0;
      return dump.memory->tryRead(PhysAddr(at), byte) ? '!' : char(byte);
    };
    for (unsigned offset : {0, 1, 199}) {
      EXPECT_EQ(byteAt(dumps[0], 0x2000 + offset), 'c');
      EXPECT_EQ(byteAt(dumps[1], 0x2000 + offset), 'C');
      EXPECT_EQ(byteAt(dumps[2], 0x2000 + offset), 'c');
      EXPECT_EQ(byteAt(dumps[2], 0x3000 + offset), '!');
      EXPECT_EQ(byteAt(dumps[2], 0x2000 + offset), 'c');
      EXPECT_EQ(byteAt(dumps[0], 0x3000 + offset), 'd');
      EXPECT_EQ(byteAt(dumps[0], 0x3000 + offset), 'd');
    }
    // A new dump, perhaps where an old one was.
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(byteAt(open({file}), 0x2000), 'c');
      EXPECT_EQ(byteAt(open({writeKdump(upper, shape)}), 0x2000), 'C');
    }
    uint8_t across[16];
    ASSERT_FALSE(dumps[0].memory->tryRead(PhysAddr(0x2ff8), across));
    EXPECT_EQ(across[7], 0);
    EXPECT_EQ(across[8], 'd');
  }
}

TEST_F(KdumpPages, APageThatUnpacksToAnotherSizeIsCorrupt) {
  for (Codec codec : {Codec::Zlib, Codec::Lzo, Codec::Snappy, Codec::Zstd})
    for (uint64_t size : {4095, 4097}) {
      FileBytes changed =
          withPage(file, descriptor(2), codec, FileBytes(size, 'x'));
      EXPECT_EQ(absenceAt(open({changed}), 0x4000), "corrupt")
          << unsigned(codec) << " " << size;
    }
}

// The bytes that the decoder wants are there, but they are not the page's.
TEST_F(KdumpPages, APageThatGoesOnBehindItsEndIsCorrupt) {
  for (Codec codec : {Codec::Zlib, Codec::Lzo, Codec::Snappy, Codec::Zstd}) {
    shape.codecs = {codec};
    file = writeKdump(image, shape);
    uint32_t size;
    std::memcpy(&size, file.data() + descriptor(1) + 8, 4);
    for (uint32_t missing : {1, 4, 5}) {
      FileBytes changed = file;
      patch<uint32_t>(changed, descriptor(1) + 8, size - missing);
      EXPECT_EQ(absenceAt(open({changed}), 0x3000), "corrupt")
          << unsigned(codec) << " " << missing;
    }
  }
}

// Zeros are known by what they were compressed to, but only if all else agrees.
TEST_F(KdumpPages, ZerosOfOnePageSizeAreNotZerosOfAnother) {
  image.pageSize = 1024;
  for (auto &[frame, page] : image.pages)
    page.bytes.resize(1024);
  const FileBytes smaller = writeKdump(image, shape);
  for (Codec codec : {Codec::Zlib, Codec::Lzo, Codec::Snappy, Codec::Zstd}) {
    const FileBytes zeros(4096, 0);
    Dump dump = open({withPage(file, descriptor(1), codec, zeros)});
    for (int reads = 0; reads < 3; ++reads) {
      FileBytes page(4096, 0xee);
      EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x3000), page));
      EXPECT_EQ(page, zeros) << unsigned(codec);
    }
    const uint64_t second = findPlaces(image, shape).descriptors + 24;
    Dump other = open({withPage(smaller, second, codec, zeros)});
    EXPECT_EQ(absenceAt(other, 3 * 1024), "corrupt") << unsigned(codec);
  }
}

TEST_F(KdumpPages, DescriptorsThatContradictThemselvesAreCorrupt) {
  struct {
    const char *what;
    uint64_t offset;
    uint32_t size, flags;
    const char *absence;
  } cases[] = {
      {"never written", 0, 0, 0, "truncated"},
      {"unknown compression", places.data, 64, 8, "corrupt"},
      {"two compressions", places.data, 64, 3, "corrupt"},
      {"empty", places.data, 0, 1, "corrupt"},
      {"raw, but short", places.data, 4095, 0, "corrupt"},
      {"larger than a page", places.data, 4097, 1, "corrupt"},
      {"inside the headers", 4096, 4096, 0, "corrupt"},
      {"ends beyond the file", file.size() - 10, 11, 1, "truncated"},
      {"offset that wraps", ~uint64_t(0) - 5, 100, 1, "truncated"},
  };
  for (const auto &wrong : cases) {
    FileBytes changed = file;
    patch<uint64_t>(changed, descriptor(1), wrong.offset);
    patch<uint32_t>(changed, descriptor(1) + 8, wrong.size);
    patch<uint32_t>(changed, descriptor(1) + 12, wrong.flags);
    Dump dump = open({changed});
    EXPECT_EQ(absenceAt(dump, 0x3000), wrong.absence) << wrong.what;
    EXPECT_EQ(absenceAt(dump, 0x4000), "") << wrong.what;
    ASSERT_EQ(dump.memory->ranges().size(), 3u) << wrong.what;
    EXPECT_TRUE(dump.memory->ranges()[1].absence) << wrong.what;
  }
}

TEST_F(KdumpPages, IncompleteDumpsSayThatPagesAreMissing) {
  image = smallImage(11, 4096, {32, 32, 64});
  shape.incomplete = true;
  Dump dump = open({writeKdump(image, shape)});
  expectSameMemory(*dump.memory, image);
  EXPECT_THAT(dump.quirks,
              ::testing::Contains(
                  "marked incomplete: the disk was full when makedumpfile "
                  "wrote it, so pages are missing"));
}

TEST_F(KdumpPages, ATruncatedFileKeepsThePagesBeforeTheCut) {
  file.resize(file.size() - 1);
  Dump dump = open({file});
  EXPECT_THAT(dump.quirks,
              ElementsAre("the file is truncated: the page at physical "
                          "address 0x4000 and others are cut off"));
  EXPECT_EQ(absenceAt(dump, 0x3000), "");
  EXPECT_EQ(absenceAt(dump, 0x4000), "truncated");

  file.resize(places.descriptors + 24 + 23); // inside the second descriptor
  Dump shorter = open({file});
  EXPECT_EQ(absenceAt(shorter, 0x3000), "truncated");
}

TEST_F(KdumpPages, EveryTruncationIsHarmless) {
  image = textImage();
  image.pageSize = 1024;
  for (auto &[frame, page] : image.pages)
    page.bytes.resize(1024);
  file = writeKdump(image, shape);
  for (size_t size = 0; size < file.size(); ++size) {
    FileBytes prefix(file.begin(), file.begin() + long(size));
    prefix.shrink_to_fit();
    auto dump = openDump(Bytes(prefix), {});
    if (!dump) {
      llvm::consumeError(dump.takeError());
      continue;
    }
    FileBytes page(1024);
    for (const MemoryRange &range : dump->memory->ranges())
      (void)dump->memory->tryRead(range.start, page);
  }
}

//===- the bitmaps and the descriptors ------------------------------------===//

/// Bit \p frame of the second bitmap, the other way round.
FileBytes withFlippedBit(FileBytes file, uint64_t descriptors, uint64_t frame) {
  file[descriptors - 4096 + frame / 8] ^= uint8_t(1 << frame % 8);
  return file;
}

TEST_F(KdumpPages, ASurplusBitOfAnExcludedPageIsAnError) {
  image.pages[5].state = PageState::Excluded;
  file = writeKdump(image, shape);
  places = findPlaces(image, shape);
  EXPECT_EQ(refusal({withFlippedBit(file, places.descriptors, 5)}),
            "kdump bitmap of dumped pages has 0x4 bits set, but there are 0x3 "
            "page descriptors in front of the page data: the bitmap is "
            "damaged, and nothing tells at which page frame, so no page could "
            "be trusted; take the file from its source again");
}

TEST_F(KdumpPages, ALostBitIsAnErrorWhereOtherPagesAreExcluded) {
  image.pages[5].state = PageState::Excluded;
  file = writeKdump(image, shape);
  places = findPlaces(image, shape);
  EXPECT_THAT(refusal({withFlippedBit(file, places.descriptors, 2)}),
              ::testing::StartsWith("kdump bitmap of dumped pages has 0x2 bits "
                                    "set, but there are 0x3 page"));
}

TEST_F(KdumpPages, ABitThatTheFirstBitmapDisprovesIsMended) {
  for (uint64_t frame : {1, 3, 5}) {
    Dump dump = open({withFlippedBit(file, places.descriptors, frame)});
    expectSameMemory(*dump.memory, image);
    ASSERT_EQ(dump.warnings.size(), 1u) << frame;
    EXPECT_THAT(dump.warnings[0],
                ::testing::HasSubstr("(page frame " + hex(frame) + ")"));
  }
}

TEST_F(KdumpPages, NoFlippedBitGivesOnePageTheContentOfAnother) {
  for (bool shareZeroPage : {true, false})
    for (Codec codec : {Codec::Raw, Codec::Zlib}) {
      image = randomImage(5, {{0, 40}, {50, 30}}).without(PageState::Lost);
      shape.codecs = {codec};
      shape.shareZeroPage = shareZeroPage;
      file = writeKdump(image, shape);
      places = findPlaces(image, shape);
      EXPECT_TRUE(open({file}).warnings.empty());
      unsigned refused = 0;
      for (uint64_t frame = 0; frame < 100; ++frame) {
        FileBytes flipped = withFlippedBit(file, places.descriptors, frame);
        auto dump = openDump(Bytes(flipped), {});
        if (!dump) {
          llvm::consumeError(dump.takeError());
          ++refused;
          continue;
        }
        expectSameMemory(*dump->memory, image);
        EXPECT_FALSE(dump->warnings.empty()) << frame;
      }
      EXPECT_GT(refused, 0u);
      EXPECT_LT(refused, 100u);
    }
}

TEST_F(KdumpPages, APartOfASplitDumpMayHaveRoomForItsOwnDescriptorsOnly) {
  image = randomImage(5, {{0, 60}}).without(PageState::Lost);
  shape.split = MemoryImage::Run{0, 30};
  EXPECT_TRUE(open({writeKdump(image, shape)}).warnings.empty());
}

} // namespace
