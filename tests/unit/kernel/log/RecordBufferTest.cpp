#include "kernel/log/RecordBuffer.h"

#include "support/LogBuilder.h"

#include "gmock/gmock.h"

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

Contents read(const LogBufferBuilder &log) {
  Contents contents;
  contents.problems = readRecordBuffer(
      log.memory(), log.buffer, log.layout(), [&](const LogRecord &record) {
        contents.records.push_back(record);
        contents.lines.push_back(std::to_string(record.sequence) + " " +
                                 record.text);
      });
  return contents;
}

TEST(RecordBufferTest, AnEmptyOne) {
  LogBufferBuilder log;
  EXPECT_THAT(read(log).lines, IsEmpty());
  EXPECT_THAT(read(log).problems, IsEmpty());
}

TEST(RecordBufferTest, WhatARecordHas) {
  for (ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    LogBufferBuilder log(256, order);
    log.add("text", "SUBSYSTEM=pci", 1'000'000, 3, 2 | 4);
    log.add("more", "", 2, 5, 8);
    Contents contents = read(log);
    EXPECT_THAT(contents.problems, IsEmpty());
    EXPECT_THAT(contents.lines, ElementsAre("0 text", "1 more"));
    EXPECT_EQ(contents.records.at(0).timeNanoseconds, 1'000'000u);
    EXPECT_EQ(contents.records.at(0).level, 3u);
    EXPECT_TRUE(contents.records.at(0).endsLine);
    EXPECT_TRUE(contents.records.at(0).beginsLine);
    EXPECT_TRUE(contents.records.at(1).isContinuation);
    EXPECT_FALSE(contents.records.at(1).endsLine);
  }
}

TEST(RecordBufferTest, ItGoesRoundAndRound) {
  LogBufferBuilder log;
  for (unsigned i = 0; i < 100; ++i) {
    log.add("text " + std::string(i % 23, 'x') + std::to_string(i));
    Contents contents = read(log);
    ASSERT_THAT(contents.problems, IsEmpty()) << i;
    ASSERT_FALSE(contents.records.empty());
    EXPECT_EQ(contents.records.back().sequence, i);
    for (const LogRecord &record : contents.records)
      EXPECT_TRUE(record.text.ends_with(std::to_string(record.sequence)));
  }
}

class DamagedBufferTest : public ::testing::Test {
protected:
  DamagedBufferTest() {
    log.add("one");
    second = log.next();
    log.add("two");
    log.add("three");
  }
  void expectLost(const std::string &why) {
    Contents contents = read(log);
    EXPECT_THAT(contents.lines, ElementsAre("0 one"));
    EXPECT_THAT(contents.problems,
                ElementsAre(HasSubstr("record 1 of the log is lost: " + why)));
  }
  LogBufferBuilder log;
  VirtAddr second;
};

TEST_F(DamagedBufferTest, Length) {
  for (uint16_t length : {4, 15, 0xfffc}) {
    log.patch(second + 8, length);
    expectLost("it has " + hex(length) + " bytes at 0x14 of 0x100");
  }
}
TEST_F(DamagedBufferTest, TextLength) {
  log.patch(second + 10, uint16_t(6));
  expectLost("its text has 0x6 bytes and its dictionary 0x0");
}
TEST_F(DamagedBufferTest, DictionaryLength) {
  log.patch(second + 12, uint16_t(0xffff));
  expectLost("its text has 0x3 bytes and its dictionary 0xffff");
}
TEST_F(DamagedBufferTest, AnEndMarkBeforeTheEnd) {
  // Back to the start: read again, and never more than the buffer has.
  log.patch(second + 8, uint16_t(0));
  Contents contents = read(log);
  EXPECT_THAT(contents.problems, ElementsAre(HasSubstr("it has no length")));
}
TEST_F(DamagedBufferTest, NextIndexOutside) {
  log.buffer.next = 0x1000;
  Contents contents = read(log);
  EXPECT_EQ(contents.problems.size(), 1u);
  EXPECT_LE(contents.records.size(), 6u);
}
TEST_F(DamagedBufferTest, FirstIndexOutside) {
  log.buffer.first = ~uint64_t(0);
  EXPECT_THAT(read(log).problems,
              ElementsAre(HasSubstr("ends before log_next_idx")));
}
TEST_F(DamagedBufferTest, NoMemoryThere) {
  log.buffer.start = VirtAddr(0x1000);
  EXPECT_THAT(read(log).problems, ElementsAre(HasSubstr("nothing maps")));
}

} // namespace
