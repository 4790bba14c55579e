//===- TopTablesTest.cpp - roots in built memories ------------------------===//
#include "kernel/find/TopTables.h"

#include "paging/modes/Arm.h"
#include "paging/modes/Arm64.h"
#include "paging/modes/I386.h"
#include "paging/modes/LoongArch64.h"
#include "paging/modes/Modes.h"
#include "paging/modes/X86_64.h"
#include "support/PageTableBuilder.h"

#include <gtest/gtest.h>

#include <tuple>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t page = 4096, userBits = bit(0) | bit(1) | bit(2);

/// Memory of 2 MiB from 1 MiB on, with the tables of a kernel that maps all of
/// it from `direct` on.
class TopTablesTest : public ::testing::Test {
protected:
  static constexpr uint64_t ramStart = 0x100000, ramPages = 512;
  const VirtAddr direct{0xffff888000000000};

  void mapAll(PageTableBuilder &tables, VirtAddr from, uint64_t flags) {
    tables.mapRange(from + ramStart, PhysAddr(ramStart), flags,
                    tables.mode().lastLevel(), ramPages);
  }
  TopTables find(llvm::ArrayRef<const PagingMode *> modes) {
    Diagnostics silent;
    return findTopTables(memory, modes, silent);
  }
  static std::string text(const TopTables &found) {
    std::string lines;
    for (const TopTable &table : found.tables)
      lines += hex(table.root) + " " + getTopTableName(table.kind).str() + " " +
               std::to_string(table.sharers) + "\n";
    return lines;
  }
  /// A process: the kernel's half is \p kernel's, and one user page.
  PhysAddr addProcess(PageTableBuilder &kernel, PhysAddr at) {
    PageTableBuilder own(memory, kernel.mode(), at);
    own.setTableBits(userBits);
    own.map(VirtAddr(0x400000), PhysAddr(ramStart), userBits,
            own.mode().lastLevel());
    const unsigned slot = kernel.mode().indexOf(direct, 0);
    uint8_t entry[8];
    EXPECT_FALSE(memory.tryRead(kernel.root() + slot * 8, entry));
    memory.write(own.root() + slot * 8, entry);
    return own.root();
  }

  SparseMemory memory;
};

TEST_F(TopTablesTest, FindsTheKernelsAndThoseThatShareIt) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  PageTableBuilder kernel(memory, x86_64::fourLevel, PhysAddr(0x110000));
  mapAll(kernel, direct, kernel.leafBits(3));
  addProcess(kernel, PhysAddr(0x180000));
  addProcess(kernel, PhysAddr(0x190000));
  const TopTables found = find(getModes(Arch::X86_64));
  EXPECT_EQ(text(found),
            "0x110000 kernel 3\n0x180000 process 3\n0x190000 process 3\n");
  EXPECT_EQ(found.tables[0].self, direct + 0x110000);
  EXPECT_EQ(found.tables[1].userBytes, page);
  EXPECT_EQ(found.tables[1].kernelBytes, ramPages * page);
  EXPECT_FALSE(found.isCut);
}

class EndedProcesses : public TopTablesTest {
protected:
  EndedProcesses() {
    memory.addZeros(PhysAddr(ramStart), ramPages * page);
    mapAll(kernel, direct, kernel.leafBits(3));
  }
  /// The kernel's own table lies in its image, which is mapped here, too.
  void mapImage() {
    kernel.mapRange(VirtAddr(0xffffffff81000000), PhysAddr(0x110000),
                    kernel.leafBits(3), 3, 2);
  }
  /// The kernel's half, and no process any more.
  void addEnded(PhysAddr at) {
    std::vector<uint8_t> upper(page / 2);
    EXPECT_FALSE(memory.tryRead(kernel.root() + page / 2, upper));
    memory.write(at + page / 2, upper);
  }
  PageTableBuilder kernel{memory, x86_64::fourLevel, PhysAddr(0x110000)};
};

TEST_F(EndedProcesses, AreToldFromTheKernelByItsImage) {
  mapImage();
  addEnded(PhysAddr(0x180000));
  addEnded(PhysAddr(0x190000));
  EXPECT_EQ(text(find(getModes(Arch::X86_64))),
            "0x110000 kernel 3\n0x180000 ended 3\n0x190000 ended 3\n");
}

TEST_F(EndedProcesses, OrByWhatNamesTheKernel) {
  addEnded(PhysAddr(0x180000));
  Diagnostics silent;
  EXPECT_EQ(text(findTopTables(memory, getModes(Arch::X86_64), silent,
                               {PhysAddr(0x110000)})),
            "0x110000 kernel 2\n0x180000 ended 2\n");
}

TEST_F(EndedProcesses, OrByTheBoundsInItsInitMm) {
  addEnded(PhysAddr(0x180000));
  const PhysAddr at(0x118000);
  const uint64_t bounds[] = {0x80000, 0x100000, 0, 0x112000, 0, 0x120000};
  auto put = [&](uint64_t offset) {
    for (unsigned i = 0; i < std::size(bounds); ++i)
      memory.writeNumber<uint64_t>(
          at + 8 * i, bounds[i] ? (direct + bounds[i]).value + offset : 0);
    return text(find(getModes(Arch::X86_64)));
  };
  EXPECT_EQ(put(0), "0x110000 kernel 2\n0x180000 ended 2\n");
  EXPECT_EQ(put(0x98000), "0x110000 ended 2\n0x180000 kernel 2\n")
      << "whatever the pages are";
  // 32-bit Arm has its table in front of its text: the pgd names it.
  const PhysAddr pgd = at - 0x70;
  memory.writeNumber<uint64_t>(pgd, (direct + 0x180000).value);
  EXPECT_EQ(put(0x104000), "0x110000 ended 2\n0x180000 kernel 2\n");
  EXPECT_EQ(put(0x109000), "0x110000 kernel 2\n0x180000 kernel 2\n")
      << "too far in front of it";
  memory.writeNumber<uint64_t>(pgd, 0);
  EXPECT_EQ(put(8), "0x110000 kernel 2\n0x180000 kernel 2\n")
      << "an image begins a page";
}

TEST_F(EndedProcesses, WhereNeitherTellsEachMayBeTheKernels) {
  addEnded(PhysAddr(0x180000));
  EXPECT_EQ(text(find(getModes(Arch::X86_64))),
            "0x110000 kernel 2\n0x180000 kernel 2\n");
}

TEST_F(TopTablesTest, DoesNotTakeOtherPagesForTables) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  // Text, numbers, and a table whose entries lead to data.
  for (uint64_t at = 0; at < page; at += 8) {
    memory.writeNumber<uint64_t>(PhysAddr(0x110000 + at), 0x2020202020202020);
    memory.writeNumber<uint64_t>(PhysAddr(0x111000 + at), at);
    memory.writeNumber<uint64_t>(PhysAddr(0x112000 + at), 0x110067);
  }
  EXPECT_EQ(text(find(getModes(Arch::X86_64))), "");
  EXPECT_EQ(text(find(getModes(Arch::RiscV64))), "");
  EXPECT_EQ(text(find(getModes(Arch::Arm64))), "");
}

TEST_F(TopTablesTest, ATableThatMapsItselfAndNotItsTablesIsNone) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  PageTableBuilder kernel(memory, x86_64::fourLevel, PhysAddr(0x110000));
  kernel.map(direct + 0x110000, PhysAddr(0x110000), kernel.leafBits(3), 3);
  EXPECT_EQ(text(find(getModes(Arch::X86_64))), "");
}

TEST_F(TopTablesTest, FindsUserTablesOfAnArchitectureWithTwoRoots) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  const PagingMode &mode = *getModes(Arch::Arm64).front();
  const VirtAddr linear = mode.coverage.first();
  PageTableBuilder kernel(memory, mode, PhysAddr(0x110000));
  mapAll(kernel, linear, kernel.leafBits(mode.lastLevel()) | bit(54));
  PageTableBuilder user(memory, mode, PhysAddr(0x1a0000));
  const uint64_t userPage = user.leafBits(mode.lastLevel()) | bit(6);
  user.map(VirtAddr(0x400000), PhysAddr(ramStart), userPage, mode.lastLevel());
  const TopTables found = find({&mode});
  EXPECT_EQ(text(found), "0x110000 kernel 1\n0x1a0000 user 1\n")
      << mode.name.str();
}

TEST_F(TopTablesTest, FindsTablesThatMapMemoryWhereItIs) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  PageTableBuilder firmware(memory, x86_64::fourLevel, PhysAddr(0x110000));
  mapAll(firmware, VirtAddr(0), firmware.leafBits(3));
  EXPECT_EQ(text(find(getModes(Arch::X86_64))), "0x110000 identity 1\n");
}

TEST_F(TopTablesTest, AMachineIsOfOneArchitecture) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  PageTableBuilder kernel(memory, x86_64::fourLevel, PhysAddr(0x110000));
  mapAll(kernel, direct, kernel.leafBits(3));
  PageTableBuilder firmware(memory, i386::pae, PhysAddr(0x190000));
  mapAll(firmware, VirtAddr(0), firmware.leafBits(2) | bit(1));
  EXPECT_NE(text(find({&i386::pae})), "");
  EXPECT_EQ(text(find({&i386::pae, &x86_64::fourLevel})),
            "0x110000 kernel 1\n");
}

TEST_F(TopTablesTest, SaysWhatIsNotThere) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  PageTableBuilder kernel(memory, x86_64::fourLevel, PhysAddr(0x110000));
  mapAll(kernel, direct, kernel.leafBits(3));
  addProcess(kernel, PhysAddr(0x180000));
  memory.setAbsent(PhysAddr(0x183000), Absence::Excluded); // its last table
  const TopTables found = find(getModes(Arch::X86_64));
  ASSERT_EQ(text(found), "0x110000 kernel 2\n0x180000 kernel 2\n");
  EXPECT_EQ(found.tables[0].absentTables, 0u);
  EXPECT_EQ(found.tables[1].absentTables, 1u);
}

/// A filter leaves out what nobody needs; memory that is lost is none of that.
TEST_F(TopTablesTest, SaysWhatIsLostOfTheKernelsHalf) {
  for (const Absence absence :
       {Absence::Truncated, Absence::OutsideRam, Absence::Excluded}) {
    memory = {};
    memory.addZeros(PhysAddr(ramStart), ramPages * page);
    PageTableBuilder kernel(memory, x86_64::fourLevel, PhysAddr(0x110000));
    mapAll(kernel, direct, kernel.leafBits(3));
    kernel.map(VirtAddr(0xffffffff81000000), PhysAddr(ramStart),
               kernel.leafBits(3), 3);
    memory.setAbsent(kernel.tableOf(VirtAddr(0xffffffff81000000), 3), absence);
    const TopTables found = find(getModes(Arch::X86_64));
    ASSERT_EQ(text(found), "0x110000 kernel 1\n");
    EXPECT_EQ(found.tables[0].absentTables, 0u);
    EXPECT_EQ(found.tables[0].lostKernelTables, absence != Absence::Excluded);
  }
}

/// The dump has a gap where the table was, as machines have gaps.
TEST_F(TopTablesTest, AProcessWithALostTableIsOne) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  PageTableBuilder kernel(memory, x86_64::fourLevel, PhysAddr(0x110000));
  mapAll(kernel, direct, kernel.leafBits(3));
  addProcess(kernel, PhysAddr(0x180000));
  memory.setAbsent(PhysAddr(0x181000), Absence::OutsideRam);
  const TopTables found = find(getModes(Arch::X86_64));
  ASSERT_EQ(text(found), "0x110000 kernel 2\n0x180000 kernel 2\n");
  EXPECT_EQ(found.tables[1].absentTables, 1u);
}

/// A table of pages of the direct map, taken for a top table: the page of the
/// real one is a table that it leads to, and then everything is where the
/// kernel has it. What its other entries lead to is zeros, or not in the dump.
TEST_F(TopTablesTest, ATableOfTheDirectMapIsNone) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  const PagingMode &mode = arm64::granule4K39;
  PageTableBuilder kernel(memory, mode, PhysAddr(0x110000));
  mapAll(kernel, mode.coverage.first(),
         kernel.leafBits(mode.lastLevel()) | bit(54));
  const TopTables found = find(getModes(Arch::Arm64));
  ASSERT_EQ(text(found), "0x110000 kernel 1\n");
  EXPECT_EQ(found.tables[0].mode->name, mode.name);
}

TEST_F(TopTablesTest, ADistanceThatMemoryIsNotAtIsNoDirectMap) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  memory.addZeros(PhysAddr(0x40000000), 3 * ramPages * page);
  PageTableBuilder kernel(memory, x86_64::fourLevel, PhysAddr(0x110000));
  mapAll(kernel, direct, kernel.leafBits(3));
  EXPECT_EQ(text(find(getModes(Arch::X86_64))), "");
  kernel.mapRange(direct + 0x40000000, PhysAddr(0x40000000), kernel.leafBits(3),
                  3, 3 * ramPages);
  EXPECT_EQ(text(find(getModes(Arch::X86_64))), "0x110000 kernel 1\n");
}

/// 32-bit kernels may start below their last gigabyte.
TEST_F(TopTablesTest, FindsAKernelThatStartsLower) {
  for (const uint64_t start : {bit(31) + bit(30), bit(31), bit(30)}) {
    memory = SparseMemory();
    memory.addZeros(PhysAddr(ramStart), ramPages * page);
    PageTableBuilder kernel(memory, i386::pae, PhysAddr(0x110000));
    mapAll(kernel, VirtAddr(start), kernel.leafBits(2));
    // The fixmap: what all tasks share has a table, wherever the kernel starts.
    kernel.map(VirtAddr(0xfffff000), PhysAddr(ramStart), kernel.leafBits(2), 2);
    const TopTables found = find(getModes(Arch::I386));
    ASSERT_EQ(text(found), "0x110000 kernel 1\n") << hex(start);
    EXPECT_EQ(found.tables[0].self, VirtAddr(start + 0x110000));
  }
}

/// Four entries of a table of pages, the first of which leads to a table that
/// maps memory where it is, look like PAE's top table. But those have no
/// rights.
TEST_F(TopTablesTest, PagesOfTheDirectMapAreNoTopTableOfPae) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  PageTableBuilder firmware(memory, i386::pae, PhysAddr(0x110000));
  mapAll(firmware, VirtAddr(0), firmware.leafBits(2) | bit(1));
  const uint64_t table = firmware.tableOf(VirtAddr(0), 1).value;
  memory.writeNumber<uint64_t>(PhysAddr(0x1a0000), table | bit(0) | bit(1));
  EXPECT_EQ(text(find(getModes(Arch::I386))), "0x110000 identity 1\n");
  memory.writeNumber<uint64_t>(PhysAddr(0x1a0000), table | bit(0));
  EXPECT_EQ(text(find(getModes(Arch::I386))),
            "0x110000 identity 1\n0x1a0000 identity 1\n");
}

/// Sections of 1 MiB, and modules below the kernel, which are no process's.
TEST_F(TopTablesTest, FindsShortDescriptors) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  PageTableBuilder kernel(memory, arm::shortDescriptors, PhysAddr(0x110000));
  kernel.skipTo(PhysAddr(0x118000));
  kernel.mapRange(VirtAddr(0xc0100000), PhysAddr(ramStart), kernel.leafBits(0),
                  0, 2);
  const uint64_t pageBits = bit(0) | bit(1);
  kernel.map(VirtAddr(0xbf000000), PhysAddr(ramStart), pageBits, 1);
  kernel.map(VirtAddr(0xffff0000), PhysAddr(ramStart), pageBits, 1);
  const TopTables found = find(getModes(Arch::Arm));
  ASSERT_EQ(text(found), "0x110000 kernel 1\n");
  EXPECT_EQ(found.tables[0].userBytes, 0u);
  EXPECT_EQ(found.tables[0].kernelBytes, ramPages * page + 2 * page);
}

/// No table maps the kernel: empty entries lead to tables of nothing.
TEST_F(TopTablesTest, FindsTablesBehindADirectWindow) {
  constexpr uint64_t large = 16384, window = loongarch64::cachedWindow;
  const PhysAddr kernel(0x110000), user(0x150000), nothing(0x120000),
      ofKernel(0x130000), ofUser(0x160000);
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  auto fill = [&](PhysAddr table, uint64_t entry) {
    for (uint64_t at = 0; at < large; at += 8)
      memory.writeNumber<uint64_t>(table + at, entry);
  };
  // Middle table, last table.
  fill(nothing, window | (nothing + large).value);
  fill(nothing + large, bit(6));
  for (const auto &[root, below, flags] :
       {std::tuple(kernel, ofKernel, bit(0) | bit(7)),
        std::tuple(user, ofUser, bit(0) | bit(7) | bits(3, 2))}) {
    fill(root, window | nothing.value);
    fill(below, window | (nothing + large).value);
    fill(below + large, 0);
    memory.writeNumber<uint64_t>(root, window | below.value);
    memory.writeNumber<uint64_t>(below, window | (below + large).value);
    memory.writeNumber<uint64_t>(below + large, ramStart | flags);
  }
  const TopTables found = find(getModes(Arch::LoongArch64));
  ASSERT_EQ(text(found), "0x110000 kernel 1\n0x150000 user 1\n");
  EXPECT_EQ(found.tables[0].kernelBytes, large);
  EXPECT_EQ(found.tables[1].userBytes, large);
}

TEST_F(TopTablesTest, HostileTablesHaveAnEnd) {
  memory.addZeros(PhysAddr(ramStart), ramPages * page);
  // Each page leads to all others, itself included.
  for (uint64_t at = 0; at < 64; ++at)
    for (uint64_t i = 0; i < 512; ++i)
      memory.writeNumber<uint64_t>(PhysAddr(0x110000 + at * page + i * 8),
                                   (0x110000 + (i + at) % 64 * page) | 3);
  find(getModes(Arch::X86_64));
}

} // namespace
