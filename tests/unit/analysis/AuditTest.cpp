// The rules of the kernel's half and of both halves: each with a defect, and
// with what looks like it and is innocent.
#include "support/AuditObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

using Machine = AuditObjects;

class AuditTest : public ::testing::Test {
protected:
  /// A page of vmalloc space that the sound machine has.
  const VirtAddr page = Machine::vmalloc;
  std::string finding(const char *rule, VirtAddr at, uint64_t bytes = 4096,
                      unsigned pid = 0) {
    return std::string(rule) + " " + std::to_string(pid) + " " + hex(at) + "-" +
           hex(at + (bytes - 1)) + "\n";
  }
  bool found(const std::string &line) {
    const std::string all = machine.audit();
    EXPECT_NE(all.find(line), std::string::npos) << "there is:\n" << all;
    return true;
  }

  AuditObjects machine;
};

TEST_F(AuditTest, ASoundMachineHasNothing) {
  EXPECT_EQ(machine.audit(AuditSeverity::Info), "");
  EXPECT_EQ(machine.wxPages, 0u);
}

TEST_F(AuditTest, WritableAndExecutable) {
  machine.tables().map(page, Machine::ram, 0x163, 3);
  found(finding("kernel-wx", page));
  EXPECT_EQ(machine.wxPages, 1u);
  EXPECT_EQ(machine.findings.front().entry, Machine::ram.value | 0x163);
  EXPECT_EQ(machine.findings.front().entryAddress,
            machine.tables().entryAddress(page, 3));
}

TEST_F(AuditTest, NotIfATableAboveIsReadOnly) {
  machine.tables().map(page, Machine::ram, 0x163, 3);
  const PhysAddr entry = machine.tables().entryAddress(page, 2);
  machine.built.memory->writeNumber<uint64_t>(
      entry, machine.tables().tableOf(page, 3).value | 1);
  EXPECT_EQ(machine.audit().find("kernel-wx"), std::string::npos);
}

TEST_F(AuditTest, OpenToUserCode) {
  machine.tables().map(page, Machine::ram, Machine::kernelData | 4, 3);
  // The tables above do not let user code through.
  EXPECT_EQ(machine.audit().find("kernel-user-accessible"), std::string::npos);
  for (unsigned level = 0; level < 3; ++level)
    machine.built.memory->writeNumber<uint64_t>(
        machine.tables().entryAddress(page, level),
        machine.tables().tableOf(page, level + 1).value | 7);
  found(finding("kernel-user-accessible", page));
}

TEST_F(AuditTest, TheVsyscallPageIsOpen) {
  machine.tables().setTableBits(7);
  machine.tables().map(VirtAddr(0xffffffffff600000), Machine::ram,
                       Machine::kernelRead | 4, 3);
  machine.built.memory->writeNumber<uint64_t>(
      machine.tables().entryAddress(VirtAddr(0xffffffffff600000), 0),
      machine.tables().tableOf(VirtAddr(0xffffffffff600000), 1).value | 7);
  EXPECT_EQ(machine.audit().find("0xffffffffff600000"), std::string::npos);
}

TEST_F(AuditTest, AnotherPageOfTheFixmapIsNot) {
  const VirtAddr page(0xffffffffff5ff000);
  machine.tables().map(page, Machine::ram, Machine::kernelRead | 4, 3);
  for (unsigned level = 0; level < 3; ++level)
    machine.built.memory->writeNumber<uint64_t>(
        machine.tables().entryAddress(page, level),
        machine.tables().tableOf(page, level + 1).value | 7);
  found(finding("kernel-user-accessible", page));
}

TEST_F(AuditTest, TextIsWritable) {
  machine.tables().map(Machine::text, machine.built.physical, 0x163, 3);
  found(finding("kernel-text-writable", Machine::text));
  EXPECT_EQ(machine.audit().find("kernel-rodata-writable"), std::string::npos);
}

TEST_F(AuditTest, RodataIsWritable) {
  machine.tables().map(Machine::rodata, machine.built.physical + 0x10000,
                       Machine::kernelData, 3);
  found(finding("kernel-rodata-writable", Machine::rodata));
}

TEST_F(AuditTest, WithRodataOffThatIsInfo) {
  machine.tables().map(Machine::rodata, machine.built.physical + 0x10000,
                       Machine::kernelData, 3);
  machine.scene().isRodataOff = true;
  EXPECT_EQ(machine.audit().find("kernel-rodata-writable"), std::string::npos);
  EXPECT_NE(machine.audit(AuditSeverity::Info).find("kernel-rodata-writable"),
            std::string::npos);
}

/// Sections of 32-bit Arm are not split.
TEST_F(AuditTest, TextMayEndInAPageOfReadOnlyData) {
  machine.tables().map(Machine::rodata, machine.built.physical + 0x10000,
                       Machine::kernelText, 3);
  EXPECT_EQ(machine.audit(),
            finding("kernel-executable-data", Machine::rodata));
  machine.scene().parts[0].last = Machine::rodata + 0x7ff;
  machine.scene().parts[1].first = Machine::rodata + 0x800;
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditTest, PartsOfModulesAreProtectedToo) {
  const VirtAddr text = Machine::modules, data = Machine::modules + 0x1000;
  machine.tables().map(text, Machine::ram + 0x8000, 0x163, 3);
  machine.tables().map(data, Machine::ram + 0x9000, Machine::kernelData, 3);
  machine.scene().parts.insert(
      machine.scene().parts.begin(),
      {CodePart::Text, text, text + 0xfff, "module demo", true});
  VmallocArea area;
  area.start = text;
  area.sizeBytes = 0x3000;
  machine.scene().areas->insert(machine.scene().areas->end(), area);
  llvm::sort(*machine.scene().areas,
             [](auto &a, auto &b) { return a.start < b.start; });
  llvm::sort(machine.scene().parts,
             [](auto &a, auto &b) { return a.first < b.first; });
  found(finding("kernel-text-writable", text));
  EXPECT_EQ(machine.audit().find(hex(data) + "-"), std::string::npos);
}

TEST_F(AuditTest, TextIsMappedWritableElsewhere) {
  machine.tables().map(page, machine.built.physical + 0x3000,
                       Machine::kernelData, 3);
  found(finding("kernel-text-alias", page));
}

TEST_F(AuditTest, AReadOnlyAliasOfTextIsInnocent) {
  machine.tables().map(page, machine.built.physical + 0x3000,
                       Machine::kernelRead, 3);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditTest, OnePageOfTextIsWritableInTheDirectMap) {
  const PhysAddr text = machine.built.physical + 0x3000;
  machine.tables().map(machine.at(text), text, Machine::kernelData, 3);
  EXPECT_EQ(machine.audit(), finding("kernel-text-alias", machine.at(text)));
}

// i386 without PAE, loongarch64.
TEST_F(AuditTest, AKernelThatUsesNoNxHasNoWritableCode) {
  constexpr uint64_t noExecute = bit(63);
  auto map = [&](VirtAddr at, PhysAddr page, uint64_t flags, uint64_t count) {
    machine.tables().mapRange(at, page, flags & ~noExecute, 3, count);
  };
  constexpr uint64_t imagePages = BuiltKernel::imageBytes / 4096;
  map(machine.at(machine.built.physical), machine.built.physical,
      Machine::kernelRead, imagePages);
  map(Machine::text, machine.built.physical, Machine::kernelRead, 0x20);
  map(Machine::data, machine.built.physical + 0x20000, Machine::kernelData,
      imagePages - 0x20);
  map(machine.at(Machine::ram), Machine::ram, Machine::kernelData,
      Machine::ramBytes / 4096);
  map(page, Machine::ram, Machine::kernelData, 2);
  EXPECT_EQ(machine.audit(), "");
  EXPECT_THAT(machine.gapOf(AuditRule::KernelWx),
              ::testing::HasSubstr("not_applicable: this kernel keeps none"));
  EXPECT_FALSE(machine.wxPages);

  // The pages that are kept from it may be those of a table that is missing.
  const PhysAddr slot = machine.tables().entryAddress(page + 0x200000, 2);
  machine.built.memory->writeNumber<uint64_t>(slot, 0x7654321003);
  machine.audit();
  EXPECT_THAT(machine.gapOf(AuditRule::KernelWx),
              ::testing::HasSubstr("not_judged: tables of the kernel are"));
  EXPECT_FALSE(machine.wxPages);
  machine.built.memory->writeNumber<uint64_t>(slot, 0);

  // One page that may not be executed, and the kernel does use it.
  map(page + 0x1000, Machine::ram, Machine::kernelData, 1);
  machine.tables().map(page + 0x1000, Machine::ram, Machine::kernelData, 3);
  found(finding("kernel-wx", page));
  EXPECT_EQ(machine.gapOf(AuditRule::KernelWx), "");
}

// loongarch64.
TEST_F(AuditTest, AKernelThatProtectsNothingHasNoWritableText) {
  auto map = [&](VirtAddr at, PhysAddr first, uint64_t count) {
    machine.tables().mapRange(at, first, Machine::kernelData, 3, count);
  };
  constexpr uint64_t imagePages = BuiltKernel::imageBytes / 4096;
  map(machine.at(machine.built.physical), machine.built.physical, imagePages);
  map(Machine::text, machine.built.physical, imagePages);
  // The second table of the image, which was made before the others.
  const VirtAddr second = Machine::text + 0x200000;
  machine.built.memory->writeNumber<uint64_t>(
      machine.tables().entryAddress(second, 2),
      machine.tables().tableOf(second, 3).value | 3);
  EXPECT_EQ(machine.audit(), "");
  for (AuditRule rule :
       {AuditRule::KernelTextWritable, AuditRule::KernelRodataWritable})
    EXPECT_THAT(machine.gapOf(rule),
                ::testing::HasSubstr("not_applicable: this kernel keeps none"));

  // One page that is read-only, and the kernel does protect some.
  machine.tables().map(page, Machine::ram, Machine::kernelRead, 3);
  found(finding("kernel-rodata-writable", Machine::rodata, 0x10000));
}

// Its cost is that of what is mapped: page by page this would be hundreds of
// millions of them.
TEST_F(AuditTest, ATerabyteIsExecutable) {
  constexpr uint64_t largePage = uint64_t(1) << 30;
  machine.scene().areas.reset();
  for (uint64_t i = 1; i < 1024; ++i)
    machine.tables().map(Machine::vmalloc + i * largePage,
                         PhysAddr((i - 1) * largePage),
                         Machine::kernelText | 0x80, 1);
  const std::string all = machine.audit(AuditSeverity::Info);
  EXPECT_NE(all.find(finding("kernel-text-alias", machine.at(Machine::ram),
                             Machine::ramBytes)),
            std::string::npos)
      << all;
}

TEST_F(AuditTest, AKernelThatProtectsNoneOfItIsOneOfThose) {
  machine.tables().mapRange(machine.at(machine.built.physical),
                            machine.built.physical, Machine::kernelData, 3,
                            0x20);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditTest, TheDirectMapIsNotExecutable) {
  const VirtAddr at = machine.at(Machine::ram + 0x4000);
  machine.tables().map(at, Machine::ram + 0x4000, Machine::kernelText, 3);
  found(finding("kernel-executable-data", at));
}

TEST_F(AuditTest, TheTrampolineOfOtherCpusIs) {
  machine.built.memory->addZeros(PhysAddr(0x98000), 0x1000);
  machine.tables().map(machine.at(PhysAddr(0x98000)), PhysAddr(0x98000),
                       Machine::kernelText, 3);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditTest, VmallocSpaceIsExecutableForWhoMakesCode) {
  machine.tables().map(page, Machine::ram, Machine::kernelText, 3);
  EXPECT_EQ(machine.audit(), finding("kernel-executable-data", page));
  (*machine.scene().areas)[0].flags |= 0x100; // VM_FLUSH_RESET_PERMS
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditTest, APageWithoutAnArea) {
  const VirtAddr at = Machine::vmalloc + 0x10000;
  machine.tables().map(at, Machine::ram + 0x5000, Machine::kernelData, 3);
  EXPECT_EQ(machine.audit(), finding("stray-entry", at));
}

TEST_F(AuditTest, APageOfAnAreaThatWasGivenBack) {
  (void)machine.scene();
  (*machine.scene().areas)[0].kind = VmallocArea::Lazy;
  EXPECT_EQ(machine.audit(), finding("stray-entry", page, 0x2000));
}

TEST_F(AuditTest, WithoutAreasNothingIsStrayAndThatIsSaid) {
  machine.scene().areas.reset();
  machine.scene().areasProblem = "no symbol";
  EXPECT_EQ(machine.audit(), "");
  EXPECT_EQ(machine.gapOf(AuditRule::StrayEntry),
            "not_judged: vmalloc areas are not known: no symbol\n");
}

TEST_F(AuditTest, APageThatMayBeInAnAreaThatIsLostIsNotStray) {
  const VirtAddr at = Machine::vmalloc + 0x10000;
  machine.tables().map(at, Machine::ram + 0x5000, Machine::kernelData, 3);
  machine.tables().map(at + 0x1000, Machine::ram + 0x6000, Machine::kernelText,
                       3);
  machine.scene().areasProblem = "the list breaks off";
  EXPECT_EQ(machine.audit(), "");
  EXPECT_EQ(machine.gapOf(AuditRule::KernelExecutableData),
            "partial: the list breaks off\n");
  EXPECT_EQ(machine.gapOf(AuditRule::StrayEntry),
            "partial: the list breaks off\n");
}

TEST_F(AuditTest, ATableIsMappedOutsideTheDirectMap) {
  machine.tables().map(page, machine.tables().root(), Machine::kernelData, 3);
  EXPECT_EQ(machine.audit(), finding("table-writable-alias", page));
}

TEST_F(AuditTest, AProcessesTableToo) {
  machine.tables().map(page, machine.user.root(), Machine::kernelRead, 3);
  EXPECT_EQ(machine.audit(), finding("table-writable-alias", page));
  EXPECT_EQ(machine.findings.front().severity, AuditSeverity::Medium);
}

TEST_F(AuditTest, ATableInAFreePage) {
  const VirtAddr at = Machine::vmalloc + 0x40000000;
  machine.tables().map(at, Machine::ram, Machine::kernelData, 3);
  const PhysAddr table = machine.tables().tableOf(at, 3);
  machine.setFrame(table, bit(KpfBuddy), 0);
  EXPECT_EQ(machine.audit(), finding("freed-table", at, 0x200000));
  machine.setFrame(table, bit(KpfAnon) | bit(KpfLru));
  EXPECT_EQ(machine.audit(), finding("freed-table", at, 0x200000));
  machine.setFrame(table, bit(KpfPgTable));
  EXPECT_EQ(machine.audit(), finding("stray-entry", at));
}

TEST_F(AuditTest, ATableThatLeadsToItself) {
  const VirtAddr at = Machine::vmalloc + 0x40000000;
  const PhysAddr table = machine.tables().tableOf(at, 2);
  machine.tables().setEntry(at, 2, table.value | 3);
  found(finding("table-loop", at, 0x200000));
}

TEST_F(AuditTest, ATableThatIsSharedIsNone) {
  // As KASAN's shadow and espfix have them.
  const VirtAddr at = Machine::vmemmap, again = Machine::vmemmap + 0x200000;
  machine.tables().map(at, Machine::ram, Machine::kernelData, 3);
  machine.tables().setEntry(again, 2,
                            machine.tables().tableOf(at, 3).value | 3);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditTest, ATableOfTwoLevels) {
  const VirtAddr at = Machine::vmalloc + 0x40000000;
  machine.tables().setEntry(
      at, 2, machine.tables().tableOf(Machine::direct, 2).value | 3);
  found(finding("table-loop", at, 0x200000));
}

TEST_F(AuditTest, OutsideOfRam) {
  machine.tables().map(page, PhysAddr(0x4000000000), Machine::kernelData, 3);
  EXPECT_EQ(machine.audit(), finding("outside-ram", page));
  (*machine.scene().areas)[0].flags = VmIoremap;
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditTest, MoreAddressBitsThanTheProcessorHas) {
  machine.tables().map(page, Machine::ram, Machine::kernelData | bit(51), 3);
  machine.scene().physicalBits = 40;
  EXPECT_EQ(machine.audit(), finding("reserved-bits", page));
  machine.scene().physicalBits = 52;
  EXPECT_EQ(machine.audit(), finding("outside-ram", page));
}

TEST_F(AuditTest, AFormThatIsReserved) {
  const VirtAddr at(0xffffc88000000000);
  machine.tables().setEntry(at, 0, 0x81);
  found(finding("reserved-bits", at, uint64_t(1) << 39));
}

TEST_F(AuditTest, AFreePageIsMapped) {
  machine.setFrame(Machine::ram, bit(KpfBuddy), 0);
  // The direct map maps it, too, and may.
  EXPECT_EQ(machine.audit(), finding("maps-free-page", page));
}

TEST_F(AuditTest, ThePageOfZerosIsWritable) {
  machine.setFrame(Machine::ram, bit(KpfZeroPage) | bit(KpfReserved));
  EXPECT_EQ(machine.audit(), finding("zero-page-writable", page));
}

TEST_F(AuditTest, UnknownStructPagesAreSaid) {
  machine.scene().frameAt = nullptr;
  machine.scene().framesProblem = "no BTF";
  EXPECT_EQ(machine.audit(), "");
  EXPECT_EQ(machine.gapOf(AuditRule::MapsFreePage),
            "not_judged: struct pages are not known: no BTF\n");
}

TEST_F(AuditTest, AProcessHasAnEntryThatTheKernelHasNot) {
  const VirtAddr at(0xffff800000000000);
  machine.user.setTableBits(3);
  machine.user.map(at, Machine::ram, 0x163, 3);
  found(finding("kernel-half-differs", at, uint64_t(1) << 39, 10));
  found(finding("kernel-wx", at, 4096, 10));
  EXPECT_EQ(machine.wxPages, 0u) << "the kernel's own check does not see it";
}

TEST_F(AuditTest, AnEntryThatTheProcessLacksIsFilledInLater) {
  machine.user.setEntry(Machine::direct, 0,
                        machine.tables().tableOf(Machine::direct, 1).value |
                            0x63); // accessed
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditTest, ACopyOfATableIsAnotherTable) {
  const PhysAddr copy = machine.user.newTable(1);
  machine.user.setEntry(Machine::direct, 0, copy.value | 3);
  EXPECT_EQ(machine.audit(), finding("kernel-half-differs", Machine::direct,
                                     uint64_t(1) << 39, 10));
}

/// A process with two top tables, the kernel's and 4K behind it the user's.
class AuditPtiTest : public AuditTest {
protected:
  void SetUp() override {
    ofKernel.skipTo(PhysAddr(0x4002000));
    ofUser.skipTo(PhysAddr(0x4100000));
    ofUser.setTableBits(7);
    ofUser.map(code, Machine::ram + 0x20000, Machine::userText, 3);
    ofKernel.setEntry(code, 0, entryOf(code) | noExecute);
    (void)machine.scene();
    machine.scene().tasks.tasks.clear();
    machine.addTask(30, ofKernel.root());
    machine.addArea(30, code, code + 0x1000, VmRead | VmExec);
  }
  uint64_t entryOf(VirtAddr at) { return ofUser.tableOf(at, 1).value | 7; }

  static constexpr uint64_t noExecute = bit(63);
  const VirtAddr code{0x400000};
  PageTableBuilder ofKernel{*machine.built.memory, x86_64::fourLevel,
                            PhysAddr(0x4000000)},
      ofUser{*machine.built.memory, x86_64::fourLevel, PhysAddr(0x4001000)};
};

TEST_F(AuditPtiTest, TheKernelsCopyForbidsExecution) {
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditPtiTest, TheTwoTablesDiffer) {
  ofKernel.setEntry(code, 0, ofUser.newTable(1).value | 7 | noExecute);
  EXPECT_EQ(machine.audit(),
            finding("pti-differs", VirtAddr(0), uint64_t(1) << 39, 30));
}

TEST_F(AuditPtiTest, TheUsersTableMapsTheKernel) {
  ofUser.setEntry(Machine::direct, 0,
                  machine.tables().tableOf(Machine::direct, 1).value | 3);
  EXPECT_EQ(machine.audit(),
            finding("pti-leak", Machine::direct, uint64_t(1) << 39, 30));
}

TEST_F(AuditPtiTest, WhatTheKernelsOwnSecondTableHasIsInnocent) {
  // The entry code, as the kernel's second table has it.
  const PhysAddr second =
      machine.built.physical + BuiltKernel::rootOffset + 0x1000;
  PageTableBuilder shared{*machine.built.memory, x86_64::fourLevel,
                          PhysAddr(0x4200000)};
  shared.setTableBits(3);
  shared.map(Machine::text, machine.built.physical, Machine::kernelText, 3);
  const uint64_t entry = shared.tableOf(Machine::text, 1).value | 3;
  machine.built.memory->writeNumber<uint64_t>(second + 511 * 8, entry);
  ofUser.setEntry(Machine::text, 0, entry);
  EXPECT_EQ(machine.audit(), "");
}

TEST_F(AuditPtiTest, TheKernelsOwnSecondTableLeaksForAll) {
  const PhysAddr second =
      machine.built.physical + BuiltKernel::rootOffset + 0x1000;
  PageTableBuilder shared{*machine.built.memory, x86_64::fourLevel,
                          PhysAddr(0x4200000)};
  shared.setTableBits(3);
  shared.map(Machine::direct, PhysAddr(0x5000000), Machine::kernelData | 0x80,
             2);
  machine.built.memory->writeNumber<uint64_t>(
      second + 273 * 8, shared.tableOf(Machine::direct, 1).value | 3);
  EXPECT_EQ(machine.audit(), finding("pti-leak", Machine::direct, 0x200000, 0));
}

TEST_F(AuditTest, AnAbsentTableIsAGapOfEachRule) {
  machine.built.memory->setAbsent(machine.tables().tableOf(Machine::vmalloc, 3),
                                  Absence::Truncated);
  EXPECT_EQ(machine.audit(), "");
  EXPECT_NE(machine.gapOf(AuditRule::StrayEntry).find("1 tables"),
            std::string::npos);
}

TEST(AuditReport, SelectsAndJoins) {
  AuditReport report;
  report.select(AuditRule::StrayEntry);
  for (uint64_t at : {0x1000, 0x2000, 0x4000}) {
    AuditFinding finding(AuditRule::StrayEntry, {});
    finding.first = VirtAddr(at);
    finding.last = VirtAddr(at + 0xfff);
    report.add(finding);
    finding.rule = AuditRule::KernelWx;
    report.add(finding);
  }
  const std::vector<AuditFinding> findings = report.takeFindings();
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].last, VirtAddr(0x2fff));
}

TEST(AuditReport, EveryRuleHasAWordOfItsOwn) {
  for (const AuditRuleInfo &info : getAuditRules()) {
    EXPECT_EQ(valueOf(parseAuditRule(info.word)), info.rule);
    EXPECT_EQ(&getInfo(info.rule), &info);
  }
  EXPECT_NE(textOf(parseAuditRule("nonsense")).find("no rule 'nonsense'"),
            std::string::npos);
  EXPECT_NE(textOf(parseAuditSeverity("fatal")).find("no severity"),
            std::string::npos);
}

/// s390x: amode31, below 2 GiB.
TEST_F(AuditTest, CodeMayLieBesideTheImage) {
  const VirtAddr low(0xffffb00000000000), high = low + 0x3000;
  machine.kernelImage.regions.push_back(
      {Region::Amode31, low, high - 1, "test"});
  for (VirtAddr at : {low, high})
    machine.tables().map(at, Machine::ram + 0x9000, Machine::kernelText, 3);
  EXPECT_EQ(machine.audit(), finding("kernel-executable-data", high));
  machine.tables().map(low, Machine::ram + 0x9000, 0x163, 3);
  found(finding("kernel-executable-data", low));
  found(finding("kernel-wx", low));
}

} // namespace
