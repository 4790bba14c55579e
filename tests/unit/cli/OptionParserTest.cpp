#include "cli/OptionParser.h"

#include "support/Expected.h"
#include "support/Suggest.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

struct Targets {
  bool all = false;
  std::optional<uint64_t> root;
  std::optional<std::string> output;
  std::vector<std::string> parts, words;
  std::optional<std::pair<std::string, std::string>> range;
};

class OptionParserTest : public ::testing::Test {
protected:
  OptionParserTest() : parser("kernel", "Prints it.") {
    parser.addWords("DUMP", "the dump", targets.words);
    parser.addFlag("--all", "all of them", targets.all);
    parser.addNumber("--root", "PHYS", "the top table", targets.root);
    parser.addText("-o,--output", "OUT", "file to write", targets.output);
    parser.addTexts("--part", "FILE", "a further file", targets.parts);
    parser.addPair("--range", "ADDR LENGTH", "which bytes", targets.range);
  }
  std::string errorOf(std::vector<std::string> words) {
    return textOf(parser.parse(words));
  }

  Targets targets;
  OptionParser parser;
};

TEST_F(OptionParserTest, EveryKind) {
  EXPECT_TRUE(
      valueOf(parser.parse({"a", "--all", "--root=0x1K", "-o", "out", "--part",
                            "x", "b", "--part", "y", "--range", "1", "2"})));
  EXPECT_THAT(targets.words, ElementsAre("a", "b"));
  EXPECT_TRUE(targets.all);
  EXPECT_EQ(targets.root, 1024u);
  EXPECT_EQ(targets.output, "out");
  EXPECT_THAT(targets.parts, ElementsAre("x", "y"));
  ASSERT_TRUE(targets.range);
  EXPECT_EQ(*targets.range, std::pair(std::string("1"), std::string("2")));
}

TEST_F(OptionParserTest, NothingGivenStaysAsItWas) {
  EXPECT_TRUE(valueOf(parser.parse({})));
  EXPECT_THAT(targets.words, IsEmpty());
  EXPECT_FALSE(targets.all || targets.root || targets.output || targets.range);
}

// CLI11 has a meaning of its own for some of these.
TEST_F(OptionParserTest, ValuesAreTakenAsTheyAre) {
  EXPECT_TRUE(valueOf(parser.parse({"[a,b]", "{}", "--part", "{}", "--part",
                                    "[x,y]", "-o", "a=b", "%%", "++"})));
  EXPECT_THAT(targets.words, ElementsAre("[a,b]", "{}", "%%", "++"));
  EXPECT_THAT(targets.parts, ElementsAre("{}", "[x,y]"));
  EXPECT_EQ(targets.output, "a=b");
}

TEST_F(OptionParserTest, BehindTwoHyphensAllAreWords) {
  EXPECT_TRUE(valueOf(parser.parse({"a", "--", "-b", "--all"})));
  EXPECT_THAT(targets.words, ElementsAre("a", "-b", "--all"));
  EXPECT_FALSE(targets.all);
}

TEST_F(OptionParserTest, HelpIsAskedFor) {
  EXPECT_FALSE(valueOf(parser.parse({"a", "--help"})));
  EXPECT_FALSE(valueOf(parser.parse({"-h"})));
  EXPECT_THAT(parser.getHelp(),
              AllOf(HasSubstr("Usage: vmpt kernel"),
                    HasSubstr("\n  --root PHYS "), HasSubstr("the top table"),
                    HasSubstr("\n  -o,--output OUT "), HasSubstr("  DUMP")));
}

TEST_F(OptionParserTest, WhatIsWrongIsSaidInOurWords) {
  EXPECT_EQ(errorOf({"--root"}), "--root needs a value: PHYS");
  EXPECT_EQ(errorOf({"-o"}), "--output needs a value: OUT");
  EXPECT_EQ(errorOf({"--range", "1"}), "--range needs a value: ADDR LENGTH");
  EXPECT_EQ(errorOf({"--all=yes"}), "--all takes no value");
  EXPECT_EQ(errorOf({"--all=false"}), "--all takes no value");
  EXPECT_EQ(errorOf({"--root", "1", "--root", "2"}),
            "--root is given more than once");
  EXPECT_THAT(errorOf({"--root", "many"}),
              HasSubstr("--root 'many' is not a number"));
  EXPECT_EQ(errorOf({"--part=", "a"}), "--part needs a value: FILE");
}

TEST_F(OptionParserTest, UnknownOptions) {
  EXPECT_EQ(errorOf({"--rot", "1"}),
            "kernel has no option '--rot'; did you mean '--root'?");
  EXPECT_EQ(errorOf({"--outptu=x"}),
            "kernel has no option '--outptu'; did you mean '--output'?");
  EXPECT_EQ(
      errorOf({"--format", "json"}),
      "kernel has no option '--format'; vmpt kernel --help lists the options");
  EXPECT_THAT(errorOf({"-x"}), HasSubstr("no option '-x'; vmpt kernel --help"));
}

TEST(Suggest, OnlyWhatIsNear) {
  const std::vector<std::string> options = {"--part", "--max-lines", "--pid",
                                            "--va-bits"};
  EXPECT_EQ(suggest("--format", options), "");
  EXPECT_EQ(suggest("--maxlines", options), "; did you mean '--max-lines'?");
  EXPECT_EQ(suggest("--va-bist", options), "; did you mean '--va-bits'?");
  EXPECT_EQ(suggest("--mm", options), "");
  EXPECT_EQ(suggest("--xyz", options), "");
  EXPECT_EQ(suggest("--pod", options), "; did you mean '--pid'?");
  EXPECT_EQ(suggest("-o", options), "");
  EXPECT_EQ(suggest("", options), "");
}

TEST(Suggest, NeighboursTheWrongWayRoundAreOneMistake) {
  EXPECT_EQ(suggest("taks", {"task", "tasks"}), "; did you mean 'task'?");
  EXPECT_EQ(suggest("kernle", {"kernel"}), "; did you mean 'kernel'?");
  EXPECT_EQ(suggest("mpas", {"maps"}), "; did you mean 'maps'?");
}

} // namespace
