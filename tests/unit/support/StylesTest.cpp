#include "support/Styles.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

TEST(StylesTest, OnlyWhereTheStreamShowsColours) {
  std::string text;
  llvm::raw_string_ostream os(text);
  EXPECT_EQ(styled(os, Style::Danger, "x\n"), "x\n");
  os.enable_colors(true);
  EXPECT_EQ(styled(os, Style::Danger, "x"), "\x1b[1;31mx\x1b[0m");
  EXPECT_EQ(styled(os, Style::Heading, "x\n"), "\x1b[1mx\x1b[0m\n")
      << "the line's end is not coloured";
  EXPECT_EQ(styled(os, Style::Plain, "x\n"), "x\n");
}

} // namespace
