#include "analysis/RangeNamer.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

RangeName name(const std::string &text, uint64_t first, uint64_t last) {
  return {"vmalloc", text, VirtAddr(first), VirtAddr(last)};
}

std::string found(const NameIndex &index, uint64_t first, uint64_t last) {
  RangeNames names;
  index.addFrom(VirtAddr(first), VirtAddr(last), names);
  std::string text;
  for (const RangeName &one : names.names)
    text += one.name + " ";
  if (names.moreCount)
    text += "+" + std::to_string(names.moreCount);
  return text;
}

TEST(NameIndex, WhatHasAByteInTheRangeIsFound) {
  NameIndex index;
  index.set({name("b", 0x3000, 0x3fff), name("a", 0x1000, 0x1fff)});
  EXPECT_EQ(found(index, 0x1fff, 0x3000), "a b ");
  EXPECT_EQ(found(index, 0x2000, 0x2fff), "");
  EXPECT_EQ(found(index, 0x1800, 0x1800), "a ");
  EXPECT_EQ(found(index, 0, ~uint64_t(0)), "a b ");
  EXPECT_EQ(found(index, 0, 0xfff), "");
}

TEST(NameIndex, AnAddressIsInOneOrNone) {
  NameIndex index;
  index.set(
      {name("a", 0x1000, 0x1fff), name("end", ~uint64_t(0xfff), ~uint64_t(0))});
  EXPECT_EQ(index.at(VirtAddr(0xfff)), nullptr);
  EXPECT_EQ(index.at(VirtAddr(0x2000)), nullptr);
  ASSERT_NE(index.at(VirtAddr(0x1fff)), nullptr);
  EXPECT_EQ(index.at(VirtAddr(~uint64_t(0)))->name, "end");
  index.clear();
  EXPECT_EQ(index.at(VirtAddr(0x1fff)), nullptr);
}

/// A damaged list: whatever it holds, few names are given, and the rest is
/// counted.
TEST(NameIndex, NamesAreFewAndTheRestIsCounted) {
  NameIndex index;
  std::vector<RangeName> names;
  for (int i = 0; i < 1000; ++i)
    names.push_back(name("x", 0x1000, 0x1fff));
  index.set(names);
  EXPECT_EQ(found(index, 0x1000, 0x1000), "x x x x x x x x +992");
}

} // namespace
