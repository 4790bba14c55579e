#include "fleet/SurveyRecord.h"

#include "output/JsonReader.h"
#include "support/Expected.h"

#include "gtest/gtest.h"

#include <csignal>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

const SurveyedFile file = {"dumps/one", "s1-00", 4096};
constexpr llvm::StringLiteral whole =
    "{\"arch\":\"x86_64\",\"release\":\"6.1\"}\n"
    "{\"verdict\":\"panic\",\"group_key\":\"panic|x|-\"}\n"
    "{\"audit\":{\"severity\":\"high\"}}\n"
    "{\"error\":null,\"has_gap\":false,\"findings\":[],\"more_findings\":0,"
    "\"is_whole\":true}\n";

WorkResult resultOf(llvm::StringRef output,
                    WorkResult::End end = WorkResult::End::Done) {
  WorkResult result;
  result.output = output.str();
  result.end = end;
  result.wallMilliseconds = 12;
  return result;
}

Record recordOf(const WorkResult &result, WorkLimits limits = {}) {
  return makeSurveyRecord(file, result, limits);
}

SurveySummary summaryOf(const WorkResult &result, WorkLimits limits = {}) {
  const std::optional<SurveySummary> summary =
      summarizeRecord(recordOf(result, limits));
  EXPECT_TRUE(summary);
  return summary.value_or(SurveySummary());
}

TEST(SurveyRecordTest, HasAllKeysInTheirOrder) {
  EXPECT_EQ(
      toJsonLine(recordOf(resultOf(whole))),
      "{\"schema\":1,\"record\":\"dump\",\"path\":\"dumps/one\",\"content_id\":"
      "\"s1-00\",\"bytes\":4096,\"status\":\"complete\",\"error\":null,"
      "\"arch\":\"x86_64\",\"release\":\"6.1\",\"build_id\":null,"
      "\"paging_mode\":null,\"verdict\":\"panic\",\"group_key\":\"panic|x|-\","
      "\"site\":null,\"container\":null,\"memory\":null,\"explain\":null,"
      "\"audit\":{\"severity\":\"high\"},\"findings\":[],\"more_findings\":0,"
      "\"cost\":{\"wall_ms\":12,\"cpu_ms\":0,\"peak_bytes\":0}}\n");
}

TEST(SurveyRecordTest, AFileThatCannotBeReadHasTheSameKeys) {
  const Record whole_ = recordOf(resultOf(whole)),
               unreadable = makeUnreadableRecord("x", "no such file");
  ASSERT_EQ(whole_.keys().size(), unreadable.keys().size());
  for (size_t i = 0; i < whole_.keys().size(); ++i)
    EXPECT_EQ(whole_.keys()[i].name, unreadable.keys()[i].name);
  const auto summary = summarizeRecord(unreadable);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->status, SurveyStatus::Failed);
  EXPECT_EQ(summary->contentId, "");
  EXPECT_EQ(summary->error, "no such file");
}

TEST(SurveyRecordTest, StatusIsWhatHappened) {
  using End = WorkResult::End;
  EXPECT_EQ(summaryOf(resultOf(whole)).status, SurveyStatus::Complete);
  EXPECT_EQ(
      summaryOf(resultOf("{\"has_gap\":true,\"is_whole\":true}\n")).status,
      SurveyStatus::Gaps);
  const SurveySummary failed =
      summaryOf(resultOf("{\"error\":\"no kernel\",\"is_whole\":true}\n"));
  EXPECT_EQ(failed.status, SurveyStatus::Failed);
  EXPECT_EQ(failed.error, "no kernel");
  EXPECT_EQ(summaryOf(resultOf(whole, End::Memory)).status,
            SurveyStatus::OutOfMemory);
  EXPECT_EQ(summaryOf(resultOf(whole, End::Signal)).status,
            SurveyStatus::Crashed);
  EXPECT_EQ(summaryOf(resultOf(whole, End::Output)).status,
            SurveyStatus::Crashed);
  EXPECT_EQ(summaryOf(resultOf(whole, End::Status)).status,
            SurveyStatus::Crashed);
  EXPECT_EQ(summaryOf(resultOf("")).status, SurveyStatus::Crashed);
}

TEST(SurveyRecordTest, WhatWasSaidBeforeTheLimitStays) {
  WorkLimits limits;
  limits.time = std::chrono::milliseconds(1500);
  // Up to the middle of a line.
  const Record record = recordOf(
      resultOf(whole.take_front(whole.find("severity")), WorkResult::End::Time),
      limits);
  EXPECT_EQ(getText(record, "status"), "timeout");
  EXPECT_EQ(getText(record, "error"),
            "took longer than 1500ms; pass a larger --time-limit, with "
            "--retry");
  EXPECT_EQ(getText(record, "verdict"), "panic");
  EXPECT_TRUE(record.find("audit")->isNull());
}

// A dump that took over its process says what it likes.
TEST(SurveyRecordTest, NobodyElseSaysWhatWeKnow) {
  const Record record = recordOf(
      resultOf("{\"path\":\"/etc/shadow\",\"content_id\":\"x\",\"status\":"
               "\"gaps\",\"schema\":7,\"cost\":0,\"evil\":1}\n"
               "not json\n[1]\n{\"arch\":\"a\"}\n{\"arch\":\"b\"}\n"
               "{\"is_whole\":true}\n"));
  EXPECT_EQ(getText(record, "path"), "dumps/one");
  EXPECT_EQ(getText(record, "content_id"), "s1-00");
  EXPECT_EQ(getText(record, "status"), "complete");
  EXPECT_EQ(getText(record, "arch"), "a");
  EXPECT_EQ(record.find("evil"), nullptr);
  EXPECT_TRUE(findObject(record, "cost"));
  // One line, which can be read again.
  const std::string line = toJsonLine(record);
  EXPECT_EQ(llvm::StringRef(line).count('\n'), 1u);
  EXPECT_EQ(textOf(parseJsonObject(line)), "");
}

TEST(SurveyRecordTest, TheWorstFindingIsKnownAgain) {
  auto read = parseJsonObject(toJsonLine(recordOf(resultOf(whole))));
  ASSERT_TRUE(bool(read));
  const auto summary = summarizeRecord(*read);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->worst, AuditSeverity::High);
  EXPECT_EQ(summaryOf(resultOf("")).worst, std::nullopt);
}

TEST(SurveyRecordTest, OtherRecordsAreNone) {
  for (const char *text :
       {"{}", "{\"record\":\"dump\"}",
        "{\"record\":\"other\",\"path\":\"x\",\"status\":\"gaps\"}",
        "{\"record\":\"dump\",\"path\":\"x\",\"status\":\"new\"}"})
    EXPECT_FALSE(summarizeRecord(valueOf(parseJsonObject(text)))) << text;
}

} // namespace
