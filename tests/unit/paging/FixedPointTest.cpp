#include "paging/FixedPoint.h"
#include "paging/modes/Modes.h"

#include "paging/modes/X86_64.h"
#include "support/PageTableBuilder.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

Diagnostics diagnostics;

constexpr VirtAddr self(0xffffffff82810000);
constexpr uint64_t flags = 0x63;

TEST(FixedPoint, FindsTheKernelsRootAndCountsWhoLeadsToIt) {
  SparseMemory memory;
  PageTableBuilder kernel(memory, x86_64::fourLevel, PhysAddr(0x100000));
  PageTableBuilder task(memory, x86_64::fourLevel, PhysAddr(0x200000));
  kernel.map(self, kernel.root(), flags, 3);
  task.map(self, kernel.root(), flags, 3);

  EXPECT_TRUE(isFixedPoint(memory, x86_64::fourLevel, kernel.root(), self));
  EXPECT_FALSE(isFixedPoint(memory, x86_64::fourLevel, task.root(), self));
  std::vector<FixedPoint> found =
      findFixedPoints(memory, getModes(Arch::X86_64), self, diagnostics);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].root, kernel.root());
  EXPECT_EQ(found[0].mode, &x86_64::fourLevel);
  EXPECT_EQ(found[0].votes, 1u);
}

TEST(FixedPoint, FindsTheModeWithTheRoot) {
  SparseMemory memory;
  PageTableBuilder kernel(memory, x86_64::fiveLevel);
  // A 2 MiB page that has the root inside.
  kernel.map(VirtAddr(0xffffffff82800000), PhysAddr(0), flags | 0x80, 3);
  ASSERT_EQ(kernel.root(), PhysAddr(0x100000));
  std::vector<FixedPoint> found =
      findFixedPoints(memory, getModes(Arch::X86_64),
                      VirtAddr(0xffffffff82900000), diagnostics);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].mode, &x86_64::fiveLevel);
}

TEST(FixedPoint, NothingLeadsNowhere) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0), 64 * 4096);
  EXPECT_TRUE(findFixedPoints(memory, getModes(Arch::X86_64), self, diagnostics)
                  .empty());
  SparseMemory empty;
  EXPECT_TRUE(findFixedPoints(empty, getModes(Arch::X86_64), self, diagnostics)
                  .empty());
}

} // namespace
