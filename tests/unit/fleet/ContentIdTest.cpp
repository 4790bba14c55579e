#include "fleet/ContentId.h"

#include "support/KernelFile.h"

#include <sys/stat.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr size_t large = 8 << 20;

class ContentIdTest : public ::testing::Test {
protected:
  std::string idOf(const std::string &content,
                   ContentCover cover = ContentCover::Samples) {
    const std::string path = folder.write("dump", content);
    return valueOf(computeContentId({path}, cover)).text;
  }

  TemporaryFolder folder;
};

TEST_F(ContentIdTest, IsOfTheContentAlone) {
  const std::string one = folder.write("one", "dump"),
                    two = folder.write("two", "dump");
  const ContentId id = valueOf(computeContentId({one}, ContentCover::Samples));
  EXPECT_EQ(id.bytes, 4u);
  EXPECT_EQ(id.text.size(), 35u);
  EXPECT_EQ(id.text.substr(0, 3), "s1-");
  EXPECT_EQ(id.text,
            valueOf(computeContentId({two}, ContentCover::Samples)).text);
}

TEST_F(ContentIdTest, IsTheSameInEveryVersion) {
  // The size in eight bytes, then the content: SHA-256 of
  // 04 00 00 00 00 00 00 00 "dump", its first half.
  EXPECT_EQ(idOf("dump"), "s1-3a48ed386fe958b111212961cfa698cd");
}

TEST_F(ContentIdTest, EveryByteOfASmallFileCounts) {
  std::string content(1000, 'x');
  const std::string id = idOf(content);
  for (size_t at : {size_t(0), size_t(500), size_t(999)}) {
    std::string other = content;
    other[at] = 'y';
    EXPECT_NE(idOf(other), id) << at;
  }
  EXPECT_NE(idOf(content + "x"), id);
  EXPECT_NE(idOf(""), id);
}

TEST_F(ContentIdTest, HeadTailSamplesAndSizeOfALargeOne) {
  std::string content(large, 'x');
  const std::string id = idOf(content);
  const auto samples = listSamples(large);
  ASSERT_EQ(samples.size(), 130u);
  uint64_t end = 0;
  for (const auto &[offset, size] : samples) {
    EXPECT_GE(offset, end);
    end = offset + size;
    content[offset + size / 2] ^= 1;
    EXPECT_NE(idOf(content), id) << offset;
    content[offset + size / 2] ^= 1;
  }
  EXPECT_EQ(end, large);
  EXPECT_NE(idOf(content + "x"), id);
}

TEST_F(ContentIdTest, BetweenSamplesOnlyAllOfItTells) {
  std::string content(large, 'x'), other = content;
  const auto samples = listSamples(large);
  const uint64_t between = samples[1].first + samples[1].second;
  ASSERT_LT(between, samples[2].first);
  other[between] = 'y';
  EXPECT_EQ(idOf(content), idOf(other));
  EXPECT_NE(idOf(content, ContentCover::Everything),
            idOf(other, ContentCover::Everything));
  // Never taken for each other.
  EXPECT_EQ(idOf(content, ContentCover::Everything).substr(0, 3), "f1-");
}

TEST_F(ContentIdTest, SamplesFitAnySize) {
  for (uint64_t bytes :
       {uint64_t(0), uint64_t(1), uint64_t(1) << 20, (uint64_t(1) << 20) + 1,
        uint64_t(1) << 21, (uint64_t(1) << 40) + 12345, ~uint64_t(0) >> 1}) {
    uint64_t end = 0;
    for (const auto &[offset, size] : listSamples(bytes)) {
      EXPECT_GE(offset, end);
      end = offset + size;
    }
    EXPECT_EQ(end, bytes);
  }
}

TEST_F(ContentIdTest, FilesOfADumpCountTogether) {
  const std::string one = folder.write("one", "ab"),
                    two = folder.write("two", "cd");
  const ContentId both =
      valueOf(computeContentId({one, two}, ContentCover::Samples));
  EXPECT_EQ(both.bytes, 4u);
  EXPECT_NE(both.text, idOf("abcd"));
}

TEST_F(ContentIdTest, WhatCannotBeReadTwiceIsAnError) {
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string &path : {folder / "", folder / "missing", pipe,
                                  std::string("/dev/null"), std::string()})
    EXPECT_NE(textOf(computeContentId({path}, ContentCover::Samples)), "")
        << path;
}

} // namespace
