#include "cli/CommandLine.h"

#include "cli/Commands.h"
#include "support/Expected.h"

#include "gmock/gmock.h"

#include <set>

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace {

class CommandLineTest : public ::testing::Test {
protected:
  std::string errorOf(std::vector<std::string> words) {
    return textOf(runCommandLine(words, CommandContext(os, messages)));
  }
  /// What it prints.
  std::string run(std::vector<std::string> words) {
    printed.clear();
    EXPECT_EQ(errorOf(std::move(words)), "");
    return os.str();
  }

  std::string printed;
  llvm::raw_string_ostream os{printed};
  Messages messages{os};
};

TEST_F(CommandLineTest, EveryWayToAskForHelp) {
  const std::string list = run({"--help"});
  EXPECT_THAT(list, StartsWith("vmpt - "));
  EXPECT_EQ(run({"-h"}), list);
  EXPECT_EQ(run({"help"}), list);
  const std::string help = run({"kernel", "--help"});
  EXPECT_THAT(help, HasSubstr("Usage: vmpt kernel"));
  EXPECT_EQ(run({"help", "kernel"}), help);
  EXPECT_EQ(run({"--", "kernel", "-h"}), help);
  EXPECT_THAT(run({"-V"}), StartsWith("vmpt "));
  EXPECT_EQ(run({"-V"}), run({"--version"}));
}

TEST_F(CommandLineTest, WhatIsNoCommandIsSaid) {
  EXPECT_THAT(errorOf({}), HasSubstr("no command is named"));
  EXPECT_THAT(errorOf({"--"}), HasSubstr("no command is named"));
  EXPECT_EQ(errorOf({"kernle"}), "no command 'kernle'; did you mean 'kernel'?");
  EXPECT_EQ(errorOf({"help", "infos"}),
            "no command 'infos'; did you mean 'info'?");
  EXPECT_THAT(errorOf({"help", "kernel", "info"}), HasSubstr("one command"));
  EXPECT_THAT(errorOf({"--pid", "1"}), HasSubstr("no option '--pid'"));
}

TEST_F(CommandLineTest, ChoicesOfATaskExcludeEachOther) {
  EXPECT_EQ(errorOf({"task", "dump", "--pid", "1", "--comm", "init"}),
            "task needs one of --pid, --comm, --mm, --root and --all, not "
            "--pid and --comm together");
  EXPECT_EQ(errorOf({"maps", "dump"}),
            "maps needs one of --pid, --comm, --mm and --all");
}

TEST_F(CommandLineTest, NamesAreDistinctAndEachHasHelp) {
  std::set<std::string> names;
  for (const CommandInfo *command : getCommands()) {
    EXPECT_TRUE(names.insert(command->name).second) << command->name;
    EXPECT_THAT(run({"help", command->name}),
                AllOf(HasSubstr(std::string("Usage: vmpt ") + command->name),
                      HasSubstr("-h,--help")));
    EXPECT_THAT(run({"help"}), HasSubstr(command->summary));
  }
}

} // namespace
