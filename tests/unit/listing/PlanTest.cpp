// What a listing looks into, counted, and that less of it says the same. The
// numbers depend on no machine.

#include "listing/Plan.h"
#include "paging/modes/X86_64.h"
#include "support/BuiltListing.h"
#include "support/ListTables.h"

#include "gmock/gmock.h"

#include <random>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t present = 1, writable = 2, accessed = 0x20, dirty = 0x40,
                   noExecute = uint64_t(1) << 63;
constexpr uint64_t table = present | writable | accessed | dirty;
constexpr uint64_t page = table | noExecute;
constexpr VirtAddr area(0xffff888000000000);

class Plan : public ::testing::Test, protected BuiltListing {
protected:
  Plan() : BuiltListing(x86_64::fourLevel, "6.1.0") {
    tables.setTableBits(table);
    image.markers = {{0, "User Space", 0},
                     {uint64_t(1) << 63, "Kernel Space", 0},
                     {area.value, "Area", 0},
                     {area.value + bit(40), "Behind", 0}};
  }
  ListingPlan plan() { return valueOf(planKernelListing(image)); }
  std::string list() { return listText(plan(), memory, &result); }
  std::string list(PhysAddr root, ListedTables &known) {
    ListingPlan of = plan();
    of.root = root;
    std::string text;
    llvm::raw_string_ostream os(text);
    TextPrinter printer(of.wording, of.context, os);
    result = valueOf(runListing(of, memory, printer, 100000, &known));
    return os.str();
  }

  /// As the stacks of ESPfix: \p puds entries of a top-level one's table lead
  /// to one table, all of whose entries lead to one, in which every 16th page
  /// is there.
  void addClones(VirtAddr at, unsigned puds) {
    PhysAddr ptes = tables.newTable(3), pmds = tables.newTable(2);
    for (unsigned i = 0; i < 512; ++i) {
      if (i % 16 == 0)
        memory.writeNumber<uint64_t>(ptes + i * 8, 0x5000 | page);
      memory.writeNumber<uint64_t>(pmds + i * 8, ptes.value | table);
    }
    for (unsigned i = 0; i < puds; ++i)
      tables.setEntry(at + (uint64_t(i) << 30), 1, pmds.value | table);
  }

  ListingResult result;
};

/// The same listing, entry by entry: without what spares a Ptdump notes.
class EachEntry {
public:
  using State = Ptdump::State;

  explicit EachEntry(Ptdump &sink) : sink_(sink) {}
  uint64_t inherit(uint64_t inherited, unsigned level, uint64_t entry) const {
    return sink_.inherit(inherited, level, entry);
  }
  State leafState(uint64_t inherited, unsigned level, uint64_t entry) const {
    return sink_.leafState(inherited, level, entry);
  }
  State upperState(uint64_t inherited, unsigned level, uint64_t entry) const {
    return sink_.upperState(inherited, level, entry);
  }
  State holeState(unsigned level) const { return sink_.holeState(level); }
  void note(VirtAddr at, uint64_t entry, const State &state) {
    sink_.note(at, entry, state);
  }
  uint64_t nextBoundary() const { return sink_.nextBoundary(); }
  void unreadable(VirtAddr at, unsigned level, PhysAddr from,
                  AbsentByte absent) {
    sink_.unreadable(at, level, from, absent);
  }
  void emptyTable(PhysAddr at) { sink_.emptyTable(at); }
  bool isFull() const { return sink_.isFull(); }
  static constexpr bool needsEachEntry = true;

private:
  Ptdump &sink_;
};

std::string listEachEntry(const ListingPlan &plan, const PhysicalMemory &memory,
                          uint64_t maxLines) {
  std::string text;
  llvm::raw_string_ostream os(text);
  TextPrinter printer(plan.wording, plan.context, os);
  Ptdump ptdump(plan.rules, plan.markers, printer, maxLines);
  EachEntry each(ptdump);
  Walker<EachEntry> walker(memory, plan.mode, plan.entryRules, each);
  for (const ListedRange &range : plan.ranges)
    walker.walk(plan.root, range.first, range.last, ptdump.initialRights());
  if (!ptdump.isFull())
    ptdump.flush();
  return os.str();
}

std::string listFast(const ListingPlan &plan, const PhysicalMemory &memory,
                     uint64_t maxLines) {
  return listText(plan, memory, nullptr, maxLines);
}

// Runs of all lengths, zeros, entries of address bits alone, and markers in the
// middle of them.
TEST_F(Plan, EntriesComparedInBulkSayWhatEachOneSays) {
  std::mt19937 random(1);
  const uint64_t kinds[] = {
      0,      0x5000 | page,         0x7000 | page, 0x5000 | present,
      0x9000, 0x5000 | page | bit(8)};
  for (uint64_t at = 0; at < 16 * 512;) {
    const uint64_t entry = kinds[random() % std::size(kinds)];
    for (unsigned length = 1 + random() % 70; length; --length, ++at)
      tables.setEntry(area + at * 4096, 3, entry);
  }
  image.markers = {{0, "User Space", 0}, {area.value, "Area", 0}};
  for (unsigned i = 1; i < 60; ++i)
    image.markers.push_back(
        {area.value + i * 0x87000 + i % 3 * 0x1000, "Part", i % 4});
  EXPECT_EQ(list(), listEachEntry(plan(), memory, 1000000));
}

TEST_F(Plan, LinesBeyondALimitAreCountedAsEachOneIs) {
  image.markers[2].maxLines = 16;
  addClones(area + 0x200000, 3);
  tables.setEntry(area + (uint64_t(4) << 30), 1, 0x7777000 | table);
  addClones(area + (uint64_t(5) << 30), 2);
  const std::string text = list();
  EXPECT_EQ(text, listEachEntry(plan(), memory, 1000000));
  EXPECT_THAT(text, ::testing::HasSubstr("entries skipped"));
  // At every limit of lines, too, also where it is met among counted ones.
  for (uint64_t maxLines : {1, 10, 17, 18, 40, 41, 32769, 98305, 98310, 200000})
    EXPECT_EQ(listFast(plan(), memory, maxLines),
              listEachEntry(plan(), memory, maxLines))
        << maxLines;
}

TEST_F(Plan, CloneTablesBeyondALimitAreNotLookedIntoAgain) {
  image.markers[2].maxLines = 16;
  addClones(area, 64);
  list();
  // Root, pud, pmd and pte table: once for the lines, once to sum them up, and
  // the root from each end; before, 65,536 times.
  EXPECT_LE(result.loadCount, 12u);
}

TEST_F(Plan, TheKernelHalfOfManyRootsIsLookedIntoTwice) {
  constexpr unsigned rootCount = 50, kernelTables = 40;
  for (unsigned i = 0; i < kernelTables; ++i)
    for (unsigned j = 0; j < 512; j += 3)
      tables.setEntry(area + i * 0x200000 + j * 0x1000, 3, 0x5000 | page);
  const std::string kernel = list();
  std::vector<PhysAddr> roots;
  for (unsigned i = 0; i < rootCount; ++i) {
    PageTableBuilder process(memory, x86_64::fourLevel,
                             PhysAddr(0x10000000 + i * uint64_t(0x10000)));
    process.map(VirtAddr(0x400000), PhysAddr(0x1000 * i), page | bit(2), 3);
    std::vector<uint8_t> half(2048);
    ASSERT_FALSE(memory.tryRead(tables.root() + 2048, half));
    memory.write(process.root() + 2048, half);
    roots.push_back(process.root());
  }
  ListedTables known;
  for (PhysAddr root : roots) {
    ListingPlan alone = plan();
    alone.root = root;
    EXPECT_EQ(list(root, known), listText(alone, memory));
  }
  // Of each process its root, from both ends, three tables of its own, and the
  // one in which a section starts.
  EXPECT_LE(result.loadCount, rootCount * 6u + 2 * (kernelTables + 2));
}

TEST_F(Plan, UniformTablesAreLookedIntoOnce) {
  constexpr unsigned tableCount = 600;
  for (unsigned i = 0; i < tableCount; ++i)
    for (unsigned j = 0; j < 512; ++j)
      tables.setEntry(area + i * uint64_t(0x200000) + j * 0x1000, 3,
                      0x5000 | page);
  EXPECT_EQ(list(), listEachEntry(plan(), memory, 1000000));
  EXPECT_EQ(result.loadCount, tableCount + 2u /*pmd*/ + 1 /*pud*/ + 2 /*root*/);
}

} // namespace
