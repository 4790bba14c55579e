#include "kernel/find/RamEnd.h"

#include "paging/modes/Ppc64le.h"
#include "paging/modes/X86_64.h"
#include "support/BuiltKernel.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// A kernel at 16 MiB, whose image and tables are the end of what the dump has.
class RamEndTest : public ::testing::Test {
protected:
  PhysAddr find() {
    KernelImage image;
    image.arch = findKernelArch(Arch::X86_64);
    image.mode = x86_64::fourLevel;
    image.root = built.physical + BuiltKernel::rootOffset;
    image.regions = {{Region::DirectMap, direct, direct + lowBits(40), "test"}};
    return findRamEnd(image, built.dump);
  }
  void map(VirtAddr at, PhysAddr physical, uint64_t pages) {
    built.tables.mapRange(at, physical, built.tables.leafBits(3), 3, pages);
  }

  static constexpr uint64_t mebibyte = 1 << 20;
  const VirtAddr direct{0xffff888000000000};
  BuiltKernel built{x86_64::fourLevel, VirtAddr(0xffffffff81000000),
                    PhysAddr(16 * mebibyte)};
};

TEST_F(RamEndTest, TheDirectMapOfARawImageEndsWhereRamDoes) {
  map(direct, PhysAddr(0), 32 * mebibyte / 4096);
  built.dump.isRaw = true;
  EXPECT_EQ(find(), PhysAddr(32 * mebibyte));
}

TEST_F(RamEndTest, AContainerWithAMapOfRamIsBelieved) {
  map(direct, PhysAddr(0), 32 * mebibyte / 4096);
  EXPECT_EQ(find(), PhysAddr(0));
}

TEST_F(RamEndTest, TablesBeyondTheEndWereThere) {
  const VirtAddr at(0xffffc90000000000);
  map(at, PhysAddr(16 * mebibyte), 1);
  built.tables.setEntry(at, 2,
                        built.tables.encode(PhysAddr(40 * mebibyte)) | 3);
  EXPECT_EQ(find(), PhysAddr(40 * mebibyte + 4096));
}

TEST_F(RamEndTest, AnEntryThatPointsAnywhereIsNotBelieved) {
  const VirtAddr at(0xffffc90000000000);
  map(at, PhysAddr(16 * mebibyte), 1);
  built.tables.setEntry(at, 2,
                        built.tables.encode(PhysAddr(uint64_t(1) << 45)) | 3);
  EXPECT_EQ(find(), PhysAddr(0));
}

TEST(RamEndPpc64le, TheFirstTableOfTheKernelCounts) {
  constexpr uint64_t mebibyte = 1 << 20;
  BuiltKernel built(ppc64le::radix4K, VirtAddr(0xc000000001000000),
                    PhysAddr(16 * mebibyte));
  KernelImage image;
  image.arch = findKernelArch(Arch::Ppc64le);
  image.mode = ppc64le::radix4K;
  image.root = built.tables.root();
  built.tables.setEntry(VirtAddr(0xc000008000000000), 0,
                        built.tables.encode(PhysAddr(40 * mebibyte)) | bit(63) |
                            9);
  EXPECT_EQ(findRamEnd(image, built.dump), PhysAddr(40 * mebibyte + 4096));
}

} // namespace
