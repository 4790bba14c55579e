#include "fleet/SurveyDatabase.h"

#include "support/KernelFile.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

constexpr llvm::StringLiteral parts =
    "{\"arch\":\"x86_64\",\"explain\":{\"region\":\"null_page\",\"pid\":7}}\n"
    "{\"audit\":{\"severity\":\"high\",\"counts\":{\"kernel-wx\":2},\"audit\":"
    "[{\"rule\":\"kernel-wx\",\"severity\":\"high\"},{\"rule\":\"kernel-wx\","
    "\"severity\":\"high\",\"detail\":\"it's \\u0000 '; DROP TABLE dumps\"}],"
    "\"rules_not_judged\":[{\"rule\":\"pti-leak\"},7]}}\n"
    "{\"has_gap\":true,\"findings\":[{\"severity\":\"gap\"}],\"is_whole\":"
    "true}\n";

class SurveyDatabaseTest : public ::testing::Test {
protected:
  void SetUp() override {
    if (getDatabaseLibrary().empty())
      GTEST_SKIP() << "built without SQLite";
  }
  std::unique_ptr<SurveyDatabase> open() {
    return valueOf(SurveyDatabase::open(path, 0600));
  }
  static Record recordOf(const char *name, const char *id,
                         llvm::StringRef output = parts) {
    WorkResult result;
    result.output = output.str();
    return id[0] ? makeSurveyRecord({name, id, ~uint64_t(0)}, result, {})
                 : makeUnreadableRecord(name, "gone");
  }
  static void add(SurveyDatabase &database, const Record &record) {
    EXPECT_EQ(textOf(database.add(record, toJsonLine(record))), "");
  }
  std::vector<std::string> review(
      SurveyDatabase &database,
      const std::function<bool(const SurveySummary &)> &isStale =
          [](const SurveySummary &) { return false; }) {
    std::vector<std::string> kept;
    EXPECT_EQ(textOf(database.review(isStale,
                                     [&](const SurveySummary &summary) {
                                       kept.push_back(summary.path);
                                       last = summary;
                                     })),
              "");
    return kept;
  }

  TemporaryFolder folder;
  std::string path = folder / "survey.db";
  SurveySummary last;
};

TEST_F(SurveyDatabaseTest, KeepsOneDumpForEachContent) {
  {
    auto database = open();
    add(*database, recordOf("a", "s1-a"));
    add(*database, recordOf("b", "s1-b"));
    add(*database, recordOf("moved", "s1-a"));
    add(*database, recordOf("c", ""));
    add(*database, recordOf("c", ""));
  }
  auto database = open();
  EXPECT_TRUE(database->has("s1-a"));
  EXPECT_FALSE(database->has("s1-c"));
  EXPECT_FALSE(database->has(""));
  EXPECT_THAT(review(*database), ElementsAre("b", "moved", "c"));
  EXPECT_THAT(review(*database,
                     [](const SurveySummary &summary) {
                       return summary.contentId.empty();
                     }),
              ElementsAre("b", "moved"));
  EXPECT_EQ(last.status, SurveyStatus::Gaps);
  EXPECT_EQ(last.worst, AuditSeverity::High);
  EXPECT_EQ(last.contentId, "s1-a");
  EXPECT_THAT(review(*database), ElementsAre("b", "moved"));
}

TEST_F(SurveyDatabaseTest, MembersOfAnotherKindAreNull) {
  auto database = open();
  add(*database, recordOf("a", "s1-a",
                          "{\"arch\":{\"x\":1},\"audit\":[],\"explain\":7,"
                          "\"findings\":{},\"is_whole\":true}\n"));
  EXPECT_THAT(review(*database), ElementsAre("a"));
}

TEST_F(SurveyDatabaseTest, AnotherFileStaysAsItIs) {
  const std::string text = "this is no database, and of some length at least\n";
  folder.write("survey.db", text);
  EXPECT_THAT(textOf(SurveyDatabase::open(path, 0600)),
              HasSubstr("cannot be used"));
  std::ifstream file(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
  EXPECT_THAT(textOf(SurveyDatabase::open(folder / "", 0600)),
              HasSubstr("no regular file"));
  EXPECT_THAT(textOf(SurveyDatabase::open(folder / "missing/x", 0600)),
              HasSubstr("No such file"));
}

} // namespace
