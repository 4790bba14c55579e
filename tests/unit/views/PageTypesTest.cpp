#include "views/PageTypes.h"

#include "support/Bits.h"

#include "gmock/gmock.h"

using namespace vmpt;
using ::testing::EndsWith;
using ::testing::HasSubstr;

namespace {

constexpr KernelVersion linux61{6, 1, 0}, linux612{6, 12, 0};

std::string print(const PageTypesOptions &options,
                  const std::vector<PageTypesRow> &rows,
                  KernelVersion version = linux61,
                  OutputFormat format = OutputFormat::Text) {
  std::string text;
  llvm::raw_string_ostream os(text);
  {
    auto writer = RecordWriter::create(format, "pages", os);
    PageTypesView view(*writer, version, 12, options);
    view.begin();
    for (const PageTypesRow &row : rows)
      view.add(row);
    view.end();
    writer->finish({});
  }
  return os.str();
}

TEST(PageTypesTest, LettersByVersion) {
  const uint64_t all = ~uint64_t(0);
  // linux tools/vm/page-types.c, each version's page_flag_names[].
  EXPECT_EQ(PageFlagNames({4, 9}).letters(all),
            "LERUDlASWIBMasbHTGuXnxtozirmdPpOhcfIPAEFw1");
  EXPECT_EQ(PageFlagNames({5, 4}).letters(all),
            "LERUDlASWIBMasbHTGuXnxtozigrmdPpOhcfIPAEFw1");
  EXPECT_EQ(PageFlagNames({5, 10}).letters(all),
            "LERUDlASWIBMasbHTGuXnxtozigrmdPpOhcfHIPAEFw1");
  EXPECT_EQ(PageFlagNames({6, 1}).letters(all),
            "LERUDlASWIBMasbHTGuXnxtozigrmdPpOhcfHdIPAEFw1");
  EXPECT_EQ(PageFlagNames({6, 6}).letters(all),
            "LERUDlASWIBMasbHTGuXnxtozigrmdPpOhcfHdIAEFw1");
  EXPECT_EQ(PageFlagNames({6, 12}).letters(all),
            "LERUDlASWIBMasbHTGuXnxtozigrmdPpOhfHdIAEFw1");
}

TEST(PageTypesTest, NamesByVersion) {
  EXPECT_EQ(PageFlagNames({4, 19}).words(bit(23)), "balloon");
  EXPECT_EQ(PageFlagNames({5, 10}).words(bit(23) | bit(34)),
            "offline,mappedtodisk");
  EXPECT_EQ(PageFlagNames({6, 12}).words(bit(34)), "owner_2");
  EXPECT_EQ(PageFlagNames({6, 12}).unnamed(bit(42) | bit(1)), bit(42));
}

TEST(PageTypesTest, RangesOfAProcess) {
  PageTypesOptions options;
  options.list = PageTypesOptions::List::Ranges;
  options.isOfProcess = true;
  options.hasSummary = false;
  EXPECT_EQ(print(options, {{0x400, 0xa980, 0x487c},
                            {0x401, 0xa981, 0x487c},
                            {0x402, 0xa983, 0x487c},
                            {0x403, 0xa984, 0x4878}}),
            "voffset\toffset\tlen\tflags\n"
            "400\ta980\t2\t__RUDlA____M__b______________________________\n"
            "402\ta983\t1\t__RUDlA____M__b______________________________\n"
            "403\ta984\t1\t___UDlA____M__b______________________________\n");
}

TEST(PageTypesTest, EachPageWithItsCount) {
  PageTypesOptions options;
  options.list = PageTypesOptions::List::Each;
  options.hasSummary = false;
  options.hasCounts = true;
  EXPECT_EQ(print(options, {{0, 0x10, 0x800, 3}}, linux612),
            "map-cnt\toffset\tflags\n"
            "3\t10\t___________M_______________________________\n");
}

TEST(PageTypesTest, WhatIsHidden) {
  EXPECT_EQ(hidePageFlags(bit(15) | bit(17) | bit(32)), bit(15) | bit(17));
  EXPECT_EQ(hidePageFlags(bit(15) | bit(2) | bit(47)), bit(2));
}

TEST(PageTypesTest, WhatIsExpanded) {
  EXPECT_EQ(expandPageFlags(bit(12) | bit(34), 0, linux61), bit(12) | bit(47));
  EXPECT_EQ(expandPageFlags(bit(7) | bit(35), 0, linux61), bit(7) | bit(49));
  EXPECT_EQ(expandPageFlags(bit(7) | bit(35), 0, linux612), bit(7) | bit(35));
  EXPECT_EQ(expandPageFlags(bit(9), 0, linux61), bit(48));
  EXPECT_EQ(expandPageFlags(bit(9) | bit(8), 0, linux61), bit(9) | bit(8));
  EXPECT_EQ(expandPageFlags(0, bit(55) | bit(56) | bit(61) | bit(62), linux61),
            bit(40) | bit(61) | bit(62) | bit(63));
}

TEST(PageTypesTest, TheSummaryStandsInTheOrderOfTheHashTable) {
  // Both have slot 4 of 8192; the second goes to the next free one, and 5
  // itself to the one after.
  std::string text = print(
      {}, {{0, 1, 4}, {0, 2, 4 | bit(13)}, {0, 3, 5}, {0, 4, 0}, {0, 5, 4}});
  EXPECT_EQ(
      text,
      "             flags\tpage-count       MB  symbolic-flags\t\t\t"
      "long-symbolic-flags\n"
      "0x0000000000000000\t         1        0  "
      "_____________________________________________\t\n"
      "0x0000000000000004\t         2        0  "
      "__R__________________________________________\treferenced\n"
      "0x0000000000002004\t         1        0  "
      "__R__________s_______________________________\treferenced,swapcache\n"
      "0x0000000000000005\t         1        0  "
      "L_R__________________________________________\tlocked,referenced\n"
      "             total\t         5        0\n");
}

TEST(PageTypesTest, ASlotThatWrapsAround) {
  std::string text = print({}, {{0, 1, 0x1fff}, {0, 2, 0x3fff}});
  EXPECT_LT(text.find("0x0000000000003fff"), text.find("0x0000000000001fff"));
}

TEST(PageTypesTest, MegabytesOfManyPages) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(OutputFormat::Text, "pages", os);
  PageTypesView view(*writer, linux61, 16, {});
  view.add({0, 0, 0}, 48);
  view.end();
  EXPECT_THAT(os.str(), EndsWith("total\t        48        3\n"));
}

TEST(PageTypesTest, ABitWithoutANameIsTold) {
  std::string text;
  llvm::raw_string_ostream os(text);
  PageTypesOptions options;
  options.isRaw = true;
  auto writer = RecordWriter::create(OutputFormat::Text, "pages", os);
  PageTypesView view(*writer, linux612, 12, options);
  view.add({0, 1, bit(42)});
  EXPECT_EQ(view.unnamed(), bit(42));
}

TEST(PageTypesTest, RangesAsRecords) {
  PageTypesOptions options;
  options.list = PageTypesOptions::List::Ranges;
  options.isOfProcess = true;
  PageTypesRow swapped{0x402, 7, 0};
  swapped.isSwap = true;
  std::string text =
      print(options, {{0x400, 0x10, 4}, {0x401, 0x11, 4}, swapped}, linux61,
            OutputFormat::JsonLines);
  EXPECT_THAT(text, HasSubstr("\"virtual\":\"0x400000\",\"physical\":"
                              "\"0x10000\",\"page_count\":2}"));
  EXPECT_THAT(text, HasSubstr("\"swap_offset\":7,"));
  EXPECT_THAT(text, HasSubstr("\"record\":\"total\""));
}

} // namespace
