#include "fleet/Survey.h"

#include "output/JsonReader.h"
#include "support/KernelFile.h"

#include "gmock/gmock.h"

#include <csignal>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

namespace {

class SurveyTest : public ::testing::Test {
protected:
  SurveyTest() {
    options.write = [this](const Record &record, llvm::StringRef) {
      written.push_back(getText(record, "path").str() + " " +
                        getText(record, "status").str());
      records.push_back(record);
      return llvm::Error::success();
    };
    writeKernelFile(makeRiscV64Kernel(), dump);
  }
  /// The kinds of what is found.
  std::vector<std::string> run(std::vector<std::string> paths,
                               std::vector<SurveySummary> done = {}) {
    written.clear();
    Diagnostics diagnostics;
    Survey survey(options, diagnostics);
    for (const SurveySummary &summary : done)
      survey.addDone(summary);
    EXPECT_EQ(textOf(survey.run(paths)), "");
    std::vector<std::string> kinds;
    for (const Finding &finding : diagnostics.findings())
      kinds.push_back(std::string(getSeverityWord(finding.severity)) + " " +
                      finding.kind);
    return kinds;
  }

  TemporaryFolder folder;
  std::string dump = folder / "dump";
  SurveyOptions options;
  std::vector<std::string> written;
  std::vector<Record> records;
};

TEST_F(SurveyTest, ABrokenDumpIsARecord) {
  options.jobs = 2;
  const std::string broken = folder.write("broken", std::string(8192, 'x')),
                    missing = folder / "missing";
  const auto kinds = run({broken, missing, dump});
  // The built kernel has no tasks to judge.
  EXPECT_THAT(written,
              UnorderedElementsAre(broken + " failed", missing + " failed",
                                   dump + " gaps"));
  EXPECT_THAT(kinds, UnorderedElementsAre("gap dump-failed", "gap dump-failed",
                                          "gap dumps-with-gaps"));
  for (const Record &record : records)
    if (getText(record, "path") == dump) {
      EXPECT_EQ(getText(record, "arch"), "riscv64");
      EXPECT_EQ(getText(record, "release"), "6.1.176");
      EXPECT_TRUE(findObject(record, "explain"));
      EXPECT_TRUE(findObject(record, "audit"));
      EXPECT_TRUE(findObject(record, "memory"));
    }
}

TEST_F(SurveyTest, WhatIsDoneIsNotDoneAgain) {
  run({dump});
  ASSERT_EQ(records.size(), 1u);
  const SurveySummary done = *summarizeRecord(records[0]);
  // The exit status is that of the first time.
  EXPECT_THAT(run({dump}, {done}), ElementsAre("gap dumps-with-gaps"));
  EXPECT_THAT(written, IsEmpty());
  // What was done of others says nothing of these.
  const std::string other = folder.write("other", "x");
  SurveySummary failed = done;
  failed.contentId = "s1-of another";
  failed.status = SurveyStatus::Timeout;
  EXPECT_THAT(run({dump}, {done, failed}), ElementsAre("gap dumps-with-gaps"));
}

TEST_F(SurveyTest, ACopyIsNoOtherDump) {
  const std::string copy = folder / "copy";
  std::filesystem::copy_file(dump, copy);
  EXPECT_THAT(run({dump, copy}),
              ElementsAre("warning copies", "gap dumps-with-gaps"));
  EXPECT_EQ(written.size(), 1u);
}

TEST_F(SurveyTest, ANameOfAnyBytesIsKnownAgain) {
  const std::string odd = folder / "odd \xff\n\x1b";
  std::filesystem::copy_file(dump, odd);
  run({odd});
  ASSERT_EQ(records.size(), 1u);
  const Record read = valueOf(parseJsonObject(toJsonLine(records[0])));
  EXPECT_EQ(getText(read, "path"), pathInRecord(odd));
  SurveySummary done = *summarizeRecord(records[0]);
  done.path = pathInRecord(odd);
  EXPECT_THAT(run({odd}, {done}), ElementsAre("gap dumps-with-gaps"));
}

TEST_F(SurveyTest, TimeIsLimited) {
  options.limits.time = std::chrono::milliseconds(1);
  options.dropRights = [](const std::string &) { ::usleep(200'000); };
  EXPECT_THAT(run({dump}), ElementsAre("gap dump-timeout"));
  EXPECT_THAT(written, ElementsAre(dump + " timeout"));
}

TEST_F(SurveyTest, AProcessThatDiesIsARecord) {
  options.dropRights = [](const std::string &) { ::raise(SIGKILL); };
  EXPECT_THAT(run({dump}), ElementsAre("gap dump-crashed"));
  EXPECT_EQ(getText(records[0], "error"),
            "its process was ended by signal 9 (Killed)");
}

TEST_F(SurveyTest, AnInterruptionLeavesTheRest) {
  std::vector<std::string> paths;
  for (int i = 0; i < 5; ++i)
    paths.push_back(
        folder.write("broken" + std::to_string(i), std::to_string(i)));
  const auto write = options.write;
  options.write = [&](const Record &record, llvm::StringRef line) {
    if (written.size() == 1)
      ::kill(::getpid(), SIGINT);
    return write(record, line);
  };
  const auto kinds = run(paths);
  EXPECT_EQ(written.size(), 2u);
  EXPECT_EQ(kinds.back(), "gap interrupted");
}

TEST_F(SurveyTest, AnOutputThatFailsEndsIt) {
  options.write = [](const Record &, llvm::StringRef) {
    return llvm::make_error<UsageError>("disk full");
  };
  Diagnostics diagnostics;
  Survey survey(options, diagnostics);
  EXPECT_EQ(textOf(survey.run({dump, folder / "missing"})), "disk full");
}

TEST_F(SurveyTest, FindingsMayBeToldByTheStatus) {
  run({dump});
  SurveySummary done = *summarizeRecord(records[0]);
  done.worst = AuditSeverity::Medium;
  options.failOn = AuditSeverity::High;
  EXPECT_THAT(run({dump}, {done}), ElementsAre("gap dumps-with-gaps"));
  options.failOn = AuditSeverity::Medium;
  EXPECT_THAT(run({dump}, {done}),
              ElementsAre("gap dumps-with-gaps", "alarm fail-on"));
}

} // namespace
