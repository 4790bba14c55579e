#include "kernel/find/Displacement.h"

#include "paging/modes/S390x.h"
#include "paging/modes/X86_64.h"
#include "support/BuiltKernel.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

namespace {

constexpr uint64_t MiB = 1 << 20;

/// A raw image of 32 MiB with a kernel at 16 MiB.
class Displacement : public ::testing::Test {
protected:
  Displacement() {
    built.dump.isRaw = true;
    built.tables.mapRange(direct, PhysAddr(0), built.tables.leafBits(3), 3,
                          32 * MiB / 4096);
    built.memory->addZeros(PhysAddr(0), 32 * MiB);
  }
  /// \p count pages from \p at on, whose lists say that they are \p distance
  /// behind that.
  void addLists(uint64_t at, unsigned count, int64_t distance = 0) {
    for (unsigned i = 0; i < count; ++i) {
      const PhysAddr place(at + i * 0x10000 + 0x140);
      const uint64_t own = (direct + (place.value + uint64_t(distance))).value;
      built.memory->writeNumber<uint64_t>(place, own);
      built.memory->writeNumber<uint64_t>(place + 8, own);
    }
  }
  std::string find() {
    KernelImage image;
    image.arch = findKernelArch(Arch::X86_64);
    image.mode = x86_64::fourLevel;
    image.root = built.physical + BuiltKernel::rootOffset;
    image.regions = {{Region::DirectMap, direct, direct + lowBits(40), "test"}};
    return findDisplacement(built.dump, image).value_or("");
  }

  const VirtAddr direct{0xffff888000000000};
  BuiltKernel built{x86_64::fourLevel, VirtAddr(0xffffffff81000000),
                    PhysAddr(16 * MiB)};
};

TEST_F(Displacement, MemoryThatIsWhereItSaysIsNot) {
  addLists(MiB, 100);
  addLists(24 * MiB, 100);
  EXPECT_EQ(find(), "");
}

TEST_F(Displacement, APieceThatIsMissingBehindTheKernelMovesTheRest) {
  addLists(MiB, 100);
  addLists(24 * MiB, 40, MiB);
  EXPECT_THAT(find(),
              AllOf(HasSubstr("from about 0x1800000 on belongs 0x100000 bytes "
                              "behind that"),
                    HasSubstr("40 of its pages")));
}

TEST_F(Displacement, OneThatIsMissingInFrontOfItMovesWhatIsBefore) {
  addLists(MiB, 40, -int64_t(MiB));
  addLists(24 * MiB, 60);
  EXPECT_THAT(find(), AllOf(HasSubstr("up to about 0x"),
                            HasSubstr("0x100000 bytes in front of that")));
}

// What a guest has, or what was copied, lies among pages of the machine's own.
TEST_F(Displacement, PagesAmongOthersSayNothingOfThePlace) {
  addLists(MiB, 100);
  addLists(10 * MiB, 40, MiB);
  addLists(24 * MiB, 100);
  EXPECT_EQ(find(), "");
}

// Its tables may be among what was moved.
TEST_F(Displacement, PagesThatTheTablesMapNowhereSayThatToo) {
  addLists(MiB, 10);
  addLists(24 * MiB, 10);
  for (unsigned i = 0; i < 40; ++i)
    addLists(10 * MiB + i * 0x10000, 1, (64 + i) * MiB);
  EXPECT_THAT(find(), HasSubstr("of 60 of its pages, which say by empty lists "
                                "where they are mapped, the kernel's tables "
                                "map only 20 there"));
  addLists(MiB, 50);
  EXPECT_EQ(find(), "");
}

TEST_F(Displacement, AFewPagesAreNotBelieved) {
  addLists(MiB, 100);
  addLists(24 * MiB, 7, MiB);
  EXPECT_EQ(find(), "");
}

// s390x: the direct map begins at 0.
TEST_F(Displacement, ZerosAreNoListOfAKernelWhoseAddressesBeginThere) {
  KernelImage image;
  image.arch = findKernelArch(Arch::S390x);
  image.mode = s390x::regionThird;
  image.root = PhysAddr(MiB);
  image.regions = {
      {Region::DirectMap, VirtAddr(0), VirtAddr(lowBits(40)), "test"}};
  EXPECT_EQ(findDisplacement(built.dump, image).value_or(""), "");
}

TEST_F(Displacement, AContainerKnowsWhereItsPagesLie) {
  addLists(MiB, 100);
  addLists(24 * MiB, 40, MiB);
  EXPECT_NE(find(), "");
  built.dump.isRaw = false;
  EXPECT_EQ(find(), "");
}

} // namespace
