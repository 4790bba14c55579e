#include "paging/modes/Ppc64le.h"
#include "paging/Translate.h"

#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t pageBits = ppc64le::valid | ppc64le::leaf;
constexpr VirtAddr vmalloc64K(0xc008000000000000);

class EveryPpc64leMode : public ::testing::TestWithParam<const PagingMode *> {
protected:
  const PagingMode &mode = *GetParam();
  const bool isHash = !mode.windows.empty();
  const VirtAddr vmalloc =
      std::max(isHash ? VirtAddr(0) : vmalloc64K, ppc64le::firstOfTables(mode));
  SparseMemory memory;
  PageTableBuilder tables{memory, mode};

  Translation ask(VirtAddr at) const {
    return translate(memory, mode, tables.root(), at);
  }
};
INSTANTIATE_TEST_SUITE_P(All, EveryPpc64leMode,
                         ::testing::ValuesIn(ppc64le::modes),
                         [](const auto &info) {
                           std::string name = info.param->name.str();
                           std::replace(name.begin(), name.end(), ' ', '_');
                           return name;
                         });

TEST_P(EveryPpc64leMode, EntriesAreBigEndian) {
  tables.map(vmalloc, PhysAddr(0x12340000), pageBits | 0x5, 3);
  uint8_t raw[8];
  ASSERT_FALSE(memory.tryRead(tables.entryAddress(vmalloc, 3), raw));
  EXPECT_EQ(raw[0], 0xc0);
  EXPECT_EQ(raw[7], 0x05);
  EXPECT_EQ(ask(vmalloc + 0x123).address, PhysAddr(0x12340123));
}

TEST_P(EveryPpc64leMode, PagesAreAtEachLevelButTheFirst) {
  EXPECT_FALSE(mode.mayMapPage(0));
  for (unsigned level = 1; level < 4; ++level) {
    const uint64_t span = mode.entrySpan(level);
    const VirtAddr at = vmalloc + uint64_t(level) * mode.entrySpan(0);
    tables.setEntry(at, level, pageBits | 3 * span);
    const Translation found = ask(at + (span - 1));
    ASSERT_TRUE(found.isMapped()) << level;
    EXPECT_EQ(found.address, PhysAddr(4 * span - 1));
    EXPECT_EQ(found.pageBytes, span);
  }
}

/// Linux keeps more than addresses above bit 52.
TEST_P(EveryPpc64leMode, BitsAboveTheAddressAreNoPartOfIt) {
  for (unsigned n = 53; n < 61; ++n) {
    const DecodedEntry found =
        mode.decode(pageBits | bit(n) | 0x12340000, mode.lastLevel());
    EXPECT_TRUE(found.isPage());
    EXPECT_EQ(found.address, PhysAddr(0x12340000)) << n;
  }
  EXPECT_EQ(tables.highestPage(3).value, bits(52, mode.pageShift));
}

TEST_P(EveryPpc64leMode, AnEntryThatIsNotValidIsAHole) {
  for (uint64_t entry : {uint64_t(0), ppc64le::leaf | 0x390220,
                         ppc64le::leaf | ppc64le::invalidated | 0x12340000})
    EXPECT_TRUE(mode.isHole(entry, mode.lastLevel())) << entry;
  EXPECT_EQ(mode.decode(ppc64le::valid | 0x12340000, mode.lastLevel()).meaning,
            EntryMeaning::Reserved);
}

TEST_P(EveryPpc64leMode, AnEntryOfATableSaysHowLargeThatIs) {
  for (unsigned level = 0; level < 3; ++level)
    for (uint64_t size = 0; size < 32; ++size) {
      const uint64_t entry = 0x123400000 | size | ppc64le::valid;
      const bool isRight =
          size == (isHash ? 0u : mode.levels[level + 1].indexBits);
      EXPECT_EQ(mode.decode(entry, level).isTable(), isRight) << level;
      EXPECT_TRUE(!isRight ||
                  mode.decode(entry, level).address == PhysAddr(0x123400000));
    }
}

TEST_P(EveryPpc64leMode, RightsAreThoseOfThePage) {
  struct {
    uint64_t bits;
    bool writable, executable, user;
  } const rows[] = {
      {0xc, false, false, false}, {0xe, true, false, false},
      {0xd, false, true, false},  {0x4, false, false, true},
      {0x7, true, true, true},    {0x1, false, true, true},
      {0x8, false, false, false},
  };
  VirtAddr at = vmalloc;
  for (const auto &row : rows) {
    tables.map(at, PhysAddr(0x12340000), pageBits | row.bits, 3);
    const PageRights rights = ask(at).rights(mode);
    EXPECT_EQ(rights.writable, row.writable) << row.bits;
    EXPECT_EQ(rights.executable, row.executable) << row.bits;
    EXPECT_EQ(rights.user, row.user) << row.bits;
    at += bit(mode.pageShift);
  }
}

TEST_P(EveryPpc64leMode, EachQuadrantHasItsTable) {
  const PagingMode lower = ppc64le::ofProcess(mode);
  EXPECT_TRUE(mode.coverage.covers(vmalloc));
  EXPECT_FALSE(lower.coverage.covers(vmalloc));
  EXPECT_TRUE(lower.coverage.covers(VirtAddr(lowBits(mode.virtualBits))));
  EXPECT_FALSE(lower.coverage.covers(VirtAddr(bit(mode.virtualBits))));
  EXPECT_FALSE(mode.coverage.covers(VirtAddr(0x3fff00000000)));
  for (uint64_t other : {uint64_t(4) << 60, uint64_t(8) << 60,
                         uint64_t(0xd) << 60, ~uint64_t(0)}) {
    EXPECT_FALSE(mode.coverage.covers(VirtAddr(other)));
    EXPECT_FALSE(lower.coverage.covers(VirtAddr(other)));
  }
}

TEST(Ppc64leMode, PageTablesOf32EntriesShareAPage) {
  const PagingMode &mode = ppc64le::radix64K;
  EXPECT_EQ(mode.tableBytes(3), 256u);
  EXPECT_EQ(mode.tableBytes(2), 4096u);
  EXPECT_EQ(mode.tableBytes(0), 65536u);
  EXPECT_EQ(mode.virtualBits, 52u);
  SparseMemory memory;
  PageTableBuilder tables(memory, mode);
  memory.addZeros(PhysAddr(0x900000), 65536);
  tables.setEntry(vmalloc64K, 2, ppc64le::valid | 0x900300 | 5);
  memory.writeNumber<uint64_t>(PhysAddr(0x900308),
                               byteSwap(uint64_t(0xc000000012340004)));
  const Translation found =
      translate(memory, mode, tables.root(), vmalloc64K + 0x10010);
  ASSERT_TRUE(found.isMapped());
  EXPECT_EQ(found.address, PhysAddr(0x12340010));
}

TEST(Ppc64leMode, UnderAHashTableTheLinearMapNeedsNoTable) {
  SparseMemory memory;
  PageTableBuilder tables(memory, ppc64le::hash64K);
  const Translation found = translate(memory, ppc64le::hash64K, tables.root(),
                                      VirtAddr(0xc000000001234567));
  EXPECT_TRUE(found.isDirect());
  EXPECT_EQ(found.address, PhysAddr(0x1234567));
  EXPECT_FALSE(found.rights(ppc64le::hash64K).user);
  EXPECT_EQ(
      translate(memory, ppc64le::hash64K, tables.root(), vmalloc64K).outcome,
      Translation::Outcome::NotPresent);
}

/// Which lies in what the tables span.
TEST(Ppc64leMode, TheLinearMapOfSmallPagesEndsBeforeTheTables) {
  const PagingMode &mode = ppc64le::hash4K;
  SparseMemory memory;
  PageTableBuilder tables(memory, mode);
  const uint64_t first = 0xc000000000000000;
  for (uint64_t offset = 0; offset < bit(46); offset += bit(41)) {
    const Translation found =
        translate(memory, mode, tables.root(), VirtAddr(first | offset | 7));
    ASSERT_EQ(found.isDirect(), offset < uint64_t(60) << 40) << offset;
    if (found.isDirect())
      EXPECT_EQ(found.address, PhysAddr(offset | 7));
    else
      EXPECT_EQ(found.outcome, Translation::Outcome::NotPresent);
  }
  EXPECT_EQ(
      translate(memory, mode, tables.root(), VirtAddr(first | bit(46))).outcome,
      Translation::Outcome::NotCovered);
  EXPECT_EQ(ppc64le::firstOfTables(mode), VirtAddr(ppc64le::hashStart4K));
  EXPECT_EQ(ppc64le::firstOfTables(ppc64le::hash64K), vmalloc64K);
}

/// Up to 4.19.
TEST(Ppc64leMode, UnderAHashTableWhatLeadsToATableNeedNotBeValid) {
  for (const PagingMode *mode : {&ppc64le::hash64K, &ppc64le::hash4K}) {
    EXPECT_TRUE(mode->decode(0x123400000, 0).isTable());
    EXPECT_TRUE(mode->decode(0x123400000 | ppc64le::valid, 0).isTable());
    EXPECT_TRUE(mode->isHole(0, 0));
    EXPECT_TRUE(mode->isHole(ppc64le::leaf | 0x123400000, 1));
  }
}

} // namespace
