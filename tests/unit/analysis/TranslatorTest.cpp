#include "analysis/Translator.h"

#include "paging/modes/Arm64.h"
#include "paging/modes/S390x.h"
#include "paging/modes/X86_64.h"
#include "support/BuiltKernel.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr VirtAddr userPage(0x400000);

/// An x86-64 kernel with one process, whose tables are \p process.
class TranslatorTest : public ::testing::Test {
protected:
  void SetUp() override {
    built.dump.vmcoreinfo = built.info(
        "6.12.0", "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n");
    kernel = valueOf(built.find());
    debug = valueOf(Kernel::create(kernel, *built.memory, {}, diagnostics));
  }
  AddressAnswer ask(VirtAddr at) {
    return Translator::ofTask(*debug, process.root()).ask(at);
  }
  /// A last-level entry of the process, as it stands.
  AddressAnswer askAbout(uint64_t entry, unsigned level = 3) {
    process.setEntry(userPage, level, entry);
    return ask(userPage + 0x123);
  }

  BuiltKernel built{x86_64::fourLevel, VirtAddr(0xffffffff81000000),
                    PhysAddr(0x1000000)};
  PageTableBuilder process{*built.memory, x86_64::fourLevel,
                           PhysAddr(0x2000000)};
  Diagnostics diagnostics;
  KernelImage kernel;
  std::unique_ptr<Kernel> debug;
};

TEST_F(TranslatorTest, APageHasAddressSizeAndRights) {
  process.setTableBits(0x67);
  process.map(userPage, PhysAddr(0x5600000), 0x8000000000000067, 3);
  AddressAnswer answer = ask(userPage + 0x123);
  EXPECT_EQ(answer.ending, Ending::Page);
  EXPECT_EQ(answer.physical, PhysAddr(0x5600123));
  EXPECT_EQ(answer.pageBytes, 4096u);
  EXPECT_EQ(answer.rights, (PageRights{true, false, true}));
  EXPECT_EQ(answer.translation.steps.size(), 4u);
}

TEST_F(TranslatorTest, ZeroIsNoEntry) {
  EXPECT_EQ(askAbout(0).ending, Ending::NoEntry);
  EXPECT_EQ(ask(VirtAddr(0x7f0000000000)).translation.steps.size(), 1u);
}

/// Frame 0x5600 with _PAGE_PROTNONE, every address bit turned.
TEST_F(TranslatorTest, ProtNoneStillNamesItsPage) {
  const uint64_t turned = ~uint64_t(0x5600000) & bits(51, 12);
  AddressAnswer answer = askAbout(turned | 0x160);
  EXPECT_EQ(answer.ending, Ending::ProtNone);
  EXPECT_EQ(answer.physical, PhysAddr(0x5600123));
  EXPECT_EQ(answer.rights, PageRights());
}

TEST_F(TranslatorTest, AHugeProtNonePageKeepsTheOffsetInIt) {
  const uint64_t turned = ~uint64_t(0x5600000) & bits(51, 21);
  process.setEntry(userPage, 2, turned | 0x1e0);
  AddressAnswer answer = ask(userPage + 0x54321);
  EXPECT_EQ(answer.ending, Ending::ProtNone);
  EXPECT_EQ(answer.physical, PhysAddr(0x5654321));
  EXPECT_EQ(answer.pageBytes, uint64_t(2) << 20);
}

/// Type 3 in bits 63:59, the offset turned in 58:9.
TEST_F(TranslatorTest, SwappedSaysWhereTo) {
  const uint64_t entry =
      uint64_t(3) << 59 | ((~uint64_t(0x1234) & lowBits(50)) << 9);
  AddressAnswer answer = askAbout(entry);
  EXPECT_EQ(answer.ending, Ending::Swapped);
  EXPECT_EQ(answer.swapType, 3u);
  EXPECT_EQ(answer.swapOffset, 0x1234u);
  EXPECT_FALSE(answer.physical);
}

TEST_F(TranslatorTest, BitsOfAnUpperLevelCanBeReserved) {
  process.setEntry(userPage, 0, 0x80 | x86_64::presentBit);
  EXPECT_EQ(ask(userPage).ending, Ending::ReservedBits);
}

TEST_F(TranslatorTest, TheKernelIsNotSwapped) {
  process.setEntry(VirtAddr(0xffffc90000000000), 3, 0x1200);
  EXPECT_EQ(ask(VirtAddr(0xffffc90000000000)).ending, Ending::NotPresent);
}

TEST_F(TranslatorTest, SomeAddressesAreOfNoTable) {
  EXPECT_EQ(ask(VirtAddr(0x0000800000000000)).ending, Ending::NotCanonical);
  EXPECT_EQ(ask(VirtAddr(0xffff7fffffffffff)).ending, Ending::NotCanonical);
}

TEST_F(TranslatorTest, AnAbsentTableIsNotEmpty) {
  process.map(userPage, PhysAddr(0x5600000), 7, 3);
  const PhysAddr table = process.tableOf(userPage, 3);
  built.memory->setAbsent(table, Absence::Corrupt);
  AddressAnswer answer = ask(userPage);
  EXPECT_EQ(answer.ending, Ending::TableAbsent);
  EXPECT_EQ(answer.translation.absent.absence, Absence::Corrupt);
  EXPECT_EQ(answer.translation.steps.size(), 3u);
}

TEST_F(TranslatorTest, ATableThatIsLeftOutAsZerosIsEmpty) {
  process.map(userPage, PhysAddr(0x5600000), 7, 3);
  built.memory->setAbsent(process.tableOf(userPage, 3), Absence::Excluded);
  EXPECT_EQ(ask(userPage).ending, Ending::TableAbsent);
  built.memory->zeroPagesExcluded = true;
  EXPECT_EQ(ask(userPage).ending, Ending::NoEntry);
  EXPECT_TRUE(ask(userPage).isTableExcluded);
}

TEST_F(TranslatorTest, TheRootIsNeverEmpty) {
  built.memory->setAbsent(process.root(), Absence::Excluded);
  built.memory->zeroPagesExcluded = true;
  EXPECT_EQ(ask(userPage).ending, Ending::TableAbsent);
}

TEST_F(TranslatorTest, TheKernelsTablesTranslateTheKernel) {
  AddressAnswer answer = Translator::ofKernel(*debug).ask(built.image + 0x10);
  EXPECT_EQ(answer.physical, built.physical + 0x10);
  EXPECT_EQ(Translator::ofKernel(*debug).ask(userPage).ending, Ending::NoEntry);
}

TEST_F(TranslatorTest, ARootIsTakenAsItIs) {
  process.map(userPage, PhysAddr(0x5600000), 7, 3);
  EXPECT_EQ(Translator::ofRoot(*debug, process.root()).ask(userPage).physical,
            PhysAddr(0x5600000));
}

/// Regions may lie in one another.
TEST(RegionAt, IsTheSmallest) {
  KernelImage kernel;
  kernel.regions = {
      {Region::Vmalloc, VirtAddr(0x1000), VirtAddr(0x8fff), "test"},
      {Region::KernelImage, VirtAddr(0x2000), VirtAddr(0x2fff), "test"}};
  EXPECT_EQ(findRegionAt(kernel, VirtAddr(0x2fff))->region,
            Region::KernelImage);
  EXPECT_EQ(findRegionAt(kernel, VirtAddr(0x3000))->region, Region::Vmalloc);
  EXPECT_EQ(findRegionAt(kernel, VirtAddr(0x9000)), nullptr);
}

/// Nothing is "not canonical" here.
TEST(TranslatorOfS390x, AnAddressMayBeBeyondTheLimitOfItsTables) {
  constexpr VirtAddr imageAt(0x3ffff800000);
  BuiltKernel built(s390x::regionThird, imageAt, PhysAddr(0x274000));
  built.dump.vmcoreinfo =
      built.info("6.12.0", "SYMBOL(lowcore_ptr)=3ffffa00000\nIDENTITYBASE=0\n"
                           "KERNELOFFSET=3ffff800000\n"
                           "KERNELOFFPHYS=274000\n");
  const KernelImage kernel = valueOf(built.find());
  Diagnostics diagnostics;
  auto debug = valueOf(Kernel::create(kernel, *built.memory, {}, diagnostics));
  PageTableBuilder task(*built.memory, s390x::segments, PhysAddr(0x8000000));
  task.map(VirtAddr(0x1000), PhysAddr(0x77000), 0x35, 1);
  const Translator ofTask = Translator::ofTask(*debug, task.root());
  EXPECT_EQ(ofTask.ask(VirtAddr(0x1000)).ending, Ending::Page);
  EXPECT_EQ(ofTask.ask(VirtAddr(0x7fffffff)).ending, Ending::NoEntry);
  EXPECT_EQ(ofTask.ask(VirtAddr(0x80000000)).ending, Ending::BeyondLimit);
  const Translator ofKernel = Translator::ofKernel(*debug);
  EXPECT_EQ(ofKernel.ask(imageAt).ending, Ending::Page);
  EXPECT_EQ(ofKernel.ask(VirtAddr(0x40000000000)).ending, Ending::BeyondLimit);
  EXPECT_EQ(ofKernel.ask(VirtAddr(~uint64_t(0))).ending, Ending::BeyondLimit);
}

} // namespace
