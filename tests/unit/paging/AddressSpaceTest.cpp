#include "paging/AddressSpace.h"

#include "paging/FixedPoint.h"
#include "paging/modes/Arm64.h"
#include "paging/modes/I386.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/X86_64.h"
#include "support/EveryMode.h"
#include "support/Expected.h"
#include "support/PageTableBuilder.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

using Outcome = Translation::Outcome;

/// The first and the last page of what the mode covers are mapped.
class EverySpace : public ::testing::TestWithParam<const PagingMode *> {
protected:
  static constexpr PhysAddr lowFrame{0x40000000}, highFrame{0x50000000};
  const PagingMode &mode = *GetParam();
  const uint64_t page = bit(mode.pageShift);
  const VirtAddr first = mode.coverage.first(), last = mode.coverage.last();
  SparseMemory memory;
  PageTableBuilder tables{memory, mode};
  AddressSpace space{memory, mode, tables.root()};

  EverySpace() {
    const unsigned level = mode.lastLevel();
    tables.map(first, lowFrame, tables.leafBits(level), level);
    tables.map(last - (page - 1), highFrame, tables.leafBits(level), level);
    memory.addZeros(lowFrame, page);
    memory.addZeros(highFrame, page);
  }
};

TEST_P(EverySpace, ReachesFromTheFirstToTheLastAddress) {
  EXPECT_EQ(valueOf(space.translate(first)), lowFrame);
  EXPECT_EQ(valueOf(space.translate(last)), highFrame + (page - 1));
}

/// Addresses whose tables share a place in the cache, there and back, those
/// that nothing maps and those that the root does not cover.
TEST_P(EverySpace, ACacheChangesNoAnswer) {
  CachedTranslation cache;
  const uint64_t span = mode.entrySpan(mode.lastLevel() - 1);
  std::vector<VirtAddr> addresses = {first, first + page, last,
                                     VirtAddr(first.value ^ bit(62)),
                                     VirtAddr(last.value ^ bit(62))};
  if (const unsigned level = mode.lastLevel() - 1; mode.mayMapPage(level)) {
    const VirtAddr large(alignDown(first.value, span) + 2 * span);
    tables.map(large, PhysAddr(0), tables.leafBits(level), level);
    addresses.insert(addresses.end(), {large, large + (span - 1)});
  }
  for (uint64_t n : {1, 511, 512, 513, 1024})
    if (n * span < last - first)
      addresses.insert(addresses.end(), {first + n * span, last - n * span});
  for (int round = 0; round < 3; ++round)
    for (VirtAddr at : addresses) {
      Translation found;
      const uint8_t denied =
          cache.translate(memory, mode, tables.root(), at, found);
      const Translation wanted = translate(memory, mode, tables.root(), at);
      EXPECT_EQ(found.outcome, wanted.outcome) << hex(at);
      EXPECT_EQ(found.address, wanted.address) << hex(at);
      EXPECT_EQ(found.pageBytes, wanted.pageBytes) << hex(at);
      if (wanted.isMapped()) {
        EXPECT_EQ(PageRights::without(denied), wanted.rights(mode)) << hex(at);
      }
      ASSERT_EQ(found.steps.size(), wanted.steps.size()) << hex(at);
      for (size_t i = 0; i < wanted.steps.size(); ++i)
        EXPECT_EQ(found.steps[i].entryAddress, wanted.steps[i].entryAddress);
    }
}

/// A view of what a file has lost meanwhile reads as zeros.
TEST_P(EverySpace, ACacheSeesThatATableWasLost) {
  CachedTranslation cache;
  Translation found;
  cache.translate(memory, mode, tables.root(), first, found);
  ASSERT_TRUE(found.isMapped());
  const unsigned lastLevel = mode.lastLevel();
  const PhysAddr entry = found.steps.back().entryAddress;
  class Lost final : public PhysicalMemory {
  public:
    Lost(const PhysicalMemory &memory, PhysAddr entry)
        : memory_(memory), entry_(entry) {}
    std::optional<AbsentByte>
    tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
      if (isLost && at == entry_)
        return AbsentByte{at, Absence::Truncated};
      return memory_.tryRead(at, out);
    }
    const uint8_t *tryView(PhysAddr at, uint64_t size) const override {
      const uint8_t *view = memory_.tryView(at, size);
      if (!view || entry_ < at || entry_ - at >= size)
        return view;
      bytes_.assign(view, view + size);
      return bytes_.data();
    }
    llvm::ArrayRef<MemoryRange> ranges() const override {
      return memory_.ranges();
    }
    void lose() {
      isLost = true;
      std::fill(bytes_.begin(), bytes_.end(), 0);
    }
    bool isLost = false;

  private:
    const PhysicalMemory &memory_;
    PhysAddr entry_;
    mutable std::vector<uint8_t> bytes_;
  } losing(memory, entry);
  CachedTranslation ofLosing;
  for (bool isLost : {false, true}) {
    if (isLost)
      losing.lose();
    Translation again;
    ofLosing.translate(losing, mode, tables.root(), first, again);
    EXPECT_EQ(again.outcome, isLost ? Outcome::TableAbsent : Outcome::Mapped);
    EXPECT_EQ(again.steps.size(), lastLevel + !isLost);
  }
}

TEST_P(EverySpace, EachBitAboveTheIndexMatters) {
  const unsigned from = mode.virtualBits;
  for (unsigned n = from; n < 64; ++n)
    for (VirtAddr at : {first, last}) {
      const VirtAddr changed(at.value ^ bit(n));
      const bool isTag = mode.coverage.tagMask >> n & 1;
      EXPECT_EQ(space.find(changed).outcome,
                isTag ? Outcome::Mapped : Outcome::NotCovered)
          << hex(changed);
    }
}

TEST_P(EverySpace, TheNextAddressesOnEitherSideAreNotCovered) {
  // A direct window may end where the tables begin.
  if (first.value && !mode.findWindow(first - 1)) {
    EXPECT_EQ(space.find(first - 1).outcome, Outcome::NotCovered);
  }
  if (~last.value) {
    EXPECT_EQ(space.find(last + 1).outcome, Outcome::NotCovered);
  }
  const Coverage &coverage = mode.coverage;
  if (coverage.lower != coverage.upper) {
    const VirtAddr middle = coverage.lastFrom(first) + 1;
    EXPECT_EQ(middle, VirtAddr(bit(mode.virtualBits - 1)));
    EXPECT_EQ(space.find(middle).outcome, Outcome::NotCovered);
    EXPECT_EQ(space.find(middle).pageBytes, middle.value);
    EXPECT_EQ(space.find(middle - 1).outcome, Outcome::NotPresent);
  }
}

TEST_P(EverySpace, RunsOfAllAddressesAreThoseThatAreMapped) {
  std::vector<MappedRun> runs =
      space.mappedRuns(VirtAddr(0), VirtAddr(~uint64_t(0)));
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].start, first);
  EXPECT_EQ(runs[0].size, page);
  EXPECT_EQ(runs[1].start, last - (page - 1));
  EXPECT_EQ(runs[1].physical, highFrame);
  EXPECT_EQ(runs[1].size, page);
  // Nothing of them is left when the ends are.
  runs = space.mappedRuns(first + page, last - page);
  EXPECT_TRUE(runs.empty());
  runs = space.mappedRuns(first + 1, first + 2);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].physical, lowFrame + 1);
  EXPECT_EQ(runs[0].size, 2u);
}

TEST_P(EverySpace, ReadingDoesNotGoRound) {
  uint8_t bytes[16];
  EXPECT_EQ(textOf(space.read(last - 15, bytes)), "");
  EXPECT_NE(textOf(space.read(last - 14, bytes)), "");
  EXPECT_NE(textOf(space.readString(last - 3, 16)), "x");
}

TEST_P(EverySpace, TheLowerRootTranslatesTheLowerHalf) {
  const PagingMode lower = ofLowerRoot(mode);
  EXPECT_TRUE(isConsistent(lower));
  EXPECT_TRUE(lower.coverage.covers(VirtAddr(0)));
  EXPECT_EQ(lower.coverage.first(), VirtAddr(0));
  if (mode.coverage.covers(VirtAddr(0)))
    EXPECT_EQ(lower.coverage, mode.coverage);
  else
    EXPECT_FALSE(lower.coverage.covers(first));
}

TEST_P(EverySpace, ReasonsAreNamed) {
  const unsigned level = mode.lastLevel();
  tables.setEntry(first + page, level, tables.emptyBits(level));
  EXPECT_EQ(textOf(space.translate(first + page)),
            "virtual address " + hex(first + page) + " is not mapped");
  memory.setAbsent(tables.tableOf(first, level), Absence::Excluded);
  EXPECT_EQ(space.find(first).outcome, Outcome::TableAbsent);
}

INSTANTIATE_TEST_SUITE_P(All, EverySpace, ::testing::ValuesIn(allModes()),
                         nameOfMode);

/// Addresses as they occur, and whether the kernel's root translates them.
TEST(Coverage, OfEachArchitecture) {
  struct {
    const PagingMode &mode;
    uint64_t address;
    bool isCovered;
  } const rows[] = {
      {x86_64::fourLevel, 0, true},
      {x86_64::fourLevel, 0x7fffffffffff, true},
      {x86_64::fourLevel, 0x800000000000, false},
      {x86_64::fourLevel, 0xffff7fffffffffff, false},
      {x86_64::fourLevel, 0xffff800000000000, true},
      {x86_64::fourLevel, 0xff11000000000000, false},
      {x86_64::fiveLevel, 0xff11000000000000, true},
      {arm64::granule4K48, 0, false},
      {arm64::granule4K48, 0x60, false},
      {arm64::granule4K48, 0xaae60, false},
      {arm64::granule4K48, 0x0000bffdc11eb840, false},
      {arm64::granule4K48, 0xffffbffdc11eb840, true},
      {arm64::granule4K48, 0xf4ffbffdc11eb840, true}, // a tag of MTE
      {arm64::granule4K48, 0xf47fbffdc11eb840, false},
      {arm64::granule4K48, 0xfffeffffffffffff, false},
      {arm64::granule4K39, 0x8000000000, false},
      {arm64::granule4K39, 0xffffff8000000000, true},
      {arm64::granule4K39, 0xffff800000000000, false},
      {arm64::granule64K52, 0xfff0000000000000, true},
      {riscv64::sv39, 0x3fffffffff, true},
      {riscv64::sv39, 0x4000000000, false},
      {riscv64::sv39, 0xffffffc000000000, true},
      {riscv64::sv39, 0xffffffbfffffffff, false},
      {i386::pae, 0xffffffff, true},
      {i386::pae, 0x100000000, false},
      {i386::twoLevel, 0xffffffffc0000000, false},
  };
  for (const auto &row : rows)
    EXPECT_EQ(row.mode.coverage.covers(VirtAddr(row.address)), row.isCovered)
        << row.mode.name.str() << ' ' << hex(row.address);
}

TEST(AddressSpace, AnAddressOfTheOtherHalfSaysSo) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm64::granule4K48);
  tables.map(VirtAddr(0xffff000000000000), PhysAddr(0x40000000),
             tables.leafBits(3), 3);
  AddressSpace kernel(memory, arm64::granule4K48, tables.root());
  EXPECT_THAT(textOf(kernel.translate(VirtAddr(0x60))),
              HasSubstr("virtual address 0x60 is not mapped: it is no address "
                        "that the root table 0x100000 translates"));
  AddressSpace task(memory, ofLowerRoot(arm64::granule4K48), tables.root());
  EXPECT_EQ(valueOf(task.translate(VirtAddr(0x60))), PhysAddr(0x40000060));
  EXPECT_EQ(valueOf(task.translate(VirtAddr(0x2a00000000000060))),
            PhysAddr(0x40000060));
  EXPECT_EQ(task.find(VirtAddr(0xffff000000000060)).outcome,
            Outcome::NotCovered);
}

TEST(AddressSpace, AReservedEntryIsNamed) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm64::granule4K48);
  const VirtAddr at(0xffff000000001000);
  tables.map(at, PhysAddr(0x40000000), arm64::validBit, 3);
  AddressSpace space(memory, arm64::granule4K48, tables.root());
  EXPECT_EQ(space.find(at).outcome, Outcome::Reserved);
  EXPECT_THAT(textOf(space.translate(at)),
              HasSubstr("is not mapped: the entry 0x40000001 at physical "));
}

TEST(AddressSpace, APageWithOtherRightsIsAnotherRun) {
  SparseMemory memory;
  PageTableBuilder tables(memory, x86_64::fourLevel);
  tables.mapRange(VirtAddr(0), PhysAddr(0x1000), 1, 3, 2);
  tables.map(VirtAddr(0x2000), PhysAddr(0x3000), 3, 3);
  tables.map(VirtAddr(0x3000), PhysAddr(0x8000), 3, 3);
  AddressSpace space(memory, x86_64::fourLevel, tables.root());
  std::vector<MappedRun> runs = space.mappedRuns(VirtAddr(0), VirtAddr(0xffff));
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].size, 0x2000u);
  EXPECT_EQ(runs[1].start, VirtAddr(0x2000));
  EXPECT_EQ(runs[2].physical, PhysAddr(0x8000));
}

TEST(FixedPoint, AnAddressThatIsNotCoveredIsNone) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm64::granule4K48);
  const VirtAddr self(0xffff800008000000);
  tables.map(self, tables.root(), tables.leafBits(3), 3);
  EXPECT_TRUE(isFixedPoint(memory, arm64::granule4K48, tables.root(), self));
  EXPECT_FALSE(isFixedPoint(memory, arm64::granule4K48, tables.root(),
                            VirtAddr(self.value & lowBits(48))));
}

} // namespace
