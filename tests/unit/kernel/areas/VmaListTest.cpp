#include "kernel/areas/VmaList.h"

#include "support/KernelObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

class VmaListTest : public ::testing::Test {
protected:
  using Part = KernelObjects::Part;

  std::vector<Part> areaParts() {
    return {{"vm_start", 8}, {"vm_end", 8},         {"vm_flags", 8},
            {"vm_pgoff", 8}, {"vm_file", 8},        {"vm_ops", 8},
            {"vm_next", 8},  {"vm_private_data", 8}};
  }
  void declareList() {
    kernel.declare("vm_area_struct", areaParts());
    kernel.declare("mm_struct", {{"map_count", 4}, {"mmap", 8}});
    mm = kernel.allocate(std::string("mm_struct"));
  }
  VirtAddr area(uint64_t start, uint64_t end, VirtAddr next = VirtAddr(0)) {
    VirtAddr at = kernel.allocate(std::string("vm_area_struct"));
    kernel.set(at, "vm_area_struct", "vm_start", start);
    kernel.set(at, "vm_area_struct", "vm_end", end);
    if (next.value)
      kernel.set(at, "vm_area_struct", "vm_next", next);
    return at;
  }
  VmaList read(VirtAddr first, unsigned count) {
    kernel.set(mm, "mm_struct", "mmap", first);
    kernel.set(mm, "mm_struct", "map_count", count);
    return valueOf(VmaReader::create(kernel.types(), kernel.reader()))
        .readAll(mm);
  }
  static std::vector<uint64_t> starts(const VmaList &list) {
    std::vector<uint64_t> all;
    for (const Vma &vma : list.vmas)
      all.push_back(vma.start.value);
    return all;
  }

  KernelObjects kernel;
  VirtAddr mm;
};

TEST_F(VmaListTest, AListIsFollowedToItsEnd) {
  declareList();
  VirtAddr second = area(0x3000, 0x5000);
  kernel.set(second, "vm_area_struct", "vm_flags", 0x73);
  kernel.set(second, "vm_area_struct", "vm_pgoff", 7);
  VmaList list = read(area(0x1000, 0x2000, second), 2);
  EXPECT_THAT(list.problems, IsEmpty());
  EXPECT_THAT(starts(list), ElementsAre(0x1000, 0x3000));
  EXPECT_EQ(list.vmas[1].end, VirtAddr(0x5000));
  EXPECT_EQ(list.vmas[1].flags, 0x73u);
  EXPECT_EQ(list.vmas[1].pageOffset, 7u);
}

TEST_F(VmaListTest, TheKernelsOwnCountIsCompared) {
  declareList();
  EXPECT_THAT(read(area(0x1000, 0x2000), 3).problems,
              ElementsAre(HasSubstr("has 3 memory areas by its own count, and "
                                    "1 were found")));
}

TEST_F(VmaListTest, ARingEnds) {
  declareList();
  VirtAddr first = area(0x1000, 0x2000), second = area(0x2000, 0x3000, first);
  kernel.set(first, "vm_area_struct", "vm_next", second);
  VmaList list = read(first, 2);
  EXPECT_THAT(starts(list), ElementsAre(0x1000, 0x2000));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("does not end")));
}

TEST_F(VmaListTest, AnAreaOutOfOrderEndsTheList) {
  declareList();
  VmaList list =
      read(area(0x5000, 0x6000, area(0x1000, 0x2000, area(0x7000, 0x8000))), 1);
  EXPECT_THAT(starts(list), ElementsAre(0x5000));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("cannot follow")));
}

TEST_F(VmaListTest, AnAreaThatCannotBeReadEndsTheList) {
  declareList();
  VmaList list = read(area(0x1000, 0x2000, KernelObjects::nowhere()), 1);
  EXPECT_THAT(starts(list), ElementsAre(0x1000));
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("cannot be read")));
}

TEST_F(VmaListTest, APointerToTheLastByteIsNoArea) {
  declareList();
  VmaList list = read(VirtAddr(~uint64_t(0)), 0);
  EXPECT_THAT(list.vmas, IsEmpty());
  EXPECT_THAT(list.problems, ElementsAre(HasSubstr("no pointer")));
}

/// 5.17 to 6.1: in a file's area the same bytes belong to an interval tree.
TEST_F(VmaListTest, AnAnonNameInTheFilesUnionIsNoneWithAFile) {
  kernel.declare("rb_part", {{"rb", 8}, {"rb_subtree_last", 8}});
  std::vector<Part> parts = areaParts();
  kernel.declare("shared_or_name", {{"shared", "rb_part"}, {"anon_name", 8}},
                 true);
  parts.push_back({"", "shared_or_name"});
  kernel.declare("vm_area_struct", parts);
  kernel.declare("mm_struct", {{"mmap", 8}});
  VirtAddr at = area(0x1000, 0x2000);
  kernel.set(at, "vm_area_struct", "anon_name", 0xffff888000000100);
  auto reader = valueOf(VmaReader::create(kernel.types(), kernel.reader()));
  EXPECT_EQ(valueOf(reader.read(at)).anonName, VirtAddr(0xffff888000000100));
  kernel.set(at, "vm_area_struct", "vm_file", 0xffff888000000200);
  EXPECT_EQ(valueOf(reader.read(at)).anonName, VirtAddr(0));
}

/// Since 6.2 it has a place of its own.
TEST_F(VmaListTest, AnAnonNameOfItsOwnGoesWithAFile) {
  std::vector<Part> parts = areaParts();
  parts.push_back({"anon_name", 8});
  kernel.declare("vm_area_struct", parts);
  kernel.declare("mm_struct", {{"mmap", 8}});
  VirtAddr at = area(0x1000, 0x2000);
  kernel.set(at, "vm_area_struct", "anon_name", 0xffff888000000100);
  kernel.set(at, "vm_area_struct", "vm_file", 0xffff888000000200);
  auto reader = valueOf(VmaReader::create(kernel.types(), kernel.reader()));
  EXPECT_EQ(valueOf(reader.read(at)).anonName, VirtAddr(0xffff888000000100));
}

TEST_F(VmaListTest, WhatIsMissingIsNamed) {
  kernel.declare("vm_area_struct", areaParts());
  kernel.declare("mm_struct", {{"map_count", 4}});
  std::string text = textOf(VmaReader::create(kernel.types(), kernel.reader()));
  EXPECT_THAT(text, HasSubstr("struct mm_struct has no known member 'mm_mt' or "
                              "'mmap'"));
  EXPECT_THAT(text, HasSubstr("--vmlinux"));
}

/// The tree says where an area lies; the area itself has to agree.
TEST_F(VmaListTest, ATreeThatDisagreesWithItsAreasIsNamed) {
  kernel.declare("vm_area_struct", areaParts());
  kernel.declare("maple_tree", {{"ma_root", 8}});
  kernel.declare("maple_range_64",
                 {{"parent", 8}, {"pivot", 8, 15}, {"slot", 8, 16}});
  kernel.declare("maple_arange_64",
                 {{"parent", 8}, {"pivot", 8, 9}, {"slot", 8, 10}});
  kernel.declareEnum(
      "maple_type",
      {{"maple_leaf_64", 1}, {"maple_range_64", 2}, {"maple_arange_64", 3}});
  kernel.declare("mm_struct", {{"mm_mt", "maple_tree"}, {"map_count", 4}});
  mm = kernel.allocate(std::string("mm_struct"));
  VirtAddr leaf = kernel.allocate(256, 256);
  const uint64_t slots[][2] = {{0, 0xfff},
                               {area(0x1000, 0x2000).value, 0x1fff},
                               {area(0x2000, 0x9000).value, 0x2fff}};
  for (uint64_t i = 0; i < 3; ++i) {
    kernel.setWord(leaf + 8 + i * 8, slots[i][1]);
    kernel.setWord(leaf + 128 + i * 8, slots[i][0]);
  }
  kernel.set(mm, "mm_struct", "mm_mt.ma_root", leaf.value | 1 << 3 | 2);
  kernel.set(mm, "mm_struct", "map_count", 2);
  VmaList list =
      valueOf(VmaReader::create(kernel.types(), kernel.reader())).readAll(mm);
  EXPECT_THAT(starts(list), ElementsAre(0x1000, 0x2000));
  EXPECT_THAT(list.problems,
              ElementsAre(HasSubstr("the tree has it at 0x2000..0x3000")));
}

} // namespace
