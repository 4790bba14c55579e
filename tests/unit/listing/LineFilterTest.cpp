// Lines picked and cut from the listing of built x86-64 tables.

#include "listing/LineFilter.h"

#include "kernel/find/KernelArch.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/X86_64.h"
#include "support/BuiltListing.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

constexpr uint64_t present = 1, writable = 2, user = 4, large = 0x80,
                   noExecute = uint64_t(1) << 63;
constexpr uint64_t data = present | writable | noExecute;
constexpr VirtAddr userAt(0x400000), mapAt(0xffff888000000000),
    textAt(0xffffffff81000000);

const LineProperty *property(llvm::StringRef name) {
  for (const LineProperty &known : getLineProperties())
    if (known.name == name)
      return &known;
  return nullptr;
}

/// "FIRST-END", for each line; "[NAME]" for a header; "skipped N".
class Recorder final : public RunSink {
public:
  void section(llvm::StringRef name) override {
    lines.push_back("[" + name.str() + "]");
  }
  void run(const vmpt::Run &run) override {
    lines.push_back(hex(run.start) + "-" + hex(run.end));
  }
  void skipped(uint64_t count) override {
    lines.push_back("skipped " + std::to_string(count));
  }
  void annotated(const vmpt::Run &run, const RunNotes &notes) override {
    this->run(run);
    if (notes.hasPhysical)
      lines.back() += " " +
                      (notes.physical ? hex(*notes.physical) : "nowhere") +
                      (notes.repeats ? "*" : "");
    if (notes.names)
      for (const RangeName &name : notes.names->names)
        lines.back() += " " + name.name;
  }

  std::vector<std::string> lines;
};

class LineFilterTest : public ::testing::Test {
protected:
  LineFilterTest() : built(x86_64::fourLevel, "6.1.0") {
    built.tables.setTableBits(present | writable | user);
    built.image.markers = {{0, "User Space", 0},
                           {uint64_t(1) << 63, "Kernel Space", 0},
                           {mapAt.value, "Low Kernel Mapping", 0},
                           {textAt.value, "High Kernel Mapping", 0}};
    built.tables.map(userAt, PhysAddr(0x5000), present | user, 3);
    built.tables.mapRange(mapAt, PhysAddr(0), data | large, 2, 2);
    built.tables.map(textAt, PhysAddr(0x1000000), present | large, 2);
    built.tables.map(textAt + 0x200000, PhysAddr(0x1200000),
                     present | writable | large, 2);
  }
  SelectedResult list(const LineSelection &selection,
                      uint64_t maxLines = 1000) {
    Recorder recorder;
    llvm::Expected<ListingPlan> plan = planKernelListing(built.image);
    SelectedResult result = valueOf(runSelectedListing(
        valueOf(std::move(plan)), built.memory, selection, recorder, maxLines));
    lines = std::move(recorder.lines);
    return result;
  }

  BuiltListing built;
  LineSelection selection;
  std::vector<std::string> lines;
};

TEST_F(LineFilterTest, NothingAskedForIsTheKernelsText) {
  std::string text;
  llvm::raw_string_ostream os(text);
  const ListingPlan plan = valueOf(planKernelListing(built.image));
  TextPrinter printer(plan.wording, plan.context, os);
  valueOf(runSelectedListing(plan, built.memory, selection, printer, 1000));
  EXPECT_EQ(os.str(), built.text());
}

TEST_F(LineFilterTest, SectionsTogetherAreTheWhole) {
  list(selection);
  const std::vector<std::string> whole = lines;
  std::vector<std::string> joined;
  for (const std::string &name :
       getSections(valueOf(planKernelListing(built.image)))) {
    selection.sections = {name};
    list(selection);
    joined.insert(joined.end(), lines.begin(), lines.end());
  }
  EXPECT_EQ(joined, whole);
}

TEST_F(LineFilterTest, ASectionWithoutLinesIsItsHeader) {
  built.image.markers.push_back({0xfffffffffffff000, "End", 0});
  built.tables.map(VirtAddr(0xfffffffffffff000), PhysAddr(0), data, 3);
  selection.sections = {"End"};
  EXPECT_EQ(list(selection).lineCount, 1u);
  EXPECT_EQ(lines.front(), "[End]");
  selection.sections = {"nowhere"};
  EXPECT_EQ(list(selection).lineCount, 0u);
  EXPECT_THAT(lines, ElementsAre());
}

/// arm64 5.6 to 5.14 print no first header.
TEST_F(LineFilterTest, LinesBeforeAnyHeaderAreTheFirstSections) {
  ListingPlan plan = valueOf(planKernelListing(built.image));
  plan.rules.initialLevel = 0;
  for (auto [name, isThere] :
       {std::pair("User Space", true), {"Low Kernel Mapping", false}}) {
    Recorder recorder;
    selection.sections = {name};
    valueOf(runSelectedListing(plan, built.memory, selection, recorder, 1000));
    EXPECT_EQ(recorder.lines.front() == "[Low Kernel Mapping]", !isThere);
    EXPECT_EQ(llvm::is_contained(recorder.lines, "0x400000-0x401000"), isThere);
  }
}

TEST_F(LineFilterTest, ALinePartlyInARangeIsThereWhole) {
  selection.ranges = {{mapAt + 0x1000, mapAt + 0x1fff}};
  EXPECT_EQ(list(selection).lineCount, 1u);
  EXPECT_THAT(lines, ElementsAre("[Low Kernel Mapping]",
                                 "0xffff888000000000-0xffff888000400000"));
}

TEST_F(LineFilterTest, BothEndsOfARangeCount) {
  selection.ranges = {{userAt + 0xfff, userAt + 0xfff}};
  EXPECT_EQ(list(selection).lineCount, 1u);
  selection.ranges = {{userAt + 0x1000, userAt + 0x1000}};
  list(selection);
  EXPECT_THAT(lines, Not(::testing::Contains("0x400000-0x401000")));
  selection.ranges = {{VirtAddr(~uint64_t(0)), VirtAddr(~uint64_t(0))}};
  EXPECT_EQ(list(selection).lineCount, 1u);
  EXPECT_THAT(lines.back(), HasSubstr("-0x0"));
}

TEST_F(LineFilterTest, PropertiesAreThoseOfTheColumns) {
  selection.properties = {property("wx")};
  list(selection);
  EXPECT_THAT(lines, ElementsAre("[High Kernel Mapping]",
                                 "0xffffffff81200000-0xffffffff81400000"));
  selection.properties = {property("user")};
  list(selection);
  EXPECT_THAT(lines, ElementsAre("[User Space]", "0x400000-0x401000"));
  selection.properties = {property("huge"), property("nx")};
  list(selection);
  EXPECT_THAT(lines, ElementsAre("[Low Kernel Mapping]",
                                 "0xffff888000000000-0xffff888000400000"));
  selection.properties = {property("ro"), property("w")};
  EXPECT_EQ(list(selection).lineCount, 0u);
}

TEST_F(LineFilterTest, WhatAListingDoesNotTellIsNeitherTrueNorFalse) {
  const Wording silent;
  EXPECT_EQ(property("dirty")->holds(silent, vmpt::Run()), std::nullopt);
  EXPECT_EQ(property("wx")->holds(silent, vmpt::Run()), std::nullopt);
}

TEST_F(LineFilterTest, TheKernelsLimitHoldsForSectionsAlone) {
  built.image.markers[2].maxLines = 1;
  built.tables.map(mapAt + 0x600000, PhysAddr(0), present | large, 2);
  selection.sections = {"Low Kernel Mapping"};
  list(selection);
  EXPECT_THAT(lines, ElementsAre("[Low Kernel Mapping]",
                                 "0xffff888000000000-0xffff888000400000",
                                 "skipped 7")); // the page, and holes
  selection.properties = {property("ro")};
  list(selection);
  EXPECT_THAT(lines, ElementsAre("[Low Kernel Mapping]",
                                 "0xffff888000600000-0xffff888000800000"));
}

TEST_F(LineFilterTest, TheLimitOfLinesCountsWhatIsPrinted) {
  selection.properties = {property("present")};
  EXPECT_FALSE(list(selection, 4).isCut);
  EXPECT_EQ(lines.size(), 7u); // and three headers
  EXPECT_TRUE(list(selection, 3).isCut);
}

TEST_F(LineFilterTest, AbsentTablesElsewhereAreNoLoss) {
  built.tables.setEntry(mapAt + 0x80000000, 1, 0x7000000 | 3);
  selection.ranges = {{userAt, userAt}};
  EXPECT_EQ(list(selection).absentTableCount, 0u);
  selection.ranges = {{mapAt, textAt}};
  const SelectedResult result = list(selection);
  ASSERT_EQ(result.absentTables.size(), 1u);
  EXPECT_EQ(result.absentTables[0].table, PhysAddr(0x7000000));
  EXPECT_EQ(result.absentTables[0].at, mapAt + 0x80000000);
  // It may hold anything.
  selection.properties = {property("wx")};
  EXPECT_EQ(list(selection).absentTableCount, 1u);
  EXPECT_THAT(lines, ElementsAre("[Low Kernel Mapping]",
                                 "0xffff888080000000-0xffff8880c0000000"));
}

TEST_F(LineFilterTest, PhysicalAddressesCutWhereTheyDoNotGoOn) {
  built.tables.map(mapAt + 0x400000, PhysAddr(0x40000000), data | large, 2);
  built.tables.map(mapAt + 0x600000, PhysAddr(0x40200000), data | large, 2);
  selection.hasPhysical = true;
  selection.sections = {"Low Kernel Mapping"};
  list(selection);
  EXPECT_THAT(llvm::ArrayRef<std::string>(lines).take_front(3),
              ElementsAre("[Low Kernel Mapping]",
                          "0xffff888000000000-0xffff888000400000 0x0",
                          "0xffff888000400000-0xffff888000800000 0x40000000"));
  EXPECT_THAT(lines[3], HasSubstr(" nowhere"));
  // Of the pieces those that lie in a range.
  selection.ranges = {{mapAt + 0x500000, mapAt + 0x500000}};
  EXPECT_EQ(list(selection).lineCount, 1u);
}

/// As KASAN's shadow: one table for each entry above it, one page in all.
TEST_F(LineFilterTest, OnePageAgainAndAgainIsOneLine) {
  const VirtAddr at = mapAt + 0x40000000;
  for (uint64_t i = 0; i < 512; ++i)
    built.tables.map(at + (i << 12), PhysAddr(0x9000), present | noExecute, 3);
  const uint64_t entry =
      built.tables.encode(built.tables.tableOf(at, 3)) | present | writable;
  for (uint64_t i = 1; i < 512; ++i)
    built.tables.setEntry(at + (i << 21), 2, entry);
  built.tables.map(at + 0x40000000, PhysAddr(0xa000), present | noExecute, 3);
  selection.hasPhysical = true;
  selection.properties = {property("ro"), property("nx")};
  list(selection);
  EXPECT_THAT(lines,
              ElementsAre("[Low Kernel Mapping]",
                          "0xffff888040000000-0xffff888080000000 0x9000*",
                          "0xffff888080000000-0xffff888080001000 0xa000"));
}

/// A line that goes on over what the MMU takes for nothing.
TEST_F(LineFilterTest, WhatOnlyLinuxTakesForAPageHasNoAddress) {
  built.tables.setEntry(userAt + 0x2000, 3, user | 0x100);
  selection.hasPhysical = true;
  selection.ranges = {{userAt + 0x2000, userAt + 0x2fff}};
  list(selection);
  EXPECT_THAT(lines, ElementsAre("[User Space]", "0x402000-0x403000 nowhere"));
}

TEST(PhysicalRuns, ARunThatEndsWithTheAddressesKeepsItsEnd) {
  BuiltListing built(x86_64::fourLevel, "6.1.0");
  built.image.markers = {{0, "User Space", 0}};
  built.tables.map(VirtAddr(0xffffffffffe00000), PhysAddr(0x200000),
                   data | large, 2);
  LineSelection selection;
  selection.hasPhysical = true;
  Recorder recorder;
  valueOf(runSelectedListing(valueOf(planKernelListing(built.image)),
                             built.memory, selection, recorder, 1000));
  EXPECT_EQ(recorder.lines.back(), "0xffffffffffe00000-0x0 0x200000");
}

/// NAPOT: sixteen entries say the same, and are one page.
TEST(PhysicalRuns, EntriesSideBySideThatAreOnePageAreNoRepetition) {
  BuiltListing built(riscv64::sv39, "6.12.0");
  built.image.markers = {{0xffffffc000000000, "Fixmap start", 0}};
  const VirtAddr at(0xffffffd000000000);
  const uint64_t napot = bit(63), flags = 0xcf;
  for (uint64_t i = 0; i < 16; ++i)
    built.tables.setEntry(at + (i << 12), 2,
                          napot | (0x80000 | 8) << 10 | flags);
  built.tables.map(at + 0x10000, PhysAddr(0x80010000), flags | napot | 8 << 10,
                   2);
  LineSelection selection;
  selection.hasPhysical = true;
  Recorder recorder;
  valueOf(runSelectedListing(valueOf(planKernelListing(built.image)),
                             built.memory, selection, recorder, 1000));
  EXPECT_THAT(
      recorder.lines,
      ::testing::Contains("0xffffffd000000000-0xffffffd000011000 0x80000000"));
}

TEST_F(LineFilterTest, NamesAreAskedForLinesThatAreShown) {
  unsigned asked = 0;
  selection.ranges = {{userAt, userAt}};
  selection.namer = [&](VirtAddr first, VirtAddr last) {
    ++asked;
    EXPECT_EQ(first, userAt);
    EXPECT_EQ(last, userAt + 0xfff);
    RangeNames found;
    found.names.push_back({"area", "/usr/bin/demo", first, last});
    return found;
  };
  list(selection);
  EXPECT_EQ(asked, 1u);
  EXPECT_EQ(lines.back(), "0x400000-0x401000 /usr/bin/demo");
}

/// Nothing of the kernel's own columns moves.
TEST_F(LineFilterTest, TextHasTheKernelsLineInIt) {
  std::string text;
  llvm::raw_string_ostream os(text);
  const ListingPlan plan = valueOf(planKernelListing(built.image));
  TextPrinter printer(plan.wording, plan.context, os);
  selection.ranges = {{userAt, userAt + 0x1000}};
  selection.hasPhysical = true;
  selection.namer = [](VirtAddr, VirtAddr) {
    RangeNames found;
    found.names = {{"area", "", userAt, userAt},
                   {"area", "a\nb", userAt, userAt}};
    found.moreCount = 2;
    return found;
  };
  valueOf(runSelectedListing(plan, built.memory, selection, printer, 1000));
  EXPECT_EQ(os.str(),
            "---[ User Space ]---\n"
            "0x0000000000400000-0x0000000000401000    0x0000000000005000 "
            "        4K USR ro                     x  pte"
            "  area anonymous, area a?b, and 2 more\n"
            "0x0000000000401000-0x0000000000600000    -                  "
            "     2044K                               pte"
            "  area anonymous, area a?b, and 2 more\n");
}

} // namespace
