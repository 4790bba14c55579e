#include "KdumpFixture.h"

#include "gmock/gmock.h"

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

class Kdump : public KdumpFixture {};

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

//===- headers ------------------------------------------------------------===//

TEST_F(Kdump, RefusesAnUnknownVersion) {
  patch<uint32_t>(file, versionAt, 7);
  EXPECT_EQ(refusal({file}), "kdump header version 0x7 is neither little- nor "
                             "big-endian one of 0 to 6");
}

TEST_F(Kdump, RefusesAFileThatEndsInsideTheHeaders) {
  FileBytes cut(file.begin(), file.begin() + 463);
  EXPECT_EQ(refusal({cut}), "kdump header of 0x1d0 bytes runs past the end at "
                            "0x1cf, truncated by 0x1 bytes or more");
  cut.assign(file.begin(), file.begin() + 4096 + 103);
  EXPECT_EQ(refusal({cut}), "kdump sub header at offset 0x1000 runs past the "
                            "end at 0x1067, truncated by 0x1 bytes or more");
  cut.assign(file.begin(), file.begin() + long(places.descriptors) - 1);
  EXPECT_EQ(refusal({cut}),
            "kdump bitmaps from offset 0x2000 to 0x4000 run past the end at "
            "0x3fff, truncated by 0x1 bytes or more");
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
            "past the end at " +
                hex(file.size()) + ", truncated by " +
                hex(0x100000002000 - file.size()) + " bytes or more");
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
                              hex(file.size()) +
                              ", truncated by 0x1068 bytes or more",
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
            "differ in utsname.release");
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
