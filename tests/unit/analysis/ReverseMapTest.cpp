#include "analysis/ReverseMap.h"

#include "paging/modes/X86_64.h"
#include "support/BuiltKernel.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t userText = 0x25, userData = 0x8000000000000067;

/// An x86-64 kernel and processes whose tables the test builds.
class ReverseMapTest : public ::testing::Test {
protected:
  void SetUp() override {
    built.dump.vmcoreinfo = built.info(
        "6.12.0", "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n");
    kernel = valueOf(built.find());
    debug = valueOf(Kernel::create(kernel, *built.memory, {}, diagnostics));
    first.setTableBits(7);
    second.setTableBits(7);
    addTask(10, first.root());
    addTask(20, second.root());
  }
  void addTask(uint32_t pid, std::optional<PhysAddr> root, uint64_t mm = 0) {
    Task task;
    task.pid = task.tgid = pid;
    task.mm = VirtAddr(mm ? mm : pid * 0x1000);
    task.root = root;
    tasks.tasks.push_back(task);
  }
  /// "10 0x400000 rwxu", a line each.
  std::string find(std::vector<PhysicalRange> targets, uint64_t limit = 100) {
    ReverseMap map(*debug, tasks, threads);
    std::string text;
    map.find(mergeRanges(std::move(targets)), limit,
             [&](const ReverseMapOwner &owner, const Mapping &mapping) {
               text += std::to_string(owner.pid) + " " + hex(mapping.at) + " " +
                       hex(mapping.physical) + " " +
                       (mapping.rights.writable ? "w" : "-") +
                       (mapping.rights.executable ? "x" : "-") +
                       (mapping.rights.user ? "u" : "-") +
                       (mapping.isProtNone ? " none" : "") + "\n";
             });
    problems.assign(map.problems().begin(), map.problems().end());
    isCut = map.isCut();
    return text;
  }
  std::string find(uint64_t at) { return find({{PhysAddr(at), PhysAddr(at)}}); }

  unsigned threads = 1;
  BuiltKernel built{x86_64::fourLevel, VirtAddr(0xffffffff81000000),
                    PhysAddr(0x1000000)};
  PageTableBuilder first{*built.memory, x86_64::fourLevel, PhysAddr(0x2000000)},
      second{*built.memory, x86_64::fourLevel, PhysAddr(0x3000000)};
  Diagnostics diagnostics;
  KernelImage kernel;
  std::unique_ptr<Kernel> debug;
  TaskList tasks;
  std::vector<std::string> problems;
  bool isCut = false;
};

TEST_F(ReverseMapTest, EveryOwnerIsNamed) {
  first.map(VirtAddr(0x400000), PhysAddr(0x1002000), userText, 3);
  second.map(VirtAddr(0x500000), PhysAddr(0x1002000), userData, 3);
  second.map(VirtAddr(0x700000), PhysAddr(0x1002000), userData, 3);
  EXPECT_EQ(find(0x1002010), "0 0xffffffff81002010 0x1002010 -x-\n"
                             "10 0x400010 0x1002010 -xu\n"
                             "20 0x500010 0x1002010 w-u\n"
                             "20 0x700010 0x1002010 w-u\n");
}

TEST_F(ReverseMapTest, ARangeHasALineForEachPage) {
  first.map(VirtAddr(0x400000), PhysAddr(0x5600000), 0xa7, 2);
  EXPECT_EQ(find({{PhysAddr(0x5601800), PhysAddr(0x5602fff)}}),
            "10 0x401800 0x5601800 wxu\n10 0x402000 0x5602000 wxu\n");
}

TEST_F(ReverseMapTest, TheOtherPagesAreNot) {
  first.map(VirtAddr(0x400000), PhysAddr(0x5600000), userText, 3);
  EXPECT_EQ(find(0x5601000), "");
  EXPECT_EQ(find(0x55fffff), "");
  EXPECT_EQ(find(0x5600fff), "10 0x400fff 0x5600fff -xu\n");
}

TEST_F(ReverseMapTest, ProtNonePagesStillHaveTheFrame) {
  first.setEntry(VirtAddr(0x400000), 3,
                 (~uint64_t(0x5600000) & bits(51, 12)) | 0x160);
  EXPECT_EQ(find(0x5600000), "10 0x400000 0x5600000 --- none\n");
}

TEST_F(ReverseMapTest, WhoSharesAnMmSharesItsPages) {
  addTask(30, first.root(), tasks.tasks[0].mm.value);
  first.map(VirtAddr(0x400000), PhysAddr(0x5600000), userText, 3);
  EXPECT_EQ(find(0x5600000), "10 0x400000 0x5600000 -xu\n"
                             "30 0x400000 0x5600000 -xu\n");
}

TEST_F(ReverseMapTest, ASharedTableIsEachOwnersOwn) {
  first.map(VirtAddr(0x400000), PhysAddr(0x5600000), userText, 3);
  second.setEntry(VirtAddr(0x40000000), 2,
                  first.encode(first.tableOf(VirtAddr(0x400000), 3)) | 7);
  EXPECT_EQ(find(0x5600000), "10 0x400000 0x5600000 -xu\n"
                             "20 0x40000000 0x5600000 -xu\n");
}

TEST_F(ReverseMapTest, TheLimitIsSaid) {
  first.mapRange(VirtAddr(0x400000), PhysAddr(0x5600000), userText, 3, 8);
  EXPECT_EQ(find({{PhysAddr(0x5600000), PhysAddr(0x5607fff)}}, 1),
            "10 0x400000 0x5600000 -xu\n");
  EXPECT_TRUE(isCut);
}

TEST_F(ReverseMapTest, AnAbsentTableIsAProblem) {
  first.map(VirtAddr(0x400000), PhysAddr(0x5600000), userText, 3);
  built.memory->setAbsent(first.tableOf(VirtAddr(0x400000), 3),
                          Absence::Excluded);
  EXPECT_EQ(find(0x5600000), "");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("pid 10: page table at physical"),
            std::string::npos);
}

TEST_F(ReverseMapTest, ATaskWithoutTablesIsAProblem) {
  addTask(30, std::nullopt);
  find(0x5600000);
  EXPECT_EQ(problems.size(), 1u);
}

/// A table that is its own entry at every level has 512^4 ways.
TEST_F(ReverseMapTest, CirclesEnd) {
  for (unsigned i = 0; i < 256; ++i)
    built.memory->writeNumber<uint64_t>(first.root() + i * 8,
                                        first.encode(first.root()) | 7);
  EXPECT_NE(find(first.root().value), "");
  EXPECT_TRUE(isCut || !problems.empty());
}

// linux arch/x86/kernel/espfix_64.c: one table, at 65,536 places. A trimmed
// dump has hardly more tables than that.
TEST_F(ReverseMapTest, ATableAtManyPlacesIsNoCircle) {
  const VirtAddr start(0x4000000000);
  first.map(start, PhysAddr(0x5600000), userText, 3);
  first.map(start + 0x2000, PhysAddr(0x5602000), userData, 3);
  const uint64_t table = first.encode(first.tableOf(start, 3)) | 7;
  for (uint64_t i = 1; i < 512; ++i)
    first.setEntry(start + i * 0x200000, 2, table);
  find({{PhysAddr(0x5602000), PhysAddr(0x5602000)}}, 1000);
  EXPECT_TRUE(problems.empty());
  EXPECT_FALSE(isCut);
}

TEST_F(ReverseMapTest, DuplicatesHaveDifferentRights) {
  first.map(VirtAddr(0x400000), PhysAddr(0x5600000), userText, 3);
  second.map(VirtAddr(0x400000), PhysAddr(0x5600000), userText, 3);
  second.map(VirtAddr(0x600000), PhysAddr(0x5601000), userText, 3);
  first.map(VirtAddr(0x600000), PhysAddr(0x5601000), userData, 3);
  EXPECT_EQ(
      ReverseMap(*debug, tasks, threads).findDuplicates(),
      (std::vector<PhysicalRange>{{PhysAddr(0x5601000), PhysAddr(0x5601fff)}}));
}

TEST_F(ReverseMapTest, ThreadsChangeNothing) {
  for (uint64_t page = 0; page < 600; ++page)
    for (PageTableBuilder *tables : {&first, &second})
      tables->map(VirtAddr(0x400000 + page * 4096),
                  PhysAddr(0x2000000 + page * 4096), 0x7, 3);
  addTask(30, first.root(), 10 * 0x1000); // shares the mm of pid 10
  const std::vector<PhysicalRange> targets = {
      {PhysAddr(0x2000000), PhysAddr(0x2000000 + 500 * 4096)}};
  for (uint64_t limit : {0, 1, 501, 502, 1002, 1003, 5000}) {
    threads = 1;
    const std::string text = find(targets, limit);
    const auto said = problems;
    const bool wasCut = isCut;
    for (unsigned count : {2u, 5u}) {
      threads = count;
      EXPECT_EQ(find(targets, limit), text) << count << ", limit " << limit;
      EXPECT_EQ(problems, said);
      EXPECT_EQ(isCut, wasCut);
    }
  }
}

} // namespace
