// FileSourceTest.cpp - files that are mapped, read, copied, or lost meanwhile
#include "dump/storage/FileSource.h"
#include "DumpBuilder.h"
#include "Expected.h"
#include "dump/OpenDump.h"
#include "dump/formats/ElfCore.h"
#include "dump/formats/Flattened.h"
#include "dump/formats/Kdump.h"
#include "dump/storage/ExtentMemory.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <random>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

/// A file that is deleted with the object.
struct TemporaryFile {
  std::string path;
  explicit TemporaryFile(const FileBytes &bytes) {
    static unsigned count = 0;
    path = ::testing::TempDir() + "vmpt-source-" + std::to_string(::getpid()) +
           "-" + std::to_string(++count);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char *>(bytes.data()),
               std::streamsize(bytes.size()));
  }
  ~TemporaryFile() { ::unlink(path.c_str()); }
  void truncate(uint64_t size) const {
    ASSERT_EQ(::truncate(path.c_str(), off_t(size)), 0);
  }
  /// As if it could not be mapped.
  std::shared_ptr<FileSource> openToRead() const {
    return std::make_shared<FileSource>(valueOf(OpenFile::open(path)));
  }
};

FileBytes makeBytes(uint64_t size) {
  FileBytes bytes(size);
  std::mt19937_64 random(size);
  for (uint8_t &byte : bytes)
    byte = uint8_t(random());
  return bytes;
}

TEST(FileSource, MapsWhereItCan) {
  const FileBytes bytes = makeBytes(10000);
  TemporaryFile file(bytes);
  auto source = valueOf(FileSource::open(file.path));
  ASSERT_TRUE(source->data());
  EXPECT_FALSE(source->isRead());
  EXPECT_TRUE(source->bytes().array() == llvm::ArrayRef<uint8_t>(bytes));
}

TEST(FileSource, ReadsWhatCannotBeMapped) {
  constexpr uint64_t block = FileSource::blockBytes;
  const FileBytes bytes = makeBytes(3 * block + 123);
  TemporaryFile file(bytes);
  auto source = file.openToRead();
  EXPECT_TRUE(source->isRead());
  EXPECT_EQ(source->data(), nullptr);
  EXPECT_EQ(source->size(), bytes.size());
  for (uint64_t offset : {uint64_t(0), block - 1, block, 3 * block + 100})
    for (uint64_t size : {1, 2, 23, 70000, 140000}) {
      FileBytes out(size);
      const bool inside = offset + size <= bytes.size();
      ASSERT_EQ(source->tryRead(offset, out), inside) << offset << " " << size;
      EXPECT_TRUE(!inside ||
                  std::equal(out.begin(), out.end(), &bytes[offset]));
    }
  uint8_t byte;
  EXPECT_FALSE(source->tryRead(~uint64_t(0), byte));
}

TEST(FileSource, ABorrowedViewOutlivesItsPlaceInTheCache) {
  constexpr uint64_t block = FileSource::blockBytes;
  TemporaryFile file({});
  file.truncate(2 * FileSource::blockCount * block);
  auto source = file.openToRead();
  const FileView first = source->borrow(5, 10);
  EXPECT_EQ(first.bytes().size(), 10u);
  EXPECT_EQ(source->borrow(block - 5, 10).bytes().size(), 5u);
  for (uint64_t at = 0; at < source->size(); at += block)
    EXPECT_EQ(source->borrow(at, block).bytes().size(), block);
  EXPECT_TRUE(isZero(first.bytes().array()));
  EXPECT_TRUE(source->borrow(source->size(), 1).bytes().empty());
}

TEST(FileSource, TheSizeOfAFileThatIsReadMayBeALie) {
  TemporaryFile file(makeBytes(200000));
  auto source = file.openToRead();
  file.truncate(100000);
  FileBytes out(100000);
  EXPECT_TRUE(source->tryRead(0, out));
  EXPECT_FALSE(source->tryRead(1, out));
  EXPECT_FALSE(
      source->tryRead(99990, llvm::MutableArrayRef<uint8_t>(&out[0], 20)));
  EXPECT_TRUE(source->borrow(150000, 1).bytes().empty());
}

TEST(FileSource, APipeIsCopied) {
  const FileBytes bytes = makeBytes(3 << 20);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    for (size_t done = 0; done < bytes.size();) {
      ssize_t count =
          ::write(ends[1], bytes.data() + done, bytes.size() - done);
      if (count <= 0)
        break;
      done += size_t(count);
    }
    ::close(ends[1]);
  });
  auto source = FileSource::open("/proc/self/fd/" + std::to_string(ends[0]));
  writer.join();
  ::close(ends[0]);
  ASSERT_TRUE(bool(source));
  EXPECT_TRUE((*source)->bytes().array() == llvm::ArrayRef<uint8_t>(bytes));
}

TEST(FileSource, ACopyThatFindsNoRoomIsAnError) {
  const char *saved = std::getenv("TMPDIR");
  const std::string before = saved ? saved : "";
  ::setenv("TMPDIR", "/nowhere", 1);
  const std::string problem = textOf(FileSource::open("/proc/version"));
  before.empty() ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", before.c_str(), 1);
  EXPECT_THAT(problem, HasSubstr("no copy can be made in '/nowhere' (TMPDIR)"));
}

TEST(FileSource, AFileOfProcThatDoesNotKnowItsSizeIsCopied) {
  auto source = valueOf(FileSource::open("/proc/version"));
  EXPECT_THAT(source->bytes().text().str(), ::testing::StartsWith("Linux"));
}

TEST(FileSource, WhatHoldsNoDumpIsRefused) {
  EXPECT_THAT(textOf(FileSource::open("/dev/zero")), HasSubstr("no disk"));
  EXPECT_THAT(textOf(FileSource::open("/")), HasSubstr("is a directory"));
  EXPECT_THAT(textOf(FileSource::open("/nowhere")), HasSubstr("cannot open"));
  TemporaryFile empty({});
  EXPECT_EQ(textOf(FileSource::open(empty.path)), "is empty");
}

TEST(FileSource, HolesAreNoData) {
  TemporaryFile file({});
  file.truncate(64 << 20);
  std::ofstream(file.path, std::ios::binary | std::ios::in)
      .seekp(32 << 20)
      .write("x", 1);
  auto source = valueOf(FileSource::open(file.path));
  uint64_t stored = 0;
  bool found = false;
  for (auto [first, last] : source->listData(1 << 20, 60 << 20)) {
    EXPECT_LT(first, last);
    EXPECT_LE(last, uint64_t(60) << 20);
    stored += last - first;
    found |= first <= 31 << 20 && 31 << 20 < last;
  }
  EXPECT_TRUE(found);
  EXPECT_LE(stored, uint64_t(60) << 20);
}

TEST(MappedBytes, HolesArePassedOverAndForgottenBytesComeBack) {
  TemporaryFile file({});
  file.truncate(64 << 20);
  std::ofstream(file.path, std::ios::binary | std::ios::in)
      .seekp(32 << 20)
      .write("x", 1);
  auto source = valueOf(FileSource::open(file.path));
  const PlainImage image(source);
  ExtentMemory memory;
  memory.addImage(PhysAddr(0x100000), image, 0, 64 << 20);
  memory.addZeros(PhysAddr(0x100000 + (64 << 20)), 8 << 20);
  memory.finish();
  const PhysAddr x(0x100000 + (32 << 20));
  const MemoryRange found = memory.nextStored(PhysAddr(0x100000), 72 << 20);
  EXPECT_LE(found.start, x);
  EXPECT_GT(found.start + found.size, x);
  if (found.start != PhysAddr(0x100000)) { // a file system that tells
    EXPECT_LE(found.size, uint64_t(1) << 20);
    EXPECT_EQ(memory.nextStored(found.start + found.size, 16 << 20).size, 0u);
  }
  // Zeros by contract need no file system.
  EXPECT_EQ(memory.nextStored(PhysAddr(0x100000 + (64 << 20)), 8 << 20).size,
            0u);
  const uint8_t *view = memory.tryView(x, 1);
  ASSERT_TRUE(view);
  memory.forget(PhysAddr(0x100000), 72 << 20);
  EXPECT_EQ(*view, 'x');
}

TEST(MappedBytes, WhatIsNoMappingStaysAsItIs) {
  std::vector<uint8_t> bytes(1 << 20, 7);
  ExtentMemory memory;
  memory.addData(PhysAddr(0), bytes);
  memory.finish();
  memory.forget(PhysAddr(0), bytes.size());
  EXPECT_EQ(bytes, std::vector<uint8_t>(1 << 20, 7));
  EXPECT_EQ(memory.nextStored(PhysAddr(0), bytes.size()),
            (MemoryRange{PhysAddr(0), bytes.size(), {}}));
}

//===- readers of files that are not mapped -------------------------------===//

MemoryImage someMemory() {
  return randomImage(3, {{1, 40}, {100, 20}}).without(PageState::Lost);
}

TEST(ReadFile, AnElfCoreIsTheSame) {
  const MemoryImage image = someMemory();
  TemporaryFile file(writeElf(image, {.unaligned = true}));
  auto source = file.openToRead();
  Dump dump;
  ASSERT_EQ(textOf(readElfCore(PlainImage(source), dump)), "");
  expectSameMemory(*dump.memory, image);
  EXPECT_EQ(dump.memory->tryView(PhysAddr(0x1000), 1), nullptr);
}

TEST(ReadFile, AKdumpIsTheSame) {
  const MemoryImage image = someMemory();
  for (bool flattened : {false, true}) {
    FileBytes bytes = writeKdump(image, {.codecs = {Codec::Zlib, Codec::Raw}});
    TemporaryFile file(flattened ? flatten(bytes, {}) : bytes);
    std::vector<std::unique_ptr<FileImage>> images;
    images.push_back(valueOf(createFileImage(file.openToRead())));
    Dump dump;
    ASSERT_EQ(textOf(readKdump(std::move(images), dump)), "");
    expectSameMemory(*dump.memory, image);
  }
}

//===- files that become shorter ------------------------------------------===//

TEST(LostFile, WhatIsGoneIsTruncatedAndTheRestIsRight) {
  const MemoryImage image = randomImage(3, {{0, 64}})
                                .without(PageState::Lost)
                                .without(PageState::Excluded);
  const FileBytes bytes = writeElf(image, {});
  TemporaryFile file(bytes);
  Diagnostics silent;
  Dump dump = valueOf(openDump(file.path, {}, silent));
  EXPECT_EQ(dump.describeFault(), std::nullopt);
  file.truncate(bytes.size() / 2);
  unsigned lost = 0;
  for (const auto &[frame, page] : image.pages) {
    const PhysAddr at = image.addressOf(frame);
    FileBytes out(4096);
    if (auto absent = dump.memory->tryRead(at, out)) {
      EXPECT_EQ(absent->absence, Absence::Truncated);
      EXPECT_EQ(dump.memory->tryView(at, 4096), nullptr);
      ++lost;
    } else {
      EXPECT_EQ(out, image.bytesOf(frame)) << frame;
    }
  }
  EXPECT_GT(lost, 20u);
  EXPECT_LT(lost, 40u);
  EXPECT_THAT(dump.describeFault().value_or(""),
              HasSubstr("became shorter while it was in use"));
}

TEST(LostFile, AFaultThatNobodyMetIsFound) {
  TemporaryFile file(makeBytes(20000));
  auto source = valueOf(FileSource::open(file.path));
  file.truncate(19999);
  EXPECT_EQ(source->describeFault(),
            "became shorter while it was in use, 0x4e1f bytes instead of "
            "0x4e20");
}

/// A fault in a mapping that is not ours.
void failElsewhere(const TemporaryFile &file) {
  auto source = valueOf(FileSource::open(file.path));
  int fd = ::open(file.path.c_str(), O_RDONLY);
  auto *other = static_cast<const volatile uint8_t *>(
      ::mmap(nullptr, 20000, PROT_READ, MAP_SHARED, fd, 0));
  file.truncate(0);
  uint8_t out[16];
  if (source->tryRead(10000, out))
    ::_exit(1); // ours: no signal, and no success
  (void)other[10000];
  ::_exit(2);
}

TEST(LostFileDeathTest, FaultsOfOthersArePassedOn) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  TemporaryFile file(makeBytes(20000));
  // A sanitizer has a handler of its own there before.
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, SIG_DFL);
        failElsewhere(file);
      },
      ::testing::KilledBySignal(SIGBUS), "");
}

TEST(LostFileDeathTest, TheHandlerThatWasThereBeforeIsAsked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  TemporaryFile file(makeBytes(20000));
  EXPECT_EXIT(
      {
        ::signal(SIGBUS, [](int) { ::_exit(42); });
        failElsewhere(file);
      },
      ::testing::ExitedWithCode(42), "");
}

} // namespace
