//===- S390xTest.cpp - what s390x kernels print ---------------------------===//
//
// The expected text is written from linux arch/s390/mm/dump_pagetables.c of
// v6.1 and v6.12.
//
#include "paging/modes/S390x.h"

#include "support/BuiltListing.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t protect = 0x200, noExecute = 0x100, largePage = 0x400;

BuiltListing build(const PagingMode &mode, bool isNew = true) {
  BuiltListing built(mode, isNew ? "6.12.0" : "6.1.0");
  built.image.markers = {
      {0, isNew ? "Kernel Virtual Address Space" : "Identity Mapping Start"}};
  return built;
}

TEST(S390xListing, EachRightHasItsWord) {
  BuiltListing built = build(s390x::regionThird);
  const uint64_t flags[] = {0, noExecute, protect, protect | noExecute};
  for (unsigned i = 0; i < 4; ++i)
    built.tables.map(VirtAddr(i * 0x1000), PhysAddr(0x77000), flags[i], 2);
  EXPECT_EQ(built.lines(0, 0x4000),
            "0x0000000000000000-0x0000000000001000         4K PTE RW X\n"
            "0x0000000000001000-0x0000000000002000         4K PTE RW NX\n"
            "0x0000000000002000-0x0000000000003000         4K PTE RO X\n"
            "0x0000000000003000-0x0000000000004000         4K PTE RO NX\n"
            "0x0000000000004000-0x0000000000100000      1008K PTE I\n");
}

/// What an invalid entry says besides ends no line; swapped pages do.
TEST(S390xListing, InvalidEntriesAreAlike) {
  BuiltListing built = build(s390x::regionThird);
  built.tables.setEntry(VirtAddr(0), 2, 0x77611);
  EXPECT_EQ(built.lines(0, 0xfffff),
            "0x0000000000000000-0x0000000000100000         1M PTE I\n");
}

TEST(S390xListing, HolesHaveTheirLevelAndTheLastLineEndsWithTheTables) {
  BuiltListing built = build(s390x::regionThird);
  built.tables.map(VirtAddr(0), PhysAddr(0x77000), 0, 2);
  EXPECT_EQ(built.text(),
            "---[ Kernel Virtual Address Space ]---\n"
            "0x0000000000000000-0x0000000000001000         4K PTE RW X\n"
            "0x0000000000001000-0x0000000000100000      1020K PTE I\n"
            "0x0000000000100000-0x0000000080000000      2047M PMD I\n"
            "0x0000000080000000-0x0000040000000000      4094G PUD I\n");
  BuiltListing four = build(s390x::regionSecond);
  four.tables.map(VirtAddr(0), PhysAddr(0x77000), 0, 3);
  EXPECT_EQ(four.lines(0x80000000, ~uint64_t(0)),
            "0x0000000080000000-0x0000040000000000      4094G PUD I\n"
            "0x0000040000000000-0x0020000000000000      8188T PGD I\n");
  BuiltListing five = build(s390x::regionFirst);
  five.tables.map(VirtAddr(0), PhysAddr(0x77000), 0, 4);
  EXPECT_EQ(five.lines(bit(53), ~uint64_t(0)),
            "0x0020000000000000-0x0000000000000000     16376P ASCE I\n");
}

TEST(S390xListing, LargePagesAtTwoLevels) {
  BuiltListing built = build(s390x::regionThird);
  built.tables.setEntry(VirtAddr(0), 0,
                        0x80000000 | largePage | noExecute | 4 | 3);
  built.tables.setEntry(VirtAddr(0x80000000), 1,
                        0x100000 | largePage | protect | 3);
  built.tables.setEntry(VirtAddr(0x80100000), 1, 0x200000 | largePage | 3);
  EXPECT_EQ(built.lines(0, 0x80200000),
            "0x0000000000000000-0x0000000080000000         2G PUD RW NX\n"
            "0x0000000080000000-0x0000000080100000         1M PMD RO X\n"
            "0x0000000080100000-0x0000000080200000         1M PMD RW X\n"
            "0x0000000080200000-0x0000000100000000      2046M PMD I\n");
}

std::vector<AddressMarker> sectionsAtZero(llvm::StringRef first) {
  return {{0, first.str()},
          {0, "Lowcore Start"},
          {0x2000, "Lowcore End"},
          {0x2000, "Amode31 Area Start"}};
}

/// Since 6.9 the first note prints the headers of what starts at 0.
TEST(S390xListing, HeadersAtZeroComeAtOnceOrWithTheNextLine) {
  for (bool isNew : {true, false}) {
    BuiltListing built = build(s390x::regionThird, isNew);
    built.image.markers = sectionsAtZero(isNew ? "Kernel Virtual Address Space"
                                               : "Identity Mapping Start");
    for (uint64_t at : {0x0u, 0x1000u, 0x2000u})
      built.tables.map(VirtAddr(at), PhysAddr(0x77000), at == 0 ? 0 : noExecute,
                       2);
    const std::string text = built.text();
    const std::string
        first = "0x0000000000000000-0x0000000000001000         4K PTE RW X\n",
        lowcore = "---[ Lowcore Start ]---\n";
    EXPECT_EQ(text.find(first) > text.find(lowcore), isNew) << text;
    EXPECT_NE(text.find("---[ Lowcore End ]---\n---[ Amode31 Area Start ]---\n"
                        "0x0000000000002000-0x0000000000003000"),
              std::string::npos)
        << text;
  }
}

/// An area may end where the tables do: its header is the last line.
TEST(S390xListing, AHeaderAtTheEndOfTheTables) {
  BuiltListing built = build(s390x::regionThird, false);
  built.image.markers.push_back({bit(42), "Real Memory Copy Area End"});
  built.tables.map(VirtAddr(0), PhysAddr(0x77000), 0, 2);
  const std::string text = built.text(),
                    last = "---[ Real Memory Copy Area End ]---\n";
  EXPECT_EQ(text.substr(text.size() - last.size()), last);
}

/// A process has a depth of its own, which its top table says.
TEST(S390xListing, ATaskIsListedInItsOwnDepth) {
  BuiltListing built = build(s390x::regionThird);
  for (const PagingMode *mode : s390x::modes) {
    PageTableBuilder task(built.memory, *mode, PhysAddr(0x8000000));
    task.map(VirtAddr(0x1000), PhysAddr(0x77000), 0x35, mode->lastLevel());
    const std::string text = built.text(planTaskListing(
        built.image, built.memory, task.root(), /*userOnly=*/false));
    EXPECT_NE(text.find("---[ User Space ]---\n"), std::string::npos) << text;
    EXPECT_NE(text.find("0x0000000000001000-0x0000000000002000         4K PTE "
                        "RW X\n"),
              std::string::npos)
        << text;
  }
}

} // namespace
