#include "analysis/TableStore.h"

#include "paging/modes/X86_64.h"
#include "support/PageTableBuilder.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t data = 0x8000000000000063;

class TableStoreTest : public ::testing::Test {
protected:
  std::string visit() {
    std::string seen;
    TableStore store(memory, x86_64::fourLevel);
    for (int twice = 0; twice < 2; ++twice)
      store.visit(tables.root(), [&](const StoredTable &table) {
        seen += hex(table.address) + "@" + std::to_string(table.level) +
                (table.absence           ? "!"
                 : table.isTakenForEmpty ? "0"
                                         : "") +
                " ";
        return seen.size() < limit;
      });
    return seen;
  }
  std::string nameOf(uint64_t at, unsigned level) {
    return hex(tables.tableOf(VirtAddr(at), level)) + "@" +
           std::to_string(level);
  }

  SparseMemory memory;
  PageTableBuilder tables{memory, x86_64::fourLevel};
  size_t limit = ~size_t(0);
};

TEST_F(TableStoreTest, EachTableOnceAndBeforeThoseBelow) {
  tables.map(VirtAddr(0x400000), PhysAddr(0x5000), data, 3);
  tables.map(VirtAddr(0x600000), PhysAddr(0x6000), data, 3);
  EXPECT_EQ(visit(), nameOf(0x400000, 0) + " " + nameOf(0x400000, 1) + " " +
                         nameOf(0x400000, 2) + " " + nameOf(0x400000, 3) + " " +
                         nameOf(0x600000, 3) + " ");
}

TEST_F(TableStoreTest, ALoopHasAnEnd) {
  tables.setEntry(VirtAddr(0), 0, tables.root().value | 1);
  const std::string seen = visit();
  EXPECT_EQ(llvm::StringRef(seen).count('@'), 4u) << seen;
}

TEST_F(TableStoreTest, AbsentTablesAreNamed) {
  tables.map(VirtAddr(0x400000), PhysAddr(0x5000), data, 3);
  const std::string name = nameOf(0x400000, 3);
  memory.setAbsent(tables.tableOf(VirtAddr(0x400000), 3), Absence::Excluded);
  EXPECT_NE(visit().find(name + "! "), std::string::npos);
  memory.zeroPagesExcluded = true;
  EXPECT_NE(visit().find(name + "0 "), std::string::npos);
}

TEST_F(TableStoreTest, ARootIsNeverTakenForEmpty) {
  memory.setAbsent(tables.root(), Absence::Excluded);
  memory.zeroPagesExcluded = true;
  EXPECT_EQ(visit(), nameOf(0, 0) + "! ");
}

TEST_F(TableStoreTest, TheVisitorMayEndIt) {
  tables.map(VirtAddr(0x400000), PhysAddr(0x5000), data, 3);
  limit = 1;
  EXPECT_EQ(visit(), nameOf(0x400000, 0) + " ");
}

} // namespace
