//===- LoongArch64Test.cpp - the listing in words of our own --------------===//
#include "paging/modes/LoongArch64.h"

#include "support/BuiltListing.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t at = 0xffff800082008000;

std::string columnsOf(uint64_t entry, unsigned level = 2) {
  BuiltListing listing(loongarch64::page16K3, "6.12.0");
  listing.image.markers = {{0xffff800000000000, "PCI I/O"}};
  listing.tables.setEntry(VirtAddr(at), level, entry);
  const std::string all = listing.text();
  const size_t line = all.find("0x");
  return line == std::string::npos
             ? ""
             : all.substr(line + 51, all.find('\n', line) - line - 51);
}

TEST(LoongArch64Listing, EachColumn) {
  EXPECT_EQ(columnsOf(0x123441d3), "PTE     RW x     CC  D V P");
  EXPECT_EQ(columnsOf(0x12344000 | bit(62) | 0xdd),
            "PTE USR ro NX    CC  . V P");
  EXPECT_EQ(columnsOf(0x12344000 | bit(61) | 0x81),
            "PTE     ro x  NR SUC . V P");
  EXPECT_EQ(columnsOf(0x12344000 | 0x1a3), "PTE     RW x     WUC D V P");
  EXPECT_EQ(columnsOf(0x40), "") << "only global: none";
}

TEST(LoongArch64Listing, LargePagesAreLeavesOfTheirLevel) {
  EXPECT_EQ(columnsOf(0x120001d3, 1).substr(0, 3), "PMD");
}

TEST(LoongArch64Listing, EntriesThatLeadToATableOfNothingAreHoles) {
  BuiltListing listing(loongarch64::page16K3, "6.12.0");
  const uint64_t nothing = loongarch64::cachedWindow | 0x1718000;
  loongarch64::setEmptyEntry(listing.image.mode, 0, nothing);
  listing.image.markers = {{0xffff800000000000, "PCI I/O"}};
  for (unsigned i = 0; i < 2048; ++i)
    listing.memory.writeNumber<uint64_t>(listing.image.root + i * 8, nothing);
  EXPECT_EQ(listing.text(), "---[ PCI I/O ]---\n")
      << "the table at 0x1718000 is not even there";
}

} // namespace
