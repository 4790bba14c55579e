#include "support/Text.h"

#include "support/Utf8.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

TEST(Printable, AsciiAndOtherScriptsStay) {
  EXPECT_EQ(printable("kworker/0:1-ev"), "kworker/0:1-ev");
  EXPECT_EQ(printable("größe 日本 🦀"), "größe 日本 🦀");
  EXPECT_EQ(printable("e\xcc\x81"), "e\xcc\x81"); // a combining accent
  EXPECT_EQ(printable("C:\\x"), "C:\\x");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, ControlCharactersAreReplaced) {
  EXPECT_EQ(printable("a\n 666"), "a? 666");
  EXPECT_EQ(printable("a\tb\rc\x1b[2J\x7f"), "a?b?c?[2J?");
  EXPECT_EQ(printable(llvm::StringRef("a\0b", 3)), "a?b");
}

TEST(Printable, CharactersThatSteerAreOneMarkEach) {
  EXPECT_EQ(printable("a\xc2\x9b"
                      "2J"),
            "a?2J"); // U+009B, CSI
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a?b"); // U+202E, right to left
  EXPECT_EQ(printable("a\xe2\x81\xa9"
                      "b"),
            "a?b"); // U+2069
  EXPECT_EQ(printable("a\xe2\x80\x8b"
                      "b"),
            "a?b"); // U+200B, zero width
  EXPECT_EQ(printable("a\xe2\x80\xa8"
                      "b"),
            "a?b"); // U+2028, line separator
  EXPECT_EQ(printable("a\xef\xbb\xbf"
                      "b"),
            "a?b");                              // U+FEFF
  EXPECT_EQ(printable("\xf3\xa0\x81\x81"), "?"); // U+E0041, a tag
  EXPECT_EQ(printable("\xef\xbf\xbf"), "?");     // U+FFFF
}

TEST(Printable, WhatIsNoUtf8IsReplacedByteByByte) {
  EXPECT_EQ(printable("a\xff\xfe"
                      "b"),
            "a??b");
  EXPECT_EQ(printable("gr\xc3\xb6\xc3"), "gr\xc3\xb6?"); // cut
  EXPECT_EQ(printable("\xe6\x97"), "??");
  EXPECT_EQ(printable("\xc0\xaf"), "??");           // overlong '/'
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");      // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????"); // beyond U+10FFFF
}

TEST(EscapeName, AsInProcStatus) {
  EXPECT_EQ(escapeName("a\"a\n 666 1 1 R -"), "a\"a\\n 666 1 1 R -");
  EXPECT_EQ(escapeName("a\\n"), "a\\\\n");
  EXPECT_EQ(escapeName("t\t\x1b"), "t??");
  EXPECT_EQ(escapeName("日本"), "日本");
}

TEST(Utf8, FirstCharacterSaysWhatItIs) {
  const Utf8Character crab = firstCharacter("\xf0\x9f\xa6\x80x");
  EXPECT_EQ(crab.value, 0x1f980u);
  EXPECT_EQ(crab.bytes, 4u);
  EXPECT_TRUE(crab.isValid && crab.isSeen);
  const Utf8Character bad = firstCharacter("\xff");
  EXPECT_EQ(bad.bytes, 1u);
  EXPECT_FALSE(bad.isValid || bad.isSeen);
  const Utf8Character feed = firstCharacter("\n");
  EXPECT_TRUE(feed.isValid);
  EXPECT_FALSE(feed.isSeen);
}

} // namespace
