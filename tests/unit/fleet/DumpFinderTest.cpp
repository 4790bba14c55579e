#include "fleet/DumpFinder.h"

#include "support/KernelFile.h"

#include "gmock/gmock.h"

#include <sys/stat.h>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

class DumpFinderTest : public ::testing::Test {
protected:
  FoundDumps find(std::vector<std::string> words) {
    return findDumps(
        words, [this](const std::string &path) { return path == output; });
  }
  void makeFolder(const std::string &name) {
    std::filesystem::create_directory(folder / name);
  }
  void link(const std::string &target, const std::string &name) {
    std::filesystem::create_symlink(target, folder / name);
  }

  TemporaryFolder folder;
  std::string output;
};

TEST_F(DumpFinderTest, AWordIsItselfWhateverItIs) {
  EXPECT_THAT(find({"missing", "-x", "missing"}).paths,
              ElementsAre("missing", "-x"));
}

TEST_F(DumpFinderTest, AFolderIsEveryFileBelowItByName) {
  makeFolder("b");
  makeFolder("b/deep");
  const std::string a = folder.write("a", ""), c = folder.write("c", ""),
                    d = folder.write("b/deep/d", ""),
                    e = folder.write("b/e", "");
  EXPECT_THAT(find({folder / ""}).paths, ElementsAre(a, c, e, d));
  EXPECT_THAT(find({c, folder / ""}).paths, ElementsAre(c, a, e, d));
}

TEST_F(DumpFinderTest, LinksOfFoldersMakeNoLoops) {
  makeFolder("sub");
  link("..", "sub/up");
  link("sub", "again");
  link("self", "self");
  link("nowhere", "dangling");
  const std::string a = folder.write("a", "");
  link(a, "sub/to-a");
  const FoundDumps found = find({folder / ""});
  // A link that leads nowhere is a file that cannot be opened.
  EXPECT_THAT(found.paths, ElementsAre(a, folder / "dangling", folder / "self",
                                       folder / "sub/to-a"));
  ASSERT_EQ(found.findings.size(), 1u);
  EXPECT_EQ(found.findings[0].kind, "links-not-followed");
  EXPECT_EQ(found.findings[0].severity, Severity::Warning);
  // One that is named is followed.
  EXPECT_THAT(find({folder / "again"}).paths,
              ElementsAre(folder / "again/to-a"));
}

TEST_F(DumpFinderTest, PipesAreNotWaitedFor) {
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  const FoundDumps found = find({folder / ""});
  EXPECT_THAT(found.paths, IsEmpty());
  ASSERT_EQ(found.findings.size(), 1u);
  EXPECT_EQ(found.findings[0].kind, "special-files");
}

TEST_F(DumpFinderTest, WhatTheSurveyWritesIsNoDump) {
  const std::string a = folder.write("a", "");
  output = folder.write("survey.jsonl", "");
  EXPECT_THAT(find({folder / ""}).paths, ElementsAre(a));
}

TEST_F(DumpFinderTest, AVmemIsPartOfItsState) {
  const std::string state = folder.write("a.vmss", "");
  folder.write("a.vmem", "");
  const std::string alone = folder.write("b.vmem", "");
  EXPECT_THAT(find({folder / ""}).paths, ElementsAre(state, alone));
}

TEST_F(DumpFinderTest, AFolderThatCannotBeReadIsAGap) {
  if (::geteuid() == 0)
    GTEST_SKIP() << "root may read every folder";
  makeFolder("secret");
  ::chmod((folder / "secret").c_str(), 0);
  const FoundDumps found = find({folder / ""});
  ASSERT_EQ(found.findings.size(), 1u);
  EXPECT_EQ(found.findings[0].kind, "folder-unreadable");
  EXPECT_EQ(found.findings[0].severity, Severity::Gap);
  ::chmod((folder / "secret").c_str(), 0700);
}

TEST(PathListTest, LinesOrNuls) {
  EXPECT_THAT(splitPathList(""), IsEmpty());
  EXPECT_THAT(splitPathList("\n\n"), IsEmpty());
  EXPECT_THAT(splitPathList("a\nb c\n\nd"), ElementsAre("a", "b c", "d"));
  EXPECT_THAT(splitPathList(llvm::StringRef("a\nb\0c\0", 6)),
              ElementsAre("a\nb", "c"));
  EXPECT_THAT(splitPathList(llvm::StringRef("a\0", 2)), ElementsAre("a"));
}

} // namespace
