#include "cli/AddressWords.h"

#include "support/Expected.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

std::string parse(llvm::StringRef word) {
  llvm::Expected<AddressRange> range = parseRange(word, "--range");
  if (!range)
    return textOf(range.takeError());
  return hex(range->first) + " " + hex(range->last);
}

TEST(ParseRange, TheEndIsTheFirstAddressBehind) {
  EXPECT_EQ(parse("0x1000-0x3000"), "0x1000 0x2fff");
  EXPECT_EQ(parse("4K-1M"), "0x1000 0xfffff");
  EXPECT_EQ(parse("0-1"), "0x0 0x0");
}

/// As the last line of a listing has it.
TEST(ParseRange, AnEndOfZeroIsTheEndOfAllAddresses) {
  EXPECT_EQ(parse("0xffffffffffe00000-0x0000000000000000"),
            "0xffffffffffe00000 0xffffffffffffffff");
}

TEST(ParseRange, WhatIsNoRangeIsNamed) {
  for (const char *whole : {"0x1000", "", "-0x1000", "0x1000-", "0x1000--5"})
    EXPECT_EQ(parse(whole), "--range '" + std::string(whole) + "' is not A-B");
  for (const char *empty : {"0x2000-0x1000", "0x1000-0x1000", "0-0"})
    EXPECT_EQ(parse(empty),
              "--range '" + std::string(empty) +
                  "' is empty; B in A-B is the first address behind");
  for (const char *wrong : {"a-b", "0x1-0x2-0x3"})
    EXPECT_NE(parse(wrong).find("is not a number"), std::string::npos) << wrong;
}

} // namespace
