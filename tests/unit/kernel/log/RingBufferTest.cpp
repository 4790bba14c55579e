#include "kernel/log/RingBuffer.h"

#include "support/Expected.h"
#include "support/LogBuilder.h"

#include "gmock/gmock.h"

#include <map>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

struct Contents {
  std::vector<std::string> lines; ///< "SEQUENCE TEXT"
  std::vector<LogRecord> records;
  std::vector<std::string> problems;
};

Contents read(const LogRingBuilder &log, const RingLayout &layout) {
  Contents contents;
  contents.problems = valueOf(readRingBuffer(
      log.memory(), log.start, layout, [&](const LogRecord &record) {
        contents.records.push_back(record);
        contents.lines.push_back(std::to_string(record.sequence) + " " +
                                 record.text);
      }));
  return contents;
}
Contents read(const LogRingBuilder &log) { return read(log, log.layout()); }

TEST(RingBufferTest, AnEmptyOne) {
  LogRingBuilder log;
  Contents contents = read(log);
  EXPECT_THAT(contents.lines, IsEmpty());
  EXPECT_THAT(contents.problems, IsEmpty());
}

TEST(RingBufferTest, WhatARecordHas) {
  LogRingBuilder log;
  log.add("first", 1'234'567'890, 4, 2 | 8, 0x80000003, 3);
  log.add("", 5, 7, 0, 77);
  Contents contents = read(log);
  EXPECT_THAT(contents.problems, IsEmpty());
  EXPECT_THAT(contents.lines, ElementsAre("0 first", "1 "));
  const LogRecord &first = contents.records.at(0);
  EXPECT_EQ(first.timeNanoseconds, 1'234'567'890u);
  EXPECT_EQ(first.level, 4u);
  EXPECT_EQ(first.facility, 3u);
  EXPECT_EQ(first.caller, 0x80000003u);
  EXPECT_TRUE(first.endsLine);
  EXPECT_TRUE(first.isContinuation);
  EXPECT_EQ(contents.records.at(1).level, 7u);
  EXPECT_FALSE(contents.records.at(1).endsLine);
}

TEST(RingBufferTest, AnyWordSizeAndByteOrder) {
  for (unsigned wordBytes : {4u, 8u})
    for (ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
      LogRingBuilder log(wordBytes, order);
      log.add("one", 1, 3, 8, 9, 1);
      log.add("two", 2, 5);
      Contents contents = read(log);
      EXPECT_THAT(contents.problems, IsEmpty());
      EXPECT_THAT(contents.lines, ElementsAre("0 one", "1 two"));
      EXPECT_EQ(contents.records.at(0).level, 3u);
      EXPECT_TRUE(contents.records.at(0).isContinuation);
      EXPECT_FALSE(contents.records.at(0).endsLine);
    }
}

TEST(RingBufferTest, BothRingsGoRoundAndRound) {
  for (unsigned wordBytes : {4u, 8u})
    for (unsigned sizeBits : {7u, 8u, 12u}) {
      LogRingBuilder log(wordBytes, ByteOrder::little, 3, sizeBits);
      for (unsigned i = 0; i < 100; ++i) {
        log.add("text " + std::string(i % 23, 'x') + std::to_string(i), i);
        Contents contents = read(log);
        ASSERT_THAT(contents.problems, IsEmpty()) << i;
        ASSERT_FALSE(contents.records.empty());
        EXPECT_EQ(contents.records.back().sequence, i);
        for (const LogRecord &record : contents.records)
          EXPECT_TRUE(record.text.ends_with(std::to_string(record.sequence)));
      }
      EXPECT_EQ(read(log).records.size() == 8, sizeBits > 7);
    }
}

/// Since 6.19 such a block does not start anew.
TEST(RingBufferTest, ABlockThatEndsWithTheRing) {
  LogRingBuilder log(8, ByteOrder::little, 3, 8);
  log.add(std::string(248 - 16, 'a'));
  log.add("");
  const uint64_t begin = log.word(log.desc(0) + 16);
  log.patchWord(log.desc(1) + 8, begin);
  log.patchWord(log.desc(1) + 16, begin + 16);
  log.patch(log.info(1) + 16, uint16_t(8));
  log.patchWord(log.block(0) + 240, log.newestId());
  log.patchText(log.block(0) + 248, "87654321");
  Contents contents = read(log);
  EXPECT_THAT(contents.lines, ElementsAre(HasSubstr("0 a"), "1 87654321"));
}

TEST(RingBufferTest, ARecordThatWasBeingWritten) {
  LogRingBuilder log;
  log.add("one");
  log.add("two");
  log.setState(log.newestId(), 0);
  Contents contents = read(log);
  EXPECT_THAT(contents.lines, ElementsAre("0 one"));
  EXPECT_THAT(contents.problems,
              ElementsAre("record 1 of the log is lost: it was being written "
                          "when the dump was made"));
}

TEST(RingBufferTest, ACommittedRecordCanBeRead) {
  LogRingBuilder log;
  log.add("to be continued");
  log.setState(log.newestId(), 1);
  EXPECT_THAT(read(log).lines, ElementsAre("0 to be continued"));
}

/// data_alloc() failed: dmesg does not show such a record.
TEST(RingBufferTest, ARecordThatNeverHadRoom) {
  LogRingBuilder log;
  log.add("one");
  log.add("two");
  log.patchWord(log.desc(0) + 8, 1);
  log.patchWord(log.desc(0) + 16, 1);
  Contents contents = read(log);
  EXPECT_THAT(contents.lines, ElementsAre("1 two"));
  EXPECT_THAT(contents.problems, IsEmpty());
}

/// Three records, the middle one damaged: the others stay, it is named.
class DamagedRingTest : public ::testing::Test {
protected:
  DamagedRingTest() {
    for (const char *text : {"one", "two", "three"})
      log.add(text);
  }
  void expectLost(const std::string &why) {
    Contents contents = read(log);
    EXPECT_THAT(contents.lines, ElementsAre("0 one", "2 three"));
    EXPECT_THAT(contents.problems,
                ElementsAre(HasSubstr("record 1 of the log is lost: " + why)));
  }
  LogRingBuilder log;
};

TEST_F(DamagedRingTest, IdOfTheDescriptor) {
  log.setState(0x1234, 2); // index 4
  log.patchWord(log.desc(1), 0x1234);
  expectLost("its descriptor has the id 0x1234 instead of ");
}
TEST_F(DamagedRingTest, SequenceNumber) {
  log.patch(log.info(1), uint64_t(9));
  expectLost("it has the sequence number 9");
}
TEST_F(DamagedRingTest, TextLength) {
  log.patch(log.info(1) + 16, uint16_t(0xffff));
  expectLost(
      "it has 0xffff bytes of text by its own count, in a block of 0x10");
}
TEST_F(DamagedRingTest, BeginOfTheBlock) {
  log.patchWord(log.desc(1) + 8, log.word(log.desc(1) + 8) + 2);
  expectLost("its text cannot lie from ");
}
TEST_F(DamagedRingTest, EndOfTheBlock) {
  const uint64_t begin = log.word(log.desc(1) + 8);
  for (uint64_t next : {begin, begin + 12, begin + 0x1000, begin - 0x100}) {
    log.patchWord(log.desc(1) + 16, next);
    expectLost("its text cannot lie from ");
  }
}
TEST_F(DamagedRingTest, OwnerOfTheBlock) {
  log.patchWord(log.block(1), 5);
  expectLost("its text is overwritten: there is 0x5 instead of its id ");
}
TEST_F(DamagedRingTest, TheOldestRecordsNumberDoesNotDecide) {
  log.patch(log.info(0), uint64_t(8));
  Contents contents = read(log);
  EXPECT_THAT(contents.lines, ElementsAre("1 two", "2 three"));
  EXPECT_THAT(contents.problems,
              ElementsAre(HasSubstr("record 0 of the log is lost")));
}

TEST_F(DamagedRingTest, EndsThatAreNotInOneRing) {
  log.patchWord(log.tailId(), log.word(log.headId()) - 100);
  Contents contents = read(log);
  EXPECT_THAT(contents.lines, ElementsAre("0 one", "1 two", "2 three"));
  EXPECT_THAT(contents.problems.at(0), HasSubstr("are not in one ring"));
}

TEST_F(DamagedRingTest, ARingThatIsTooLargeIsNone) {
  log.patch(log.start, uint32_t(27));
  EXPECT_THAT(textOf(readRingBuffer(log.memory(), log.start, log.layout(),
                                    [](const LogRecord &) {})),
              HasSubstr("larger than any kernel's"));
}

TEST_F(DamagedRingTest, DescriptorsThatAreNotThere) {
  log.patchWord(log.start + 8, 0x1000 - 24 * 2); // the last six in one page
  Contents contents = read(log);
  EXPECT_THAT(contents.lines, IsEmpty());
  // The one at 0x1078 never held a record: the ring is new.
  EXPECT_THAT(
      contents.problems,
      ElementsAre(HasSubstr("records 0 to 1 of the log are lost: nothing"),
                  HasSubstr("records 2 to 2 of the log are lost: nothing")));
}

/// Each block claims to go on to the ring's end.
TEST(RingBufferTest, MoreTextThanFits) {
  LogRingBuilder log(8, ByteOrder::little, 3, 7);
  for (unsigned i = 0; i < 6; ++i)
    log.add("12345678");
  const uint64_t start = log.word(log.desc(0) + 8);
  for (unsigned i = 0; i < 6; ++i) {
    log.patchWord(log.desc(i) + 16, start + 128);
    log.patch(log.info(i) + 16, uint16_t(128 - 16 * i - 8));
  }
  Contents contents = read(log);
  EXPECT_EQ(contents.records.size(), 2u); // of 120 and 104 bytes
  EXPECT_THAT(contents.problems,
              ElementsAre("the log has more text than fits into its 0x80 "
                          "bytes; 4 records are not read"));
}

TEST(RingBufferTest, TheUsualLayoutIsBelievedWhereItFits) {
  for (unsigned wordBytes : {4u, 8u}) {
    LogRingBuilder log(wordBytes);
    for (int i = 0; i < 20; ++i)
      log.add("text");
    EXPECT_TRUE(isRingBuffer(log.memory(), log.start, log.layout()));
    EXPECT_FALSE(isRingBuffer(log.memory(), log.start,
                              RingLayout::makeUsual(wordBytes, false)));
    EXPECT_FALSE(isRingBuffer(log.memory(), log.start + 8, log.layout()));
  }
}

/// VMCOREINFO's OFFSET() and SIZE() keys, and no more.
class ListedPlaces final : public PlaceSource {
public:
  std::optional<uint64_t> findSizeBytes(llvm::StringRef name) const override {
    return name == "prb_desc"      ? std::optional<uint64_t>(24)
           : name == "printk_info" ? std::optional<uint64_t>(88)
                                   : std::nullopt;
  }
  std::optional<Member> findMember(llvm::StringRef name,
                                   llvm::StringRef path) const override {
    auto found = offsets.find((name + "." + path).str());
    if (found == offsets.end())
      return std::nullopt;
    Member member;
    member.bitOffset = 8 * found->second;
    return member;
  }
  std::string describe() const override { return "a test"; }

  std::map<std::string, uint64_t> offsets = {
      {"printk_ringbuffer.desc_ring", 0},
      {"printk_ringbuffer.text_data_ring", 48},
      {"prb_desc_ring.count_bits", 0},
      {"prb_desc_ring.descs", 8},
      {"prb_desc_ring.infos", 16},
      {"prb_desc_ring.head_id", 24},
      {"prb_desc_ring.tail_id", 32},
      {"prb_data_ring.size_bits", 0},
      {"prb_data_ring.data", 8},
      {"prb_desc.state_var", 0},
      {"prb_desc.text_blk_lpos", 8},
      {"prb_data_blk_lpos.begin", 0},
      {"prb_data_blk_lpos.next", 8},
      {"printk_info.seq", 0},
      {"printk_info.ts_nsec", 8},
      {"printk_info.text_len", 16},
      {"printk_info.caller_id", 20},
  };
};

TEST(RingLayoutTest, FromPlacesAlone) {
  ListedPlaces places;
  TypeSources types;
  types.add(places);
  LogRingBuilder log;
  log.add("hello", 7, 3, 2, 99, 4);
  Contents contents = read(log, valueOf(RingLayout::find(types, 8)));
  ASSERT_THAT(contents.lines, ElementsAre("0 hello"));
  EXPECT_EQ(contents.records[0].level, 3u);
  EXPECT_EQ(contents.records[0].facility, 4u);
  EXPECT_EQ(contents.records[0].caller, 99u);
}

TEST(RingLayoutTest, AMemberThatNobodyKnows) {
  ListedPlaces places;
  places.offsets.erase("prb_desc_ring.head_id");
  TypeSources types;
  types.add(places);
  EXPECT_THAT(textOf(RingLayout::find(types, 8)), HasSubstr("head_id"));
}

} // namespace
