// The rules of processes, and those that compare struct pages with tables.
#include "support/AuditObjects.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

using Machine = AuditObjects;

constexpr uint64_t vmPrivateText = VmRead | VmExec, vmData = VmRead | VmWrite;
constexpr VirtAddr code{0x400000}, heap{0x600000};

class AuditUserTest : public ::testing::Test {
protected:
  void SetUp() override {
    machine.addArea(10, code, code + 0x2000, vmPrivateText);
    machine.addArea(10, heap, heap + 0x4000, vmData);
    map(code, page(1), Machine::userText);
    map(heap, page(2), Machine::userData);
  }
  PhysAddr page(unsigned number) const {
    return Machine::ram + 0x10000 + number * 0x1000;
  }
  /// With a struct page that counts it.
  void map(VirtAddr at, PhysAddr frame, uint64_t flags) {
    machine.user.map(at, frame, flags, 3);
    FrameFacts facts = Machine::sound();
    facts.mapCount = 1;
    machine.frames[frame.value >> 12] = facts;
  }
  FrameFacts &frame(PhysAddr at) { return machine.frames[at.value >> 12]; }
  static std::string finding(const char *rule, VirtAddr at,
                             uint64_t bytes = 4096, unsigned pid = 10) {
    return std::string(rule) + " " + std::to_string(pid) + " " + hex(at) + "-" +
           hex(at + (bytes - 1)) + "\n";
  }
  void countFrames() {
    machine.scene().sections = {
        {Machine::ram.value >> 12, Machine::ramBytes >> 12, VirtAddr(0)}};
  }

  AuditObjects machine;
};

TEST_F(AuditUserTest, ASoundProcessHasNothing) {
  countFrames();
  EXPECT_EQ(machine.audit(AuditSeverity::Info), "");
}

TEST_F(AuditUserTest, APageWithoutAnArea) {
  map(heap + 0x4000, page(3), Machine::userData);
  EXPECT_EQ(machine.audit(), finding("user-without-vma", heap + 0x4000));
}

TEST_F(AuditUserTest, WhileAreasChangeThatIsInfo) {
  map(heap + 0x4000, page(3), Machine::userData);
  machine.areas[machine.mmOf(10).value].isBusy = true;
  EXPECT_EQ(machine.audit(), "");
  EXPECT_EQ(machine.audit(AuditSeverity::Info),
            finding("user-without-vma", heap + 0x4000));
}

TEST_F(AuditUserTest, AListThatBrokeOffAccusesNobody) {
  map(heap + 0x4000, page(3), Machine::userData);
  machine.areas[machine.mmOf(10).value].problem = "the tree breaks off";
  machine.audit();
  EXPECT_EQ(machine.findings.front().severity, AuditSeverity::Low);
  EXPECT_NE(machine.gapOf(AuditRule::UserWithoutVma).find("partial"),
            std::string::npos);
}

TEST_F(AuditUserTest, WritableBeyondItsArea) {
  map(code + 0x1000, page(3), 0x67);
  EXPECT_EQ(machine.audit(), finding("user-beyond-vma", code + 0x1000));
}

TEST_F(AuditUserTest, ExecutableBeyondItsArea) {
  map(heap + 0x1000, page(3), 0x67);
  EXPECT_EQ(machine.audit(), finding("user-beyond-vma", heap + 0x1000));
}

/// noexec=off, or i386 with PAE since 5.19: a kernel that closes no page.
TEST_F(AuditUserTest, AKernelThatUsesNoNxAccusesNobody) {
  map(heap, page(2), 0x67);
  map(heap + 0x1000, page(3), 0x67);
  EXPECT_EQ(machine.audit(), "");
  EXPECT_EQ(machine.audit(AuditSeverity::Info),
            finding("user-beyond-vma", heap, 0x2000));
}

TEST_F(AuditUserTest, LessThanItsAreaGrantsIsLegal) {
  map(heap + 0x1000, page(3), Machine::userRead); // copy on write
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, OpenInAnAreaOfProtNone) {
  machine.addArea(10, VirtAddr(0x800000), VirtAddr(0x801000), 0);
  map(VirtAddr(0x800000), page(3), Machine::userRead);
  EXPECT_EQ(machine.audit(), finding("user-beyond-vma", VirtAddr(0x800000)));
}

TEST_F(AuditUserTest, AProtNoneEntryIsLegal) {
  machine.addArea(10, VirtAddr(0x800000), VirtAddr(0x801000), 0);
  machine.user.setEntry(VirtAddr(0x800000), 3,
                        (~page(3).value & bits(51, 12)) | 0x160);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, ClosedToUserCode) {
  map(heap + 0x1000, page(3), Machine::userData & ~uint64_t(4));
  EXPECT_EQ(machine.audit(), finding("user-without-user-bit", heap + 0x1000));
}

TEST_F(AuditUserTest, OutsideOfRam) {
  machine.user.map(heap + 0x1000, PhysAddr(0x4000000000), Machine::userData, 3);
  EXPECT_EQ(machine.audit(), finding("outside-ram", heap + 0x1000));
}

TEST_F(AuditUserTest, ADevicesAreaIsOutsideOfRam) {
  machine.addArea(10, VirtAddr(0x800000), VirtAddr(0x801000),
                  vmData | VmPfnMap);
  machine.user.map(VirtAddr(0x800000), PhysAddr(0x4000000000),
                   Machine::userData, 3);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, AFreePage) {
  frame(page(2)).flags = bit(KpfBuddy);
  EXPECT_EQ(machine.audit(), finding("maps-free-page", heap));
}

TEST_F(AuditUserTest, APageThatNothingRefersTo) {
  frame(page(2)).refCount = 0;
  EXPECT_EQ(machine.audit(), finding("maps-free-page", heap));
}

TEST_F(AuditUserTest, MemoryOfTheKernel) {
  frame(page(2)).flags = bit(KpfSlab);
  EXPECT_EQ(machine.audit(), finding("maps-slab-or-table", heap));
  frame(page(2)).flags = bit(KpfReserved); // memory of a driver
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, TheKernelsImageWritable) {
  map(heap + 0x1000, machine.built.physical + 0x20000, Machine::userData);
  frame(machine.built.physical + 0x20000).flags = bit(KpfReserved);
  machine.kernelImage.imageRuns = {
      {Machine::image, machine.built.physical, 0x300000, 0}};
  EXPECT_EQ(machine.audit(), finding("maps-slab-or-table", heap + 0x1000));
  // As [vvar] is.
  machine.user.map(heap + 0x1000, machine.built.physical + 0x20000,
                   Machine::userRead, 3);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, ItsOwnTable) {
  const PhysAddr table = machine.user.tableOf(heap, 3);
  map(heap + 0x1000, table, Machine::userData);
  EXPECT_EQ(machine.audit(), finding("table-writable-alias", heap + 0x1000) +
                                 finding("maps-slab-or-table", heap + 0x1000));
}

TEST_F(AuditUserTest, TextOfTheKernelWritable) {
  map(heap + 0x1000, machine.built.physical + 0x3000, Machine::userData);
  EXPECT_EQ(machine.audit(), finding("kernel-text-alias", heap + 0x1000));
  machine.user.map(heap + 0x1000, machine.built.physical + 0x3000,
                   Machine::userRead, 3);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, ThePageOfZerosWritable) {
  frame(page(2)).flags = bit(KpfZeroPage) | bit(KpfReserved);
  EXPECT_EQ(machine.audit(), finding("zero-page-writable", heap));
  map(heap, page(2), Machine::userRead | bit(9));
  frame(page(2)).flags = bit(KpfZeroPage) | bit(KpfReserved);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, APrivateCopyOfCode) {
  machine.areas[machine.mmOf(10).value].vmas[0].file =
      VirtAddr(0xffff888005000000);
  frame(page(1)).flags = bit(KpfAnon);
  EXPECT_EQ(machine.audit(), finding("dirty-executable", code));
  frame(page(1)).flags = bit(KpfLru); // of the file itself
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, CodeOfACompilerIsInfo) {
  frame(page(1)).flags = bit(KpfAnon);
  EXPECT_EQ(machine.audit(), "");
  EXPECT_EQ(machine.audit(AuditSeverity::Info),
            finding("dirty-executable", code));
}

TEST_F(AuditUserTest, AnAreaOfBothRightsIsInfo) {
  machine.addArea(10, VirtAddr(0x800000), VirtAddr(0x802000), vmData | VmExec);
  EXPECT_EQ(machine.audit(), "");
  EXPECT_EQ(machine.audit(AuditSeverity::Info),
            finding("rwx-mapping", VirtAddr(0x800000), 0x2000));
}

TEST_F(AuditUserTest, MappedMoreOftenThanCounted) {
  countFrames();
  frame(page(2)).mapCount = 0;
  EXPECT_EQ(machine.audit(), finding("mapcount-mismatch", heap));
  frame(page(2)).isTyped = true; // the number counts nothing
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, MappedLessOftenThanCounted) {
  countFrames();
  frame(page(2)).mapCount = 2;
  EXPECT_EQ(machine.audit(), "mapcount-mismatch 0\n");
  EXPECT_EQ(machine.findings.front().severity, AuditSeverity::Low);
}

/// Whatever maps a page holds it, too.
TEST_F(AuditUserTest, ACountAboveTheReferencesCountsNoMappings) {
  countFrames();
  FrameFacts &facts = frame(page(5));
  facts.state = PageFacts::State::Known;
  facts.mapCount = facts.refCount = 2;
  EXPECT_EQ(machine.audit(), "mapcount-mismatch 0\n");
  facts.mapCount = 0x9b001;
  EXPECT_EQ(machine.audit(), "");
  facts.mapCount = 1;
  facts.mapping = 0xffff888000001002; // of zsmalloc, say
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, MorePagesThanTheCountersHave) {
  machine.addArea(10, VirtAddr(0x800000), VirtAddr(0x900000), vmData);
  for (unsigned i = 0; i < 98; ++i)
    map(VirtAddr(0x800000) + i * 0x1000, page(8 + i), Machine::userData);
  EXPECT_EQ(machine.audit(), "rss-mismatch 10\n");
  // MM_FILEPAGES and MM_ANONPAGES.
  const PhysAddr counters = Machine::ram + 0x80000 + 10 * 0x100 + 0x40;
  machine.built.memory->writeNumber<uint64_t>(counters, 40);
  machine.built.memory->writeNumber<uint64_t>(counters + 8, 60);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, TwoProcessesCountTwice) {
  countFrames();
  machine.scene();
  machine.addTask(20, machine.other.root());
  machine.addArea(20, heap, heap + 0x1000, vmData);
  machine.other.map(heap, page(2), Machine::userData, 3);
  frame(page(2)).mapCount = 2;
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditUserTest, WithAnAbsentTableNothingIsMappedTooRarely) {
  countFrames();
  machine.user.map(VirtAddr(0x40000000), page(4), Machine::userData, 3);
  machine.built.memory->setAbsent(machine.user.tableOf(VirtAddr(0x40000000), 3),
                                  Absence::Truncated);
  frame(page(4)).mapCount = 1;
  frame(page(4)).state = PageFacts::State::Known;
  EXPECT_EQ(machine.audit(), "");
  EXPECT_NE(machine.gapOf(AuditRule::MapcountMismatch).find("partial"),
            std::string::npos);
}

TEST_F(AuditUserTest, WithoutAreasRulesAreNotJudged) {
  machine.scene().areasOf = nullptr;
  machine.scene().vmasProblem = "no BTF";
  map(heap + 0x9000, page(3), Machine::userData);
  EXPECT_EQ(machine.audit(), "");
  for (AuditRule rule : {AuditRule::UserWithoutVma, AuditRule::UserBeyondVma,
                         AuditRule::RwxMapping})
    EXPECT_EQ(machine.gapOf(rule),
              "not_judged: memory areas of processes are not known: no BTF\n");
}

} // namespace
