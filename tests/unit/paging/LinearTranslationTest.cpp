#include "paging/LinearTranslation.h"

#include "paging/modes/X86_64.h"
#include "support/EveryMode.h"
#include "support/PageTableBuilder.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Counts what is looked at.
class CountingMemory final : public PhysicalMemory {
public:
  explicit CountingMemory(const PhysicalMemory &memory) : memory_(memory) {}
  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    ++count;
    return memory_.tryRead(at, out);
  }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    return memory_.ranges();
  }
  mutable size_t count = 0;

private:
  const PhysicalMemory &memory_;
};

/// A table of the last level of which each entry maps the page behind the one
/// before it.
class EveryLinear : public ::testing::TestWithParam<const PagingMode *> {
protected:
  const PagingMode &mode = *GetParam();
  const unsigned level = mode.lastLevel();
  const uint64_t page = bit(mode.pageShift), piece = mode.entrySpan(level - 1);
  const unsigned count = mode.entryCount(level);
  const VirtAddr first{alignUp(mode.coverage.first().value, piece) + piece};
  static constexpr PhysAddr frames{0x40000000};
  SparseMemory memory;
  CountingMemory counted{memory};
  PageTableBuilder tables{memory, mode};
  CachedTranslation ways;
  LinearTranslation linear;

  void mapPiece(VirtAddr at, PhysAddr to) {
    for (unsigned i = 0; i < count; ++i)
      tables.map(at + i * page, to + i * page, tables.leafBits(level), level);
  }
  std::optional<PhysAddr> find(VirtAddr at) {
    return linear.find(counted, mode, tables.root(), at, ways);
  }
  /// Asks often enough for a proof, and compares each answer.
  void askAll(VirtAddr at) {
    for (unsigned round = 0; round < 2; ++round)
      for (unsigned i = 0; i < count; ++i) {
        const VirtAddr address = at + (i * page + i % page);
        const Translation wanted =
            translate(memory, mode, tables.root(), address);
        const std::optional<PhysAddr> found = find(address);
        ASSERT_EQ(found.has_value(), wanted.isMapped()) << hex(address);
        ASSERT_EQ(found.value_or(PhysAddr(0)), wanted.address) << hex(address);
      }
  }
  /// How much is looked at for an address.
  size_t costOf(VirtAddr at) {
    const size_t before = counted.count;
    find(at);
    return counted.count - before;
  }
};

TEST_P(EveryLinear, WhatIsProvenIsComputed) {
  mapPiece(first, frames);
  EXPECT_GT(costOf(first), 0u);
  askAll(first);
  EXPECT_EQ(costOf(first), 0u);
  EXPECT_EQ(find(first + (piece - 1)), frames + (piece - 1));
  EXPECT_EQ(find(first + piece), std::nullopt);
  EXPECT_EQ(find(first - 1), std::nullopt);
}

TEST_P(EveryLinear, APieceWithAHoleIsNot) {
  for (unsigned hole : {0u, count / 2, count - 1}) {
    mapPiece(first, frames);
    tables.setEntry(first + hole * page, level, tables.emptyBits(level));
    linear = LinearTranslation();
    askAll(first);
    EXPECT_EQ(find(first + hole * page), std::nullopt);
    EXPECT_GT(costOf(first + page * (hole != 1)), 0u);
  }
}

TEST_P(EveryLinear, APieceWithOnePageElsewhereIsNot) {
  mapPiece(first, frames);
  tables.map(first + (count - 1) * page, frames, tables.leafBits(level), level);
  askAll(first);
  EXPECT_EQ(find(first + (count - 1) * page), frames);
}

TEST_P(EveryLinear, OnePageEverywhereIsNot) {
  for (unsigned i = 0; i < count; ++i)
    tables.map(first + i * page, frames, tables.leafBits(level), level);
  askAll(first);
  EXPECT_EQ(find(first + (count - 1) * page), frames);
}

TEST_P(EveryLinear, PiecesSideBySideMayLieApart) {
  mapPiece(first, frames);
  mapPiece(first + piece, frames + 3 * piece);
  askAll(first);
  askAll(first + piece);
  askAll(first);
  EXPECT_EQ(costOf(first), 0u);
}

TEST_P(EveryLinear, PiecesThatShareAPlaceDoNotMixUp) {
  mapPiece(first, frames);
  const uint64_t apart = (piece << 9) * 1024;
  if (apart >> 9 >> 10 != piece || mode.coverage.last() - first <= apart)
    return; // There are none.
  mapPiece(first + apart, frames + piece);
  for (int round = 0; round < 2; ++round) {
    askAll(first);
    askAll(first + apart);
  }
}

TEST_P(EveryLinear, ALargePageNeedsNoLook) {
  if (!mode.mayMapPage(level - 1))
    return;
  const VirtAddr at(alignUp(first.value, mode.entrySpan(level - 1)));
  tables.map(at, PhysAddr(0), tables.leafBits(level - 1), level - 1);
  EXPECT_EQ(find(at + page), PhysAddr(page));
  EXPECT_EQ(costOf(at + (piece - 1)), 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, EveryLinear, ::testing::ValuesIn(allModes()),
                         nameOfMode);

} // namespace
