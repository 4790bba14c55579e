#include "analysis/TableWalk.h"

#include "paging/modes/X86_64.h"
#include "support/PageTableBuilder.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t data = 0x8000000000000063;

class Notes final : public TableVisitor {
public:
  bool table(const TableEntry &, PhysAddr) override {
    ++tables;
    return true;
  }
  void page(const TableEntry &entry, PhysAddr first) override {
    pages += hex(entry.at) + " " + hex(first) + " " + hex(entry.place) + "\n";
  }
  void reserved(const TableEntry &) override { ++reservedCount; }
  void hole(const TableEntry &) override { ++holes; }
  void loop(const TableEntry &entry, PhysAddr table) override {
    loops += hex(entry.at) + " " + hex(table) + "\n";
  }
  void absent(const TableEntry &, PhysAddr table, AbsentByte) override {
    absentTables += hex(table) + "\n";
  }
  unsigned zoneAt(VirtAddr at) const override { return at >= split; }

  VirtAddr split{~uint64_t(0)};
  unsigned tables = 0, reservedCount = 0, holes = 0;
  std::string pages, loops, absentTables;
};

class TableWalkTest : public ::testing::Test {
protected:
  void walk(uint64_t first = 0, uint64_t last = 0x7fffffffffff) {
    TableWalk walk(memory, x86_64::fourLevel);
    walk.walk(tables.root(), VirtAddr(first), VirtAddr(last), notes);
  }

  SparseMemory memory;
  PageTableBuilder tables{memory, x86_64::fourLevel};
  Notes notes;
};

TEST_F(TableWalkTest, EntriesComeWithTheirOwnAddress) {
  tables.map(VirtAddr(0x401000), PhysAddr(0x5000), data, 3);
  tables.map(VirtAddr(0x40000000), PhysAddr(0x200000), data | 0x80, 2);
  walk();
  EXPECT_EQ(notes.pages, "0x401000 0x5000 " +
                             hex(tables.entryAddress(VirtAddr(0x401000), 3)) +
                             "\n0x40000000 0x200000 " +
                             hex(tables.entryAddress(VirtAddr(0x40000000), 2)) +
                             "\n");
}

TEST_F(TableWalkTest, TheRangeIsKept) {
  for (uint64_t at : {0x400000, 0x401000, 0x402000})
    tables.map(VirtAddr(at), PhysAddr(at), data, 3);
  walk(0x401000, 0x401fff);
  EXPECT_EQ(notes.pages.find("0x401000"), 0u);
  EXPECT_EQ(notes.pages.find("0x402000"), std::string::npos);
}

TEST_F(TableWalkTest, ATableIsLookedIntoOnce) {
  tables.map(VirtAddr(0x400000), PhysAddr(0x5000), data, 3);
  const PhysAddr table = tables.tableOf(VirtAddr(0x400000), 3);
  for (uint64_t at : {0x800000, 0xa00000, 0xc00000})
    tables.setEntry(VirtAddr(at), 2, table.value | 1);
  walk();
  EXPECT_EQ(notes.pages, "0x400000 0x5000 " + hex(table) + "\n");
}

TEST_F(TableWalkTest, AndOnceMoreWhereRightsOrPlaceDiffer) {
  tables.setTableBits(3);
  tables.map(VirtAddr(0x400000), PhysAddr(0x5000), data, 3);
  const PhysAddr table = tables.tableOf(VirtAddr(0x400000), 3);
  tables.setEntry(VirtAddr(0x800000), 2, table.value | 1); // read-only
  tables.setEntry(VirtAddr(0xa00000), 2, table.value | 3);
  walk();
  EXPECT_EQ(llvm::StringRef(notes.pages).count('\n'), 2u);
  notes = Notes();
  notes.split = VirtAddr(0xa00000);
  walk();
  EXPECT_EQ(llvm::StringRef(notes.pages).count('\n'), 3u);
}

TEST_F(TableWalkTest, ALoopIsNamedAndNotFollowed) {
  const PhysAddr table = tables.tableOf(VirtAddr(0x400000), 2);
  tables.setEntry(VirtAddr(0x800000), 2, table.value | 1);
  walk();
  EXPECT_EQ(notes.loops, "0x800000 " + hex(table) + "\n");
}

TEST_F(TableWalkTest, WhatIsNoPageIsToldApart) {
  tables.setEntry(VirtAddr(0x400000), 3, 0x100); // not present, not empty
  tables.setEntry(VirtAddr(0x8000000000), 0,
                  0x81); // a page where there is none
  walk();
  EXPECT_EQ(notes.holes, 1u);
  EXPECT_EQ(notes.reservedCount, 1u);
}

TEST_F(TableWalkTest, AnAbsentTableIsNamed) {
  const PhysAddr table = tables.tableOf(VirtAddr(0x400000), 3);
  memory.setAbsent(table, Absence::Truncated);
  walk();
  EXPECT_EQ(notes.absentTables, hex(table) + "\n");
}

TEST_F(TableWalkTest, AnExcludedTableMayBeOneOfZeros) {
  const PhysAddr table = tables.tableOf(VirtAddr(0x400000), 3);
  memory.setAbsent(table, Absence::Excluded);
  memory.zeroPagesExcluded = true;
  walk();
  EXPECT_EQ(notes.absentTables, "");
}

} // namespace
