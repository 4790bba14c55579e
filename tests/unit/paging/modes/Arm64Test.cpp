#include "paging/modes/Arm64.h"
#include "paging/Translate.h"
#include "paging/modes/Modes.h"

#include "support/PageTableBuilder.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// [arm/ddi0487] D8.2: levels, index bits of the root, lowest bit of the root's
/// index, and the levels at which a block may stand (the root is level 0).
TEST(Arm64Modes, HaveTheGeometryOfTheManual) {
  struct {
    const PagingMode &mode;
    unsigned levels, rootEntries, rootShift;
    std::vector<bool> blocks;
  } rows[] = {
      {arm64::granule4K39, 3, 512, 30, {true, true}},
      {arm64::granule4K48, 4, 512, 39, {false, true, true}},
      {arm64::granule4K52, 5, 16, 48, {false, true, true, true}},
      {arm64::granule16K36, 2, 2048, 25, {true}},
      {arm64::granule16K47, 3, 2048, 36, {false, true}},
      {arm64::granule16K48, 4, 2, 47, {false, false, true}},
      {arm64::granule16K52, 4, 32, 47, {false, true, true}},
      {arm64::granule64K42, 2, 8192, 29, {true}},
      {arm64::granule64K48, 3, 64, 42, {true, true}},
      {arm64::granule64K52, 3, 1024, 42, {true, true}},
  };
  EXPECT_EQ(getModes(Arch::Arm64).size(), std::size(rows));
  for (const auto &row : rows) {
    SCOPED_TRACE(row.mode.name.str());
    EXPECT_EQ(row.mode.levelCount, row.levels);
    EXPECT_EQ(row.mode.entryCount(0), row.rootEntries);
    EXPECT_EQ(row.mode.levels[0].shift, row.rootShift);
    for (unsigned level = 0; level + 1 < row.levels; ++level)
      EXPECT_EQ(row.mode.mayMapPage(level), row.blocks[level]) << level;
  }
}

TEST(Arm64Modes, KeepTheHighestAddressBitsWhereTheManualPutsThem) {
  EXPECT_EQ(arm64::granule4K48.pageAddress(0x0060'ffff'ffff'ff83, 3),
            PhysAddr(0x0000'ffff'ffff'f000));
  EXPECT_EQ(arm64::granule64K52.pageAddress(0x0060'0000'1234'f783, 2),
            PhysAddr(0x000f'0000'1234'0000));
  // 64K: bits 15:12 of a block are address bits, too.
  EXPECT_EQ(arm64::granule64K52.pageAddress(0x0060'0000'4000'5701, 1),
            PhysAddr(0x0005'0000'4000'0000));
  // LPA2: bits 9:8 are not SH but PA[51:50], and 49:48 are in place.
  EXPECT_EQ(arm64::granule4K52.pageAddress(0x0063'0000'1234'5783, 4),
            PhysAddr(0x000f'0000'1234'5000));
  EXPECT_EQ(arm64::granule16K52.pageAddress(0x0060'0000'1234'4283, 3),
            PhysAddr(0x0008'0000'1234'4000));
}

TEST(Arm64Modes, AReservedDescriptorMapsNothing) {
  SparseMemory memory;
  PageTableBuilder tables(memory, arm64::granule4K48);
  constexpr VirtAddr page(0xffff'0000'0000'1000), block(0xffff'0080'0000'0000);
  // 0b01 at the last level.
  tables.map(page, PhysAddr(0x4000'0000), arm64::validBit, 3);
  // A block of 512 GiB needs LPA2.
  tables.map(block, PhysAddr(0), arm64::validBit, 0);
  for (VirtAddr at : {page, block})
    EXPECT_EQ(translate(memory, arm64::granule4K48, tables.root(), at).outcome,
              Translation::Outcome::Reserved);
}

TEST(Arm64Modes, ARootSmallerThanAPageNeedNotStandAtAPagesStart) {
  // 64K tables of a 52-bit kernel on a 48-bit CPU: TTBR1 points 960 entries
  // into swapper_pg_dir; both ways of looking find the same page.
  SparseMemory memory;
  PageTableBuilder tables(memory, arm64::granule64K52);
  const VirtAddr at(0xffff'8000'0001'0000);
  tables.map(at, PhysAddr(0x4001'0000), tables.leafBits(2), 2);
  EXPECT_EQ(translate(memory, arm64::granule64K52, tables.root(), at).address,
            PhysAddr(0x4001'0000));
  EXPECT_EQ(translate(memory, arm64::granule64K48, tables.root() + 0x1e00, at)
                .address,
            PhysAddr(0x4001'0000));
}

} // namespace
