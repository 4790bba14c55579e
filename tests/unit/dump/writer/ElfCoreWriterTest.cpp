// ElfCoreWriterTest.cpp - what is written reads back, what is lost stays so
#include "dump/writer/ElfCoreWriter.h"
#include "Expected.h"
#include "SparseMemory.h"
#include "dump/OpenDump.h"
#include "dump/formats/TrimNote.h"
#include "dump/storage/MappedFile.h"
#include "dump/writer/VerifiedRanges.h"

#include "gtest/gtest.h"

#include <atomic>
#include <unistd.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Says that all of it is there, like a compressed file, and then fails.
class UndecodableMemory final : public PhysicalMemory {
public:
  static constexpr uint64_t size = 0x5000, badPage = 0x2000;

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    for (size_t i = 0; i < out.size(); ++i) {
      if ((at.value + i) / 4096 * 4096 == badPage)
        return AbsentByte{at + i, Absence::Corrupt};
      out[i] = uint8_t((at.value + i) / 4096 + 1);
    }
    return std::nullopt;
  }
  llvm::ArrayRef<MemoryRange> ranges() const override { return all_; }

private:
  std::vector<MemoryRange> all_ = {{PhysAddr(0), size, {}}};
};

struct TemporaryName {
  std::string path =
      ::testing::TempDir() + "vmpt-core-" + std::to_string(::getpid());
  ~TemporaryName() { ::unlink(path.c_str()); }
};

Dump writeAndOpen(const CoreContents &contents, const PhysicalMemory &memory,
                  const TemporaryName &file) {
  Diagnostics silent;
  std::unique_ptr<OutputFile> output =
      valueOf(OutputFile::create({.path = file.path}));
  llvm::Error error = writeElfCore(*output, contents, memory, silent);
  EXPECT_FALSE(bool(error)) << textOf(std::move(error));
  auto dump = openDump(file.path, {}, silent);
  EXPECT_TRUE(bool(dump));
  if (!dump) {
    ADD_FAILURE() << textOf(std::move(dump));
    return {};
  }
  return std::move(*dump);
}

TEST(VerifyRanges, APageThatDoesNotDecodeIsAbsentAndNoOther) {
  Diagnostics silent;
  using Ranges = std::vector<MemoryRange>;
  EXPECT_EQ(verifyRanges(UndecodableMemory(), silent),
            (Ranges{{PhysAddr(0), 0x2000, {}},
                    {PhysAddr(0x2000), 0x1000, Absence::Corrupt},
                    {PhysAddr(0x3000), 0x2000, {}}}));
}

TEST(ElfCoreWriter, WhatIsLeftOutStaysAbsentAndTheRestReadsBack) {
  UndecodableMemory memory;
  Diagnostics silent;
  CoreContents contents{Arch::X86_64};
  std::vector<MemoryRange> ranges = verifyRanges(memory, silent);
  ranges.erase(ranges.begin() + 1);
  contents.segments = makeSegments(ranges);
  TemporaryName file;
  Dump dump = writeAndOpen(contents, memory, file);
  EXPECT_EQ(dump.memory->ranges().size(), 2u);
  uint8_t byte[1];
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x4fff), byte));
  EXPECT_EQ(byte[0], 5);
  ASSERT_TRUE(dump.memory->tryRead(PhysAddr(0x2000), byte));
  EXPECT_EQ(dump.memory->tryRead(PhysAddr(0x2fff), byte)->absence,
            Absence::OutsideRam);
}

/// How often each of its pages was read, or viewed.
class CountingMemory final : public PhysicalMemory {
public:
  static constexpr uint64_t pages = 3000;
  mutable std::vector<std::atomic<unsigned>> reads =
      std::vector<std::atomic<unsigned>>(pages);

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    const uint64_t page = at.value / 4096;
    EXPECT_LE((at.value + out.size() - 1) / 4096, page) << "one page at a time";
    std::fill(out.begin(), out.end(), uint8_t(page % 7));
    ++reads[page];
    return std::nullopt;
  }
  llvm::ArrayRef<MemoryRange> ranges() const override { return all_; }

private:
  std::vector<MemoryRange> all_ = {{PhysAddr(0), pages * 4096, {}}};
};

TEST(ElfCoreWriter, EachPageIsReadOnceByAnyNumberOfThreads) {
  std::string first;
  for (unsigned threads : {1u, 2u, 5u}) {
    CountingMemory memory;
    CoreContents contents{Arch::X86_64};
    contents.segments = makeSegments(memory.ranges());
    Diagnostics diagnostics;
    diagnostics.setThreads(threads);
    TemporaryName file;
    auto output = valueOf(OutputFile::create({.path = file.path}));
    llvm::Error error = writeElfCore(*output, contents, memory, diagnostics);
    ASSERT_FALSE(bool(error)) << textOf(std::move(error));
    for (const std::atomic<unsigned> &count : memory.reads)
      ASSERT_EQ(count.load(), 1u);
    auto written = valueOf(MappedFile::open(file.path));
    if (threads == 1)
      first = written->bytes().text().str();
    EXPECT_EQ(written->bytes().text(), llvm::StringRef(first));
  }
}

TEST(ElfCoreWriter, AFileCanBeStartedAnew) {
  TemporaryName file;
  auto output = valueOf(OutputFile::create({.path = file.path}));
  ASSERT_TRUE(output->canRestart());
  ASSERT_FALSE(bool(output->write(std::vector<uint8_t>(200'000, 1))));
  ASSERT_FALSE(bool(output->restart()));
  EXPECT_EQ(output->position(), 0u);
  ASSERT_FALSE(bool(output->write({2, 3})));
  ASSERT_FALSE(bool(output->commit()));
  EXPECT_EQ(valueOf(MappedFile::open(file.path))->bytes().text(),
            llvm::StringRef("\2\3"));
}

TEST(ElfCoreWriter, AnAliasIsASecondViewOfTheSameBytes) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0x10000), 0x4000);
  memory.write(PhysAddr(0x12000), {7});
  CoreContents contents{Arch::X86_64};
  contents.segments = makeSegments(memory.ranges());
  contents.segments[0].virtualStart = 0xffff888000010000;
  // Its first page lies before the memory that is stored.
  contents.aliases = {{0xffffffff8100f000, PhysAddr(0xf000), 0x3800}};
  TemporaryName file;
  Dump dump = writeAndOpen(contents, memory, file);
  EXPECT_EQ(dump.directMapOffset, 0xffff888000000000);
  Bytes headers = dump.files[0]->bytes();
  // e_phoff 64; header 0 is the notes, 1 the image, 2 the memory. p_offset at
  // 8, p_vaddr at 16, p_paddr at 24, p_filesz at 32.
  const uint64_t image = 64 + 56, loaded = image + 56;
  EXPECT_EQ(headers.at<uint64_t>(image + 8), headers.at<uint64_t>(loaded + 8));
  EXPECT_EQ(headers.at<uint64_t>(image + 16), 0xffffffff81010000);
  EXPECT_EQ(headers.at<uint64_t>(image + 24), 0x10000u);
  EXPECT_EQ(headers.at<uint64_t>(image + 32), 0x2800u);
  uint8_t byte[1];
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x12000), byte));
  EXPECT_EQ(byte[0], 7);
}

TEST(ElfCoreWriter, RamWithoutBytesStandsBehindTheRest) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0x1000), 0x1000);
  memory.setAbsent(PhysAddr(0x2000), Absence::Excluded);
  memory.addZeros(PhysAddr(0x3000), 0x1000);
  CoreContents contents{Arch::X86_64};
  contents.segments = makeSegments(memory.ranges());
  TemporaryName file;
  Dump dump = writeAndOpen(contents, memory, file);
  Bytes headers = dump.files[0]->bytes();
  ASSERT_EQ(headers.at<uint16_t>(56), 4u); // e_phnum: notes, two, one
  const uint64_t starts[] = {0x1000, 0x3000, 0x2000};
  for (uint64_t i = 0; i < 3; ++i) {
    uint64_t header = 64 + 56 * (i + 1);
    EXPECT_EQ(headers.at<uint64_t>(header + 24), starts[i]);
    EXPECT_EQ(headers.at<uint64_t>(header + 32), i < 2 ? 0x1000u : 0u);
    EXPECT_EQ(headers.at<uint64_t>(header + 40), 0x1000u);
  }
  EXPECT_TRUE(llvm::equal(dump.memory->ranges(), memory.ranges()));
  EXPECT_TRUE(dump.memory->mayExcludeZeroPages());
}

TEST(ElfCoreWriter, ConvertsNoteKeepsTheReasonOfEachAbsence) {
  UndecodableMemory memory;
  Diagnostics silent;
  CoreContents contents{Arch::X86_64};
  contents.segments = {{PhysAddr(0), 0x2000, 0x2000, 0},
                       {PhysAddr(0x3000), 0x2000, 0x2000, 0x3000}};
  const std::string text =
      writeConvertNote({MemoryRange{PhysAddr(0x2000), 0x1000, Absence::Corrupt},
                        {PhysAddr(0x5000), 0x3000, Absence::Truncated},
                        {PhysAddr(0x9000), 0x1000, Absence::Excluded}}) +
      "absent=0x1,0x2\nabsent=0x1,0x1,9\nabsent=nothing\nother=1\n";
  contents.notes = {
      {trimNoteName.str(), convertNoteType,
       Bytes({reinterpret_cast<const uint8_t *>(text.data()), text.size()})}};
  TemporaryName file;
  Dump dump = writeAndOpen(contents, memory, file);
  using Ranges = std::vector<MemoryRange>;
  EXPECT_EQ(dump.memory->ranges(),
            llvm::ArrayRef<MemoryRange>(
                Ranges{{PhysAddr(0), 0x2000, {}},
                       {PhysAddr(0x2000), 0x1000, Absence::Corrupt},
                       {PhysAddr(0x3000), 0x2000, {}},
                       {PhysAddr(0x5000), 0x3000, Absence::Truncated},
                       {PhysAddr(0x9000), 0x1000, Absence::Excluded}}));
  EXPECT_FALSE(dump.memory->mayExcludeZeroPages());
  EXPECT_FALSE(dump.isTrimmed);
  EXPECT_TRUE(dump.notes.empty());
  EXPECT_TRUE(llvm::is_contained(
      dump.quirks, "made by vmpt convert of a dump that was truncated or "
                   "damaged: 0x4000 bytes of its memory are absent"));
}

} // namespace
