#include "ByteWriter.h"
#include "DumpBuilder.h"
#include "Expected.h"
#include "dump/Dump.h"
#include "dump/FileImage.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <thread>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;

namespace {

// Offsets in 64-bit headers, for corrupting them.
constexpr uint64_t versionAt = 8, blockSizeAt = 428, subHeaderBlocksAt = 432,
                   bitmapBlocksAt = 436, subHeaderAt = 4096,
                   startPfnAt = subHeaderAt + 80, endPfnAt = subHeaderAt + 88,
                   maxMapnrAt = subHeaderAt + 96,
                   notesSizeAt = subHeaderAt + 56,
                   vmcoreinfoOffsetAt = subHeaderAt + 32,
                   vmcoreinfoSizeAt = subHeaderAt + 40;

/// Three pages of text at frames 2 to 4, which shrink in every codec.
MemoryImage textImage() {
  MemoryImage image;
  for (uint64_t frame : {2, 3, 4})
    image.setData(frame, FileBytes(100 * frame, uint8_t('a' + frame)));
  return image;
}

std::string refusal(const std::vector<FileBytes> &files) {
  std::vector<Bytes> contents(files.begin(), files.end());
  return textOf(openDump(contents, {}));
}

/// The dump keeps the files as its last buffers.
Dump open(const std::vector<FileBytes> &files) {
  Buffers kept;
  std::vector<Bytes> contents;
  for (const FileBytes &file : files) {
    kept.push_back(std::make_unique<FileBytes>(file));
    contents.push_back(Bytes(*kept.back()));
  }
  Dump dump = valueOf(openDump(contents, {}));
  for (auto &file : kept)
    dump.buffers.push_back(std::move(file));
  return dump;
}

/// A file whose page with this descriptor is \p page, appended.
FileBytes withPage(FileBytes file, uint64_t descriptorAt, Codec codec,
                   const FileBytes &page) {
  constexpr uint32_t flags[] = {0, 1, 2, 4, 0x20};
  const FileBytes stored = compress(codec, page);
  patch<uint64_t>(file, descriptorAt, file.size());
  patch<uint32_t>(file, descriptorAt + 8, uint32_t(stored.size()));
  patch<uint32_t>(file, descriptorAt + 12, flags[unsigned(codec)]);
  file.insert(file.end(), stored.begin(), stored.end());
  return file;
}

/// "" for a page that is there.
std::string absenceAt(const Dump &dump, uint64_t at) {
  uint8_t byte;
  auto absent = dump.memory->tryRead(PhysAddr(at), byte);
  return absent ? getAbsenceName(absent->absence).str() : "";
}

/// A file with one field changed.
class Kdump : public ::testing::Test {
protected:
  MemoryImage image = textImage();
  KdumpShape shape = {.notes = {vmcoreinfoNote("OSRELEASE=6.1.0\n")}};
  FileBytes file = writeKdump(image, shape);
  KdumpPlaces places = findPlaces(image, shape);
  uint64_t descriptor(unsigned index) const {
    return places.descriptors + 24 * index;
  }
};

TEST_F(Kdump, NamesItsParts) {
  shape.codecs = {Codec::Zlib, Codec::Snappy};
  Dump dump = open({writeKdump(image, shape)});
  EXPECT_EQ(dump.format, "kdump-compressed v6");
  EXPECT_EQ(dump.producer, "makedumpfile");
  EXPECT_EQ(dump.dumpLevel, 31u);
  EXPECT_EQ(dump.machine.arch, Arch::X86_64);
  EXPECT_EQ(dump.machine.archSource, "machine name in the kdump header");
  EXPECT_EQ(dump.vmcoreinfo, "OSRELEASE=6.1.0\n");
  EXPECT_TRUE(dump.quirks.empty());
  std::vector<std::string> facts;
  for (const ContainerFact &fact : dump.facts)
    facts.push_back(fact.name + ": " + fact.value);
  EXPECT_THAT(facts,
              ElementsAre("header layout: 64-bit", "compression: zlib, snappy",
                          "block size: 4096", "pages: 3",
                          "kernel release: 6.1.0"));
}

TEST_F(Kdump, ZeroPagesMayBeExcludedOnlyAtDumpLevelOne) {
  for (unsigned level : {0, 1, 30, 31}) {
    shape.dumpLevel = level;
    EXPECT_EQ(open({writeKdump(image, shape)}).memory->mayExcludeZeroPages(),
              (level & 1) != 0);
  }
}

TEST_F(Kdump, IgnoresThePhysBaseThatQemuGetsWrong) {
  // QEMU reads the decimal NUMBER(phys_base)=-367001600 as hex.
  shape.sysname = "";
  shape.physBase = 0xfffffffc98ffea00;
  Dump dump = open({writeKdump(image, shape)});
  EXPECT_EQ(dump.producer, "QEMU dump-guest-memory");
  expectSameMemory(*dump.memory, image);
}

TEST_F(Kdump, ReadsAcrossPagesAndNamesTheFirstAbsentByte) {
  Dump dump = open({file});
  FileBytes out(3 * 4096);
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x2000), out));
  EXPECT_EQ(out[0x1000], 'a' + 3);
  auto absent = dump.memory->tryRead(PhysAddr(0x2800), out);
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->address, PhysAddr(0x5000));
  EXPECT_EQ(absent->absence, Absence::OutsideRam);
  absent = dump.memory->tryRead(PhysAddr(~uint64_t(0)), out);
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->address, PhysAddr(~uint64_t(0)));
}

TEST_F(Kdump, ViewsRawPagesInPlace) {
  shape.codecs = {Codec::Raw};
  file = writeKdump(image, shape);
  Dump dump = open({file});
  const uint8_t *view = dump.memory->tryView(PhysAddr(0x3010), 16);
  EXPECT_EQ(view, dump.buffers.back()->data() + places.data + 2 * 4096 + 16);
  EXPECT_EQ(dump.memory->tryView(PhysAddr(0x3010), 4096), nullptr);
}

TEST_F(Kdump, CountsThePagesThatShareTheOneOfZeros) {
  MemoryImage large = randomImage(9, {{0, 300}});
  ASSERT_GT(expectedZeroBytes(large), 0u);
  for (Codec codec : {Codec::Raw, Codec::Zlib}) {
    shape.codecs = {codec};
    FileBytes bytes = writeKdump(large, shape);
    EXPECT_EQ(open({bytes}).memory->knownZeroBytes(), expectedZeroBytes(large));
  }
}

TEST_F(Kdump, ThreadsReadTheSamePages) {
  MemoryImage large = randomImage(9, {{0, 300}});
  shape.codecs = {Codec::Zlib, Codec::Zstd, Codec::Lzo, Codec::Snappy};
  FileBytes bytes = writeKdump(large, shape);
  Dump dump = open({bytes});
  std::vector<std::thread> threads;
  std::atomic<unsigned> wrong = 0;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      FileBytes page(4096);
      for (const auto &[frame, expected] : large.pages)
        if (!absenceOf(expected.state) &&
            (dump.memory->tryRead(large.addressOf(frame), page) ||
             page != large.bytesOf(frame)))
          ++wrong;
      wrong += dump.memory->ranges() !=
               llvm::ArrayRef<MemoryRange>(expectedRanges(large));
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0u);
}

//===- pages that are lost or broken, one at a time -----------------------===//

TEST_F(Kdump, APageThatDoesNotDecompressIsTheOnlyOneLost) {
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
TEST_F(Kdump, SmallReadsOfSeveralDumpsAndPagesDoNotMix) {
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

TEST_F(Kdump, APageThatUnpacksToAnotherSizeIsCorrupt) {
  for (Codec codec : {Codec::Zlib, Codec::Lzo, Codec::Snappy, Codec::Zstd})
    for (uint64_t size : {4095, 4097}) {
      FileBytes changed =
          withPage(file, descriptor(2), codec, FileBytes(size, 'x'));
      EXPECT_EQ(absenceAt(open({changed}), 0x4000), "corrupt")
          << unsigned(codec) << " " << size;
    }
}

// The bytes that the decoder wants are there, but they are not the page's.
TEST_F(Kdump, APageThatGoesOnBehindItsEndIsCorrupt) {
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
TEST_F(Kdump, ZerosOfOnePageSizeAreNotZerosOfAnother) {
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

TEST_F(Kdump, DescriptorsThatContradictThemselvesAreCorrupt) {
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

TEST_F(Kdump, IncompleteDumpsSayThatPagesAreMissing) {
  image = smallImage(11, 4096, {32, 32, 64});
  shape.incomplete = true;
  Dump dump = open({writeKdump(image, shape)});
  expectSameMemory(*dump.memory, image);
  EXPECT_THAT(dump.quirks,
              ::testing::Contains(
                  "marked incomplete: the disk was full when makedumpfile "
                  "wrote it, so pages are missing"));
}

TEST_F(Kdump, ATruncatedFileKeepsThePagesBeforeTheCut) {
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

TEST_F(Kdump, EveryTruncationIsHarmless) {
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

//===- headers ------------------------------------------------------------===//

TEST_F(Kdump, RefusesAnUnknownVersion) {
  patch<uint32_t>(file, versionAt, 7);
  EXPECT_EQ(refusal({file}), "kdump header version 0x7 is neither little- nor "
                             "big-endian one of 0 to 6");
}

TEST_F(Kdump, RefusesAFileThatEndsInsideTheHeaders) {
  FileBytes cut(file.begin(), file.begin() + 463);
  EXPECT_EQ(refusal({cut}), "kdump header of 0x1d0 bytes runs past the end of "
                            "the file at 0x1cf");
  cut.assign(file.begin(), file.begin() + 4096 + 103);
  EXPECT_EQ(refusal({cut}), "kdump sub header at offset 0x1000 runs past the "
                            "end of the file at 0x1067");
  cut.assign(file.begin(), file.begin() + long(places.descriptors) - 1);
  EXPECT_EQ(refusal({cut}),
            "kdump bitmaps from offset 0x2000 to 0x4000 run past the end of "
            "the file at 0x3fff; the file is truncated");
}

TEST_F(Kdump, RefusesABlockSizeThatIsNone) {
  for (uint32_t size : {0u, 512u, 5000u, 0x80000u, 0x80000000u}) {
    patch<uint32_t>(file, blockSizeAt, size);
    EXPECT_EQ(refusal({file}), "kdump block size " + hex(size) +
                                   " is not a power of two from 0x400 to "
                                   "0x40000");
  }
}

TEST_F(Kdump, RefusesAMissingSubHeader) {
  patch<uint32_t>(file, subHeaderBlocksAt, 0);
  EXPECT_EQ(refusal({file}),
            "kdump header has no sub header: sub_hdr_size is 0");
}

TEST_F(Kdump, RefusesASubHeaderBeyondTheFile) {
  patch<uint32_t>(file, subHeaderBlocksAt, 0xffffffff);
  EXPECT_EQ(refusal({file}),
            "kdump bitmaps from offset 0x100000000000 to 0x100000002000 run "
            "past the end of the file at " +
                hex(file.size()) + "; the file is truncated");
}

TEST_F(Kdump, RefusesBitmapsThatDoNotCoverThePageFrames) {
  patch<uint32_t>(file, bitmapBlocksAt, 0);
  EXPECT_EQ(refusal({file}),
            "kdump bitmaps of 0x0 blocks do not cover max_mapnr 0x5, expected "
            "at least 0x1 blocks of 0x1000 bytes");
  patch<uint32_t>(file, bitmapBlocksAt, 2);
  patch<uint64_t>(file, maxMapnrAt, 0x10001);
  EXPECT_EQ(refusal({file}),
            "kdump bitmaps of 0x2 blocks do not cover max_mapnr 0x10001, "
            "expected at least 0x3 blocks of 0x1000 bytes");
}

TEST_F(Kdump, RefusesPageFramesBeyondTheAddressSpace) {
  patch<uint64_t>(file, maxMapnrAt, uint64_t(1) << 52);
  EXPECT_EQ(refusal({file}), "kdump max_mapnr 0x10000000000000 reaches beyond "
                             "64 bits of physical address");
  patch<uint64_t>(file, maxMapnrAt, 0);
  EXPECT_EQ(refusal({file}), "kdump header has no page frames: max_mapnr is 0");
}

TEST_F(Kdump, KeepsTheMemoryWhenTheNotesAreNotThere) {
  patch<uint64_t>(file, notesSizeAt, file.size());
  patch<uint64_t>(file, vmcoreinfoOffsetAt, ~uint64_t(0));
  patch<uint64_t>(file, vmcoreinfoSizeAt, 100);
  Dump dump = open({file});
  EXPECT_THAT(dump.quirks,
              ElementsAre("kdump notes of " + hex(file.size()) +
                              " bytes at offset 0x1068 runs past the end at " +
                              hex(file.size()),
                          "kdump VMCOREINFO of 0x64 bytes at offset "
                          "0xffffffffffffffff runs past the end at " +
                              hex(file.size()),
                          "no VMCOREINFO note"));
  expectSameMemory(*dump.memory, image);
}

//===- split dumps --------------------------------------------------------===//

class SplitKdump : public Kdump {
protected:
  FileBytes part(uint64_t first, uint64_t count) {
    shape.split = MemoryImage::Run{first, count};
    return writeKdump(image, shape);
  }
};

TEST_F(SplitKdump, NamesAPartThatIsMissing) {
  Dump dump = open({part(4, 1), part(0, 3)});
  EXPECT_THAT(dump.quirks,
              ElementsAre("part 2 of the split dump is missing: 1 pages from "
                          "physical address 0x3000 to 0x4000 are not "
                          "available"));
  expectSameMemory(*dump.memory, [&] {
    MemoryImage expected = image;
    expected.pages[3].state = PageState::Lost;
    return expected;
  }());
  EXPECT_THAT(open({part(0, 3)}).quirks,
              ElementsAre("part 2 of the split dump is missing: 2 pages from "
                          "physical address 0x3000 to 0x5000 are not "
                          "available"));
  EXPECT_THAT(open({part(3, 2)}).quirks,
              ElementsAre("part 1 of the split dump is missing: 1 pages from "
                          "physical address 0x0 to 0x3000 are not "
                          "available"));
}

TEST_F(SplitKdump, RefusesTheSamePartTwice) {
  EXPECT_EQ(refusal({part(0, 3), part(3, 2), part(0, 3)}),
            "two parts of the split dump have page frame 0x0; give each part "
            "once");
}

TEST_F(SplitKdump, RefusesPartsOfDifferentDumps) {
  FileBytes first = part(0, 3);
  shape.release = "6.1.1";
  EXPECT_EQ(refusal({first, part(3, 2)}),
            "part 2 as given is of another dump than part 1: the headers "
            "differ");
  shape.release = "6.1.0";
  image.pages[3].state = PageState::Excluded;
  EXPECT_EQ(refusal({first, part(3, 2)}),
            "parts of the split dump have different page bitmaps");
}

TEST_F(SplitKdump, RefusesPartsOfAWholeDump) {
  EXPECT_EQ(refusal({file, part(0, 3)}),
            "not a part of a split dump, but 1 further part(s) are given; "
            "leave them out");
  EXPECT_EQ(refusal({part(0, 3), FileBytes(100, 'x')}),
            "part 2 as given is not a kdump-compressed file");
  ElfShape elf;
  EXPECT_EQ(refusal({writeElf(image, elf), file}),
            "further files are given, but only kdump-compressed dumps are "
            "split");
}

TEST_F(SplitKdump, RefusesARangeThatIsNone) {
  FileBytes wrong = part(0, 3);
  patch<uint64_t>(wrong, endPfnAt, 6);
  EXPECT_EQ(refusal({wrong}), "split dump part of page frames 0x0 to 0x6, "
                              "expected a range below max_mapnr 0x5");
  patch<uint64_t>(wrong, startPfnAt, 4);
  patch<uint64_t>(wrong, endPfnAt, 3);
  EXPECT_EQ(refusal({wrong}), "split dump part of page frames 0x4 to 0x3, "
                              "expected a range below max_mapnr 0x5");
}

} // namespace
