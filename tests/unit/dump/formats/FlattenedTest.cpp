#include "dump/formats/Flattened.h"
#include "ByteWriter.h"
#include "DumpBuilder.h"
#include "Expected.h"
#include "dump/OpenDump.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::Contains;

namespace {

/// A file of the format, record by record.
class Records {
public:
  Records() { out_.text("makedumpfile").align(16).u64(1).u64(1).align(4096); }
  Records &add(uint64_t offset, llvm::StringRef data) {
    return add(offset, data.size(), data);
  }
  Records &add(uint64_t offset, uint64_t size, llvm::StringRef data) {
    out_.u64(offset).u64(size).text(data);
    return *this;
  }
  FileBytes finish(bool endMarker = true) {
    if (endMarker)
      out_.u64(~uint64_t(0)).u64(~uint64_t(0));
    return out_.take();
  }

private:
  ByteWriter out_{ByteOrder::big};
};

std::string contentOf(const FileImage &image) {
  FileBytes out(image.size());
  return image.tryRead(0, out) ? std::string(out.begin(), out.end())
                               : "(missing)";
}

TEST(Flattened, LaterRecordsWin) {
  FileBytes file = Records()
                       .add(0, "aaaaaaaaaa")
                       .add(2, "bbbb")
                       .add(8, "cccc")
                       .add(3, "d")
                       .add(5, "ee")
                       .finish();
  auto image = valueOf(FlattenedImage::create(Bytes(file)));
  EXPECT_EQ(contentOf(*image), "aabdbeeacccc");
  EXPECT_TRUE(image->quirks().empty());
  EXPECT_EQ(image->getRecordCount(), 5u);
}

TEST(Flattened, AnyOrderOfAnyRecordsIsAsIfWrittenOneByOne) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    Records records;
    std::string expected;
    for (unsigned i = 0, count = 1 + random() % 12; i < count; ++i) {
      uint64_t offset = random() % 40;
      std::string data(random() % 20, char('a' + i));
      records.add(offset, data);
      if (!data.empty() && expected.size() < offset + data.size())
        expected.resize(offset + data.size());
      expected.replace(data.empty() ? 0 : offset, data.size(), data);
    }
    if (expected.empty())
      continue;
    FileBytes file = records.finish();
    auto image = valueOf(FlattenedImage::create(Bytes(file)));
    ASSERT_EQ(contentOf(*image), expected) << round;
  }
}

TEST(Flattened, GapsAreZerosInAWholeFileAndMissingInATruncatedOne) {
  FileBytes whole = Records().add(0, "ab").add(4, "cd").finish();
  EXPECT_EQ(contentOf(*valueOf(FlattenedImage::create(Bytes(whole)))),
            std::string("ab\0\0cd", 6));

  FileBytes cut = Records().add(0, "ab").add(4, "cd").finish(false);
  auto image = valueOf(FlattenedImage::create(Bytes(cut)));
  EXPECT_THAT(image->quirks(),
              ::testing::ElementsAre(
                  "the flattened file ends at offset 0x1024, before its end "
                  "marker: what the records after that held is missing"));
  EXPECT_FALSE(image->has(0, 6));
  EXPECT_TRUE(image->has(4, 2));
  EXPECT_FALSE(image->has(4, 3));
  EXPECT_NE(image->tryView(4, 2), nullptr);
}

TEST(Flattened, ViewsWhatLiesInOneRecordAndGathersTheRest) {
  FileBytes file = Records().add(2, "cdef").add(0, "ab").finish();
  auto image = valueOf(FlattenedImage::create(Bytes(file)));
  Buffers buffers;
  auto inside = image->slice(3, 2, ByteOrder::little, "test", buffers);
  EXPECT_EQ(valueOf(std::move(inside)).data(), file.data() + 4096 + 17);
  EXPECT_TRUE(buffers.empty());
  auto across = image->slice(1, 3, ByteOrder::little, "test", buffers);
  EXPECT_EQ(valueOf(std::move(across)).text(), "bcd");
  EXPECT_EQ(buffers.size(), 1u);
}

TEST(Flattened, KeepsWhatCameBeforeABrokenRecord) {
  struct {
    uint64_t offset, size;
    const char *quirk;
  } cases[] = {
      {0x10, 0x8000000000000000,
       "the flattened file has a record of 0x8000000000000000 bytes for offset "
       "0x10 at offset 0x1012, before its end marker: what the records after "
       "that held is missing"},
      {~uint64_t(0), 5,
       "the flattened file has a record of 0x5 bytes for offset "
       "0xffffffffffffffff at offset 0x1012, before its end marker: what the "
       "records after that held is missing"},
      {2, 100,
       "the flattened file ends inside a record at offset 0x1025, before its "
       "end marker: what the records after that held is missing"},
  };
  for (const auto &wrong : cases) {
    FileBytes file = Records()
                         .add(0, "ab")
                         .add(wrong.offset, wrong.size, "xyz")
                         .finish(false);
    auto image = valueOf(FlattenedImage::create(Bytes(file)));
    EXPECT_THAT(image->quirks(), ::testing::ElementsAre(wrong.quirk));
    EXPECT_TRUE(image->has(0, 2));
  }
}

TEST(Flattened, ARecordFarAwayDoesNotCostMemory) {
  FileBytes file = Records().add(0, "ab").add(uint64_t(1) << 62, "x").finish();
  auto image = valueOf(FlattenedImage::create(Bytes(file)));
  Buffers buffers;
  EXPECT_EQ(textOf(image->slice(0, uint64_t(1) << 40, ByteOrder::little,
                                "kdump bitmaps", buffers)),
            "kdump bitmaps of 0x10000000000 bytes at offset 0x0 is larger than "
            "all that is stored, 0x1033 bytes");
  EXPECT_TRUE(buffers.empty());
}

TEST(Flattened, RefusesWhatItDoesNotKnow) {
  auto refusal = [](const FileBytes &file) {
    return textOf(openDump(Bytes(file), {}));
  };
  FileBytes file = Records().add(0, "not a dump").finish();
  EXPECT_EQ(refusal(file),
            "flattened file holds neither a kdump-compressed nor an ELF file: "
            "it begins with 0x6e6f7420");
  FileBytes other = file;
  patch<uint64_t>(other, 24, 2, ByteOrder::big);
  EXPECT_EQ(refusal(other), "flattened format of type 0x1, version 0x2, "
                            "expected type 0x1, version 0x1");
  EXPECT_EQ(refusal(Records().finish()),
            "flattened file without a single record");
  other.assign(file.begin(), file.begin() + 4095);
  EXPECT_EQ(refusal(other), "header of the flattened format at offset 0x20 "
                            "runs past the end at 0xfff, truncated by 0x1 "
                            "bytes or more");
  other.assign(file.begin(), file.begin() + 4096 + 15);
  EXPECT_EQ(refusal(other), "first record of the flattened file runs past the "
                            "end at 0x100f, truncated by 0x2 bytes or more");
}

TEST(Flattened, TruncatedKdumpKeepsItsPages) {
  MemoryImage image;
  for (uint64_t frame : {2, 3, 4})
    image.setData(frame, FileBytes(100 * frame, uint8_t('a' + frame)));
  FileBytes inner = writeKdump(image, {});
  FileBytes file = flatten(inner, {.maxRecord = 64,
                                   .shuffle = false,
                                   .overwrite = false,
                                   .skipZeros = false,
                                   .endMarker = false});
  file.resize(file.size() - 100);
  Dump dump = valueOf(openDump(Bytes(file), {}));
  EXPECT_EQ(dump.format, "flattened kdump-compressed v6");
  EXPECT_THAT(dump.quirks,
              Contains("the file is truncated: the page at physical address "
                       "0x4000 and others are cut off"));
  EXPECT_THAT(dump.quirks,
              Contains(::testing::StartsWith("the flattened file ends inside "
                                             "a record at offset ")));
  image.pages[4].state = PageState::Lost;
  uint8_t byte;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x2000), byte));
  EXPECT_EQ(dump.memory->tryRead(PhysAddr(0x4000), byte)->absence,
            Absence::Truncated);
}

TEST(Flattened, TruncatedElfKeepsItsPages) {
  MemoryImage image = randomImage(8, {{1, 8}}, 4096, {0, 0, 0});
  FileBytes file =
      flatten(writeElf(image, {}),
              {.shuffle = false, .overwrite = false, .endMarker = false});
  file.resize(file.size() - 5000);
  Dump dump = valueOf(openDump(Bytes(file), {}));
  EXPECT_EQ(dump.format, "flattened ELF64 core");
  uint8_t byte;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(0x1000), byte));
  EXPECT_EQ(dump.memory->tryRead(PhysAddr(0x8fff), byte)->absence,
            Absence::Truncated);
}

} // namespace
