//===- SoundTablesTest.cpp - what tells a table from other pages ----------===//
#include "kernel/find/SoundTables.h"

#include "kernel/find/LinearRuns.h"
#include "paging/modes/X86_64.h"
#include "support/PageTableBuilder.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t page = 4096, userBits = bit(0) | bit(1) | bit(2);
const VirtAddr lastOfUser(lowBits(47));

class SoundTablesTest : public ::testing::Test {
protected:
  SoundTablesTest() {
    memory.addZeros(PhysAddr(0x200000), 512 * page);
    tables.setTableBits(userBits);
    tables.map(VirtAddr(0x400000), PhysAddr(0x200000), userBits, 3);
    lastTable = tables.tableOf(VirtAddr(0x400000), 3);
  }
  std::optional<TablesBelow> look(size_t most = 1000) {
    SoundTables sound(memory, x86_64::fourLevel, most);
    return sound.lookBelow(tables.root(), VirtAddr(0), lastOfUser);
  }
  void setLast(unsigned index, uint64_t entry) {
    memory.writeNumber<uint64_t>(lastTable + index * 8, entry);
  }

  SparseMemory memory;
  PageTableBuilder tables{memory, x86_64::fourLevel, PhysAddr(0x100000)};
  PhysAddr lastTable;
};

TEST_F(SoundTablesTest, CountsWhatIsBelow) {
  tables.map(VirtAddr(0x401000), PhysAddr(0x201000), bit(0), 3);
  const auto below = look();
  ASSERT_TRUE(below);
  EXPECT_EQ(below->tables, 3u);
  EXPECT_EQ(below->tableBytes, 3 * page);
  EXPECT_EQ(below->userBytes(), page);
  EXPECT_EQ(below->kernelBytes(), page);
  EXPECT_TRUE(below->isSound(false));
  EXPECT_FALSE(below->isOfUser());
}

TEST_F(SoundTablesTest, ATableTakesRightsFromAllBelow) {
  tables.setEntry(VirtAddr(0x400000), 2, lastTable.value | bit(0) | bit(1));
  EXPECT_EQ(look()->kernelBytes(), page);
  EXPECT_EQ(look()->userBytes(), 0u);
}

TEST_F(SoundTablesTest, ATableThatTwoEntriesLeadToCountsTwice) {
  tables.setEntry(VirtAddr(0x600000), 2, lastTable.value | userBits);
  EXPECT_EQ(look()->userBytes(), 2 * page);
  EXPECT_EQ(look()->tables, 4u);
}

TEST_F(SoundTablesTest, KnowsOtherContents) {
  // A large page in the middle of one: not at that level.
  tables.setEntry(VirtAddr(0x600000), 2, 0x234000 | bit(7) | userBits);
  EXPECT_FALSE(look()->isSound(true));
  // More that is neither empty nor in use than what is.
  for (uint64_t at = 0x600000; at < 0x1000000; at += 0x200000)
    tables.setEntry(VirtAddr(at), 2, 0x202020);
  EXPECT_FALSE(look()->isSound(true));
}

TEST_F(SoundTablesTest, ATableOutOfRamIsNone) {
  tables.setEntry(VirtAddr(0x600000), 2, 0x7000000 | userBits);
  EXPECT_FALSE(look()->isSound(true));
  memory.setAbsent(PhysAddr(0x7000000), Absence::Excluded);
  ASSERT_TRUE(look()->isSound(true));
  EXPECT_EQ(look()->absentTables, 1u);
  memory.zeroPagesExcluded = true;
  EXPECT_EQ(look()->absentTables, 0u);
}

TEST_F(SoundTablesTest, AGapOfPagesMayHaveLostATable) {
  memory.setAbsent(lastTable, Absence::OutsideRam);
  ASSERT_TRUE(look()->isSound(true));
  EXPECT_EQ(look()->absentTables, 1u);
  EXPECT_EQ(look()->lostTables, 1u);
  // Of half a MiB, behind the image's first.
  tables.setEntry(VirtAddr(0x600000), 2, 0x180000 | userBits);
  EXPECT_EQ(look()->lostTables, 2u);
  memory.addZeros(PhysAddr(0x700000), page);
  tables.setEntry(VirtAddr(0x800000), 2, 0x500000 | userBits); // 3 MiB
  EXPECT_FALSE(look()->isSound(true));
}

TEST_F(SoundTablesTest, OnlyAProcessHasATableOfSwappedPages) {
  setLast(0, 0x1234500000000002); // where 0x400000 was
  EXPECT_EQ(look()->swappedTables, 1u);
  EXPECT_TRUE(look()->isSound(true));
  EXPECT_FALSE(look()->isSound(false));
}

TEST_F(SoundTablesTest, PagesOutOfRamAreFewOfAProcess) {
  for (unsigned index = 1; index < 4; ++index)
    setLast(index, (0x200000 + index * page) | userBits);
  setLast(4, 0xfd000000 | userBits); // a frame buffer
  EXPECT_TRUE(look()->isOfUser());
  for (unsigned index = 5; index < 12; ++index)
    setLast(index, (0xfd000000 + index * page) | userBits);
  EXPECT_EQ(look()->outsideBytes, 8 * page);
  EXPECT_FALSE(look()->isOfUser());
}

TEST_F(SoundTablesTest, TheTopTablesOwnEntriesHaveToLeadToTables) {
  // One that is swapped below is found, one that is other data on top refuses.
  const VirtAddr other(uint64_t(1) << 40);
  for (unsigned index = 0; index < 512; ++index)
    memory.writeNumber<uint64_t>(PhysAddr(0x300000 + index * 8), 0x2020202020);
  for (uint64_t i = 0; i < 64; ++i)
    tables.map(VirtAddr(0x800000 + i * 0x200000), PhysAddr(0x200000), userBits,
               3);
  ASSERT_TRUE(look()->isSound(true));
  tables.setEntry(other, 0, 0x300000 | userBits);
  EXPECT_EQ(look()->unsoundTables, 1u);
  EXPECT_FALSE(look()->isSound(true));
}

TEST_F(SoundTablesTest, LooksAtNoMoreTablesThanAllowed) {
  SoundTables sound(memory, x86_64::fourLevel, 2);
  const auto below = sound.lookBelow(tables.root(), VirtAddr(0), lastOfUser);
  EXPECT_TRUE(sound.isCut());
  EXPECT_FALSE(below->isSound(true));
  EXPECT_TRUE(look(3)->isSound(true));
}

TEST_F(SoundTablesTest, LinearRunsAreJoinedAcrossTables) {
  // From the middle of one table to the middle of the next.
  tables.mapRange(VirtAddr(0xffff888000300000), PhysAddr(0x200000), bit(0), 3,
                  512);
  tables.map(VirtAddr(0xffff888000900000), PhysAddr(0x200000), bit(0), 3);
  SoundTables sound(memory, x86_64::fourLevel);
  LinearRuns runs(sound, 0x100001);
  const auto found = runs.find(tables.root(), VirtAddr(0xffff800000000000));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].start, VirtAddr(0xffff888000300000));
  EXPECT_EQ(found[0].physical, PhysAddr(0x200000));
  EXPECT_EQ(found[0].size, 512 * page);
  EXPECT_FALSE(runs.isCut());
}

} // namespace
