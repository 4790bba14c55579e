#include "listing/SavedListing.h"

#include "support/Expected.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr llvm::StringLiteral x86 =
    "---[ User Space ]---\n"
    "0x0000000000000000-0xffff880000000000    16777096T                   "
    "            pgd\n"
    "---[ Modules ]---\n"
    "0xffffffffc0000000-0xffffffffc0001000           4K     ro          x  "
    "pte\n"
    "0xffffffffff600000-0x0000000000000000          10M USR ro     GLB NX "
    "pte\n";

TEST(SavedListing, IsKnownByItsBeginning) {
  EXPECT_TRUE(isSavedListing(x86));
  EXPECT_TRUE(isSavedListing("0x00000000-0xc0000000           3G  pgd\n"));
  EXPECT_FALSE(isSavedListing("\x7f"
                              "ELF\x02"));
  EXPECT_FALSE(isSavedListing(""));
  EXPECT_FALSE(isSavedListing("0x12 is a number"));
}

TEST(SavedListing, HasLinesSectionsAndWords) {
  SavedListing listing = *parseListing(x86);
  ASSERT_EQ(listing.lines.size(), 3u);
  EXPECT_EQ(listing.sections,
            (std::vector<std::string>{"User Space", "Modules"}));
  EXPECT_TRUE(listing.lines[0].words.empty());
  EXPECT_EQ(listing.lines[1].section, 2u);
  EXPECT_EQ(listing.lines[1].level, "pte");
  EXPECT_EQ(listing.lines[1].words, (std::vector<std::string>{"ro", "x"}));
  EXPECT_EQ(listing.lines[1].last, VirtAddr(0xffffffffc0000fff));
  EXPECT_EQ(listing.lines[2].last, VirtAddr(~uint64_t(0)));
}

TEST(SavedListing, PassesOverThePhysicalColumnOfRiscV) {
  SavedListing listing = *parseListing(
      "0xffffffd800000000-0xffffffd800200000    0x0000000080000000         2M "
      "PMD     D A G . . W R V\n");
  EXPECT_EQ(listing.lines[0].level, "PMD");
  EXPECT_EQ(listing.lines[0].words,
            (std::vector<std::string>{"D", "A", "G", "W", "R", "V"}));
}

TEST(SavedListing, EndsA32BitListingAtItsLastAddress) {
  SavedListing listing =
      *parseListing("0xffc00000-0x00000000           4M     RW   x  pte\n");
  EXPECT_EQ(listing.lines[0].last, VirtAddr(0xffffffff));
}

TEST(SavedListing, OfPowerALineNamesItsLastByte) {
  SavedListing listing = *parseListing(
      "0xc000000001000000-0xc00000000fffffff  0x0000000001000000       240M   "
      "      r  w       pte  valid  present        dirty  accessed\n"
      "0xc00fffffffff0000-0xffffffffffffffff  0x0000000001000000        64K   "
      "user  r          pte  valid  present\n");
  EXPECT_EQ(listing.lines[0].last, VirtAddr(0xc00000000fffffff));
  EXPECT_EQ(listing.lines[0].words,
            (std::vector<std::string>{"r", "w", "valid", "present", "dirty",
                                      "accessed"}));
  EXPECT_EQ(listing.lines[1].last, VirtAddr(~uint64_t(0)));
}

TEST(SavedListing, DoesNotKnowWhatWasLeftOut) {
  SavedListing listing = *parseListing(
      "---[ ESPfix Area ]---\n"
      "0xffffff0000000000-0xffffff0000001000           4K     ro  NX pte\n"
      "... 65520 entries skipped ... \n"
      "---[ EFI Runtime Services ]---\n"
      "0xffffffef00000000-0xfffffffec0000000          63G            pud\n"
      "0xfffffffec0000000-0xffffffff80000000           3G not in the dump: pmd "
      "table at 0x1000 (excluded)\n");
  ASSERT_EQ(listing.lines.size(), 4u);
  EXPECT_TRUE(listing.lines[1].isSkipped);
  EXPECT_EQ(listing.lines[1].first, VirtAddr(0xffffff0000001000));
  EXPECT_EQ(listing.lines[1].last, VirtAddr(0xffffffeeffffffff));
  EXPECT_TRUE(listing.lines[3].isUnknown);
  EXPECT_FALSE(listing.lines[3].isSkipped);
}

TEST(SavedListing, NamesTheLineThatMakesNoSense) {
  for (llvm::StringRef bad :
       {"0xffff-0x1000 4K RW pte", "0x1000-0x2000 RW pte", "hello",
        "0x11112222333344445-0x0 4K RW pte", "0x1000-0x2000 4K RW"}) {
    const std::string text = ("---[ A ]---\n" + bad + "\n").str();
    EXPECT_NE(textOf(parseListing(text)).find("line 2 is none"),
              std::string::npos)
        << bad.str();
  }
  EXPECT_NE(textOf(parseListing("---[ A ]---\n")).find("without lines"),
            std::string::npos);
}

TEST(SavedListing, IsCutAtTheLimitOfLines) {
  SavedListing listing = *parseListing(x86, 2);
  EXPECT_EQ(listing.lines.size(), 2u);
  EXPECT_TRUE(listing.isCut);
  EXPECT_TRUE(parseListing("0x0000-0x1000 4K RW pte\n"
                           "--- the listing ends here: 1 lines ---\n")
                  ->isCut);
}

TEST(SavedListing, TellsRightsFromSizesAndUse) {
  for (const char *word :
       {"PSE", "BLK", "CON", "AF", "A", "D", "N", "dirty", "hpte", "f_gix:3"})
    EXPECT_FALSE(isRight(word)) << word;
  for (const char *word : {"RW", "ro", "NX", "x", "USR", "GLB", "W", "X"})
    EXPECT_TRUE(isRight(word)) << word;
}

} // namespace
