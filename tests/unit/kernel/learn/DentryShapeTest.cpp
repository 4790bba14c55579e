#include "kernel/learn/DentryShape.h"

#include "paging/modes/I386.h"
#include "support/PageTableBuilder.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// struct dentry of linux v6.12 on 32-bit Arm, where 64-bit members are
/// aligned: d_parent is followed by a hole, and d_name ends with one.
class NarrowDentries : public ::testing::Test {
protected:
  NarrowDentries() {
    memory.addZeros(first, 0x1000);
    tables.map(base, first, tables.leafBits(1), 1);
    root = dentry("/", VirtAddr(0));
    leaf = dentry("busybox", root);
  }
  VirtAddr allocate(uint64_t bytes) {
    const VirtAddr at = next;
    next = VirtAddr(alignUp((next + bytes).value, 8));
    return at;
  }
  PhysAddr physical(VirtAddr at) const { return first + (at - base); }
  VirtAddr dentry(const std::string &name, VirtAddr parent) {
    const VirtAddr at = allocate(136);
    set(at + 16, parent.value ? parent.value : at.value);
    set(at + 28, name.size());
    set(at + 32, (at + 44).value);
    set(at + 40, allocate(64).value);
    memory.writeString(physical(at + 44), name);
    set(at + 84, super.value);
    return at;
  }
  void set(VirtAddr at, uint64_t value) {
    memory.writeNumber<uint32_t>(physical(at), uint32_t(value));
  }
  std::vector<DentryShape> find() {
    return findDentryShapes(reader, {{root, super.value}, {leaf, super.value}});
  }

  static constexpr VirtAddr base{0xc0000000};
  static constexpr PhysAddr first{0x800000};
  SparseMemory memory;
  PageTableBuilder tables{memory, i386::twoLevel};
  AddressSpace space{memory, i386::twoLevel, tables.root()};
  StructReader reader{space, 4};
  VirtAddr next = base, super = allocate(64), root, leaf;
};

TEST_F(NarrowDentries, AlignedNamesEndWithAHole) {
  std::vector<uint64_t> inodes;
  for (const DentryShape &shape : find()) {
    EXPECT_EQ(shape.name, 32u);
    EXPECT_EQ(shape.parent, 16u);
    EXPECT_EQ(shape.super, 84u);
    inodes.push_back(shape.inode);
  }
  // Which of them it is, the inode tells.
  EXPECT_THAT(inodes, ::testing::ElementsAre(36u, 40u));
}

TEST_F(NarrowDentries, ANameOfAnotherLengthIsNone) {
  set(leaf + 28, 3);
  EXPECT_TRUE(find().empty());
}

} // namespace
