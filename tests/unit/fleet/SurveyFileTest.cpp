#include "fleet/SurveyFile.h"

#include "support/KernelFile.h"

#include "gmock/gmock.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

std::string lineOf(const char *path, const char *id, WorkResult::End end) {
  WorkResult result;
  result.end = end;
  result.output = "{\"is_whole\":true}\n";
  return toJsonLine(id[0] ? makeSurveyRecord({path, id, 1}, result, {})
                          : makeUnreadableRecord(path, "gone"));
}
std::string lineOf(const char *path, const char *id) {
  return lineOf(path, id, WorkResult::End::Done);
}

class SurveyFileTest : public ::testing::Test {
protected:
  llvm::Expected<std::unique_ptr<SurveyFile>>
  open(const SurveyFile::Filter &isStale = [](const SurveySummary &) {
    return false;
  }) {
    told.clear();
    return SurveyFile::open(path, 0640, isStale,
                            [this](const Record &record, llvm::StringRef line) {
                              told.push_back(getText(record, "path").str());
                              lines += line.str();
                            });
  }
  std::string content() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryFolder folder;
  std::string path = folder / "survey.jsonl", lines;
  std::vector<std::string> told;
  const std::string a = lineOf("a", "s1-a"), b = lineOf("b", "s1-b");
};

TEST_F(SurveyFileTest, GrowsByLinesAndIsReadAgain) {
  {
    auto file = valueOf(open());
    EXPECT_EQ(textOf(file->add(a)), "");
    EXPECT_EQ(content(), a);
    EXPECT_EQ(textOf(file->add(b)), "");
  }
  EXPECT_EQ(content(), a + b);
  valueOf(open());
  EXPECT_THAT(told, ElementsAre("a", "b"));
  EXPECT_EQ(lines, a + b);
  struct stat status;
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777 & ~0640, 0u);
}

TEST_F(SurveyFileTest, ALineThatWasCutOffIsTakenOff) {
  for (size_t size : {size_t(1), b.size() / 2, b.size() - 1}) {
    folder.write("survey.jsonl", a + b.substr(0, size));
    {
      auto file = valueOf(open());
      EXPECT_THAT(told, ElementsAre("a"));
      EXPECT_EQ(textOf(file->add(b)), "");
    }
    EXPECT_EQ(content(), a + b);
  }
}

TEST_F(SurveyFileTest, SoIsTheFirstAndWhatADiskLost) {
  for (const std::string &start :
       {std::string(), a.substr(0, 3), a.substr(0, a.size() - 1)}) {
    folder.write("survey.jsonl", start);
    auto file = valueOf(open());
    EXPECT_THAT(told, IsEmpty());
    EXPECT_EQ(textOf(file->add(b)), "");
    EXPECT_EQ(content(), b);
  }
  folder.write("survey.jsonl", a + std::string(4096, '\0'));
  valueOf(open());
  EXPECT_EQ(content(), a);
}

TEST_F(SurveyFileTest, AnotherFileStaysAsItIs) {
  for (const std::string &other :
       {std::string("hello\n"), std::string("{\"a\":1}\n"), std::string("\n"),
        std::string("\x7f") + "ELF", "x" + a, a + "hello\n" + b}) {
    folder.write("survey.jsonl", other);
    EXPECT_NE(textOf(open()), "") << other;
    EXPECT_EQ(content(), other);
  }
  path = folder / "";
  EXPECT_THAT(textOf(open()), HasSubstr("directory"));
  path = folder / "missing/survey.jsonl";
  EXPECT_THAT(textOf(open()), HasSubstr("No such file"));
}

TEST_F(SurveyFileTest, RecordsOfLaterVersionsStay) {
  const std::string later = "{\"schema\":1,\"record\":\"later\",\"x\":1}\n";
  folder.write("survey.jsonl", later + a);
  valueOf(open());
  EXPECT_THAT(told, ElementsAre("", "a"));
  EXPECT_EQ(content(), later + a);
}

TEST_F(SurveyFileTest, StaleRecordsAreDropped) {
  const std::string failed = lineOf("c", "s1-c", WorkResult::End::Time),
                    unread = lineOf("d", "");
  folder.write("survey.jsonl", failed + a + unread + b);
  auto file = valueOf(open([](const SurveySummary &summary) {
    return summary.contentId.empty() || summary.status > SurveyStatus::Gaps;
  }));
  EXPECT_THAT(told, ElementsAre("a", "b"));
  EXPECT_EQ(content(), a + b);
  EXPECT_EQ(textOf(file->add(failed)), "");
  EXPECT_EQ(content(), a + b + failed);
  EXPECT_THAT(textOf(open()), HasSubstr("another survey is writing"));
}

TEST_F(SurveyFileTest, OneSurveyAtATime) {
  auto file = valueOf(open());
  EXPECT_THAT(textOf(open()), HasSubstr("another survey is writing"));
  file.reset();
  EXPECT_EQ(textOf(open()), "");
}

TEST_F(SurveyFileTest, AFullDiskLeavesWholeLines) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {a.size() + 10, a.size() + 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto file = open();
    const bool isRight =
        file && !(*file)->add(a) &&
        llvm::StringRef(llvm::toString((*file)->add(b))).contains("large");
    ::_exit(isRight ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content(), a);
}

TEST_F(SurveyFileTest, ADeviceIsWrittenToAndHasNothing) {
  path = "/dev/null";
  EXPECT_EQ(textOf(valueOf(open())->add(a)), "");
  path = "/dev/full";
  EXPECT_THAT(textOf(valueOf(open())->add(a)), HasSubstr("No space"));
}

} // namespace
