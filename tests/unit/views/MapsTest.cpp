#include "views/Maps.h"

#include "paging/modes/X86_64.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

std::string lineOf(const MapsRow &row, unsigned wordBytes = 8) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printMapsRow(os, row, wordBytes);
  return os.str();
}

MapsRow fileRow() {
  MapsRow row;
  row.start = VirtAddr(0x400000);
  row.end = VirtAddr(0x401000);
  row.flags = VmRead | VmExec;
  row.offset = 0x1000;
  row.device = 8 << 20 | 17;
  row.inode = 4711;
  row.name = "/bin/x";
  return row;
}

// Lines of real kernels.
TEST(MapsRow, NamesStandInColumn73) {
  EXPECT_EQ(lineOf(fileRow()),
            "00400000-00401000 r-xp 00001000 08:11 4711                       "
            "        /bin/x\n");
}

TEST(MapsRow, NamesOf32BitKernelsStandInColumn49) {
  EXPECT_EQ(lineOf(fileRow(), 4),
            "00400000-00401000 r-xp 00001000 08:11 4711       /bin/x\n");
}

TEST(MapsRow, WithoutANameALineEndsBehindTheInode) {
  MapsRow row;
  row.start = VirtAddr(0x7f1b79cc4000);
  row.end = VirtAddr(0x7f1b7a138000);
  row.flags = VmRead | VmWrite;
  row.device = 0;
  row.inode = 0;
  EXPECT_EQ(lineOf(row), "7f1b79cc4000-7f1b7a138000 rw-p 00000000 00:00 0 \n");
}

/// seq_pad() writes its blank in any case.
TEST(MapsRow, ALongPrefixIsFollowedByTwoBlanks) {
  MapsRow row = fileRow();
  row.start = VirtAddr(0xffffffffff600000);
  row.end = VirtAddr(0xffffffffff601000);
  row.offset = 0x123456789abc0000;
  row.device = 0xfff << 20 | 0xfffff;
  row.inode = ~uint64_t(0);
  row.flags = VmMayShare;
  EXPECT_EQ(lineOf(row), "ffffffffff600000-ffffffffff601000 ---s "
                         "123456789abc0000 fff:fffff 18446744073709551615 "
                         " /bin/x\n");
}

TEST(MapsRow, WhatCouldNotBeReadIsNoZero) {
  MapsRow row = fileRow();
  row.device.reset();
  row.inode.reset();
  row.name = "(unreadable)";
  EXPECT_EQ(lineOf(row).substr(0, 42),
            "00400000-00401000 r-xp 00001000 ??:?? ?   ");
}

std::string pagesOf(const MapsRow &row) {
  std::string text;
  llvm::raw_string_ostream os(text);
  printPages(os, row, x86_64::fourLevel);
  return os.str();
}

PageCensus censusOf(uint64_t total) {
  PageCensus census;
  census.pageCount = total;
  return census;
}

TEST(MapsPages, OnlyWhatThereIsIsNamed) {
  MapsRow row = fileRow();
  EXPECT_EQ(pagesOf(row), "");
  row.pages = censusOf(1);
  row.pages->byKind[unsigned(EntryKind::Present)] = 1;
  row.pages->presentByLevel[3] = 1;
  EXPECT_EQ(pagesOf(row), "    1 page: 1 present\n");
}

TEST(MapsPages, HugePagesAreNamedBySize) {
  MapsRow row = fileRow();
  row.pages = censusOf(263168);
  row.pages->byKind[unsigned(EntryKind::Present)] = 262657;
  row.pages->presentByLevel = {0, 262144, 512, 1};
  row.pages->byKind[unsigned(EntryKind::Swapped)] = 11;
  row.pages->byKind[unsigned(EntryKind::GuardMarker)] = 4;
  row.pages->byKind[unsigned(EntryKind::Untouched)] = 496;
  EXPECT_EQ(pagesOf(row),
            "    263168 pages: 262657 present (262144 in 1G pages, 512 in 2M "
            "pages), 11 swapped, 4 guard, 496 untouched\n");
}

TEST(MapsPages, ProtNoneInAUsableAreaIsAHint) {
  MapsRow row = fileRow();
  row.pages = censusOf(2);
  row.pages->byKind[unsigned(EntryKind::ProtNone)] = 2;
  EXPECT_EQ(pagesOf(row), "    2 pages: 2 numa-hint\n");
  row.flags = 0;
  EXPECT_EQ(pagesOf(row), "    2 pages: 2 prot-none\n");
}

TEST(MapsJson, SaysWhatTheTextSays) {
  MapsListing listing;
  listing.rows.push_back(fileRow());
  listing.rows[0].pages = censusOf(3);
  listing.rows[0].pages->byKind[unsigned(EntryKind::Untouched)] = 3;
  listing.rows.push_back(fileRow());
  listing.rows[1].device.reset();
  listing.rows[1].inode.reset();
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(OutputFormat::JsonLines, "maps", os);
  writer->context("pid", 1u);
  writeMaps(*writer, listing, x86_64::fourLevel, 8);
  writer->finish({});
  EXPECT_EQ(os.str(),
            R"({"schema":1,"record":"area","pid":1,"start":"0x400000",)"
            R"("end":"0x401000","perms":"r-xp","flags":"0x5","offset":4096,)"
            R"("dev_major":8,"dev_minor":17,"inode":4711,"name":"/bin/x",)"
            R"("pages":{"total":3,"untouched":3}})"
            "\n"
            R"({"schema":1,"record":"area","pid":1,"start":"0x400000",)"
            R"("end":"0x401000","perms":"r-xp","flags":"0x5","offset":4096,)"
            R"("name":"/bin/x"})"
            "\n");
}

} // namespace
