// Which of the candidates for a root is believed, and what is said of it.
#include "kernel/find/RootCheck.h"

#include "paging/modes/Arm64.h"
#include "paging/modes/Ppc64le.h"
#include "paging/modes/X86_64.h"
#include "support/BuiltKernel.h"
#include "support/KallsymsBuilder.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;
using BuiltDump = vmpt::testing::BuiltKernel;

namespace {

constexpr uint64_t startKernelMap = 0xffffffff80000000;
constexpr VirtAddr directMap(0xffff888000000000);
constexpr uint64_t present = 0x63;

class RootCheckTest : public ::testing::Test {
protected:
  RootCheckTest()
      : built(x86_64::fourLevel, VirtAddr(startKernelMap + 0x1000000),
              PhysAddr(0x1000000)) {
    built.tables.map(directMap, PhysAddr(0), present | 0x80, 2);
  }

  PhysAddr root() const { return built.tables.root(); }
  std::string info(llvm::StringRef keys = "NUMBER(phys_base)=0\n") const {
    return built.info("6.1.0-test", keys);
  }
  vmpt::KernelImage find() {
    warnings.clear();
    return valueOf(tryFind());
  }
  llvm::Expected<vmpt::KernelImage> tryFind() {
    Diagnostics diagnostics([this](const Finding &finding) {
      warnings.push_back(finding.sentence);
    });
    return findKernel(built.dump, *built.dump.memory, built.overrides,
                      diagnostics);
  }
  /// A page all of whose entries point to \p next.
  void addEqualTable(PhysAddr at, PhysAddr next) {
    for (uint64_t i = 0; i < 512; ++i)
      built.memory->writeNumber<uint64_t>(at + 8 * i, next.value | present);
  }
  /// Sets or clears \p mask in every present entry of all tables.
  void markTables(uint64_t mask, bool isSet = true) {
    const PhysAddr first = built.physical + BuiltDump::imageBytes;
    for (uint64_t page = 0; page < 8; ++page)
      markTable(first + page * 4096, mask, isSet);
    markTable(root(), mask, isSet);
  }
  void markTable(PhysAddr table, uint64_t mask, bool isSet = true) {
    for (PhysAddr at = table; at < table + 4096; at += 8) {
      llvm::Expected<uint64_t> entry = built.memory->readNumber<uint64_t>(at);
      if (!entry)
        return llvm::consumeError(entry.takeError());
      if (*entry & 1)
        built.memory->writeNumber<uint64_t>(at, isSet ? *entry | mask
                                                      : *entry & ~mask);
    }
  }
  /// kallsyms in the image's data, with the top table's name.
  void addKallsyms() {
    KallsymsBuilder builder;
    builder.addressesFirst = false; // as since 6.4
    builder.tablesStart = built.image + BuiltDump::dataOffset;
    builder.add("_stext", (built.image + 0x1000).value);
    for (unsigned i = 0; i < 2000; ++i)
      builder.add("do_page_fault.part." + std::to_string(i),
                  (built.image + 0x1010 + i * 32).value);
    builder.add("swapper_pg_dir", (built.image + BuiltDump::rootOffset).value,
                'D');
    builder.add("linux_banner", (built.image + 0x18'0000).value, 'D');
    builder.add("_end", (built.image + BuiltDump::imageBytes).value, 'B');
    built.addString(0x18'0000, "Linux version 6.1.0-55-amd64 (gcc)");
    vmpt::testing::KernelImage image = builder.build();
    built.memory->write(built.physical + BuiltDump::dataOffset, image.data);
  }
  /// A task's root: the kernel's entries, and one of its own. With PTI, the
  /// user half follows: it maps the kernel's first page and nothing else.
  PhysAddr addTask(PhysAddr at, bool hasUserHalf) {
    std::vector<uint8_t> entries(4096);
    EXPECT_FALSE(built.memory->tryRead(root(), entries));
    built.memory->write(at, entries);
    built.memory->writeNumber<uint64_t>(at, 0x5000 | present);
    built.memory->addZeros(PhysAddr(0x5000), 4096);
    if (hasUserHalf) {
      PageTableBuilder user(*built.memory, x86_64::fourLevel, at + 4096);
      user.skipTo(at + 2 * 4096);
      user.map(built.image, built.physical, present, 3);
    }
    return at;
  }
  void addCpu(uint64_t cr3, uint64_t cr4 = 0x20) {
    CpuRegisters cpu;
    cpu.system = {{"cr3", cr3}, {"cr4", cr4}};
    built.dump.machine.cpus.push_back(cpu);
  }

  BuiltDump built;
  std::vector<std::string> warnings;
};

// linux arch/x86/kernel/espfix_64.c has tables of equal entries; memory that
// is off by a page makes one of them point to itself.
TEST_F(RootCheckTest, APageThatMapsAllToItselfIsNoRoot) {
  const PhysAddr mirror(0x4000);
  addEqualTable(mirror, mirror);
  built.memory->addZeros(root(), 4096);
  for (uint64_t i = 0; i < 512; ++i)
    built.memory->writeNumber<uint64_t>(root() + 8 * i, 0);
  // With and without a second symbol.
  built.dump.vmcoreinfo = info();
  EXPECT_THAT(built.failure(), HasSubstr("no page maps SYMBOL("));
  std::string text = info("");
  text.erase(text.find("SYMBOL(_stext)"));
  built.dump.vmcoreinfo = text;
  EXPECT_THAT(built.failure(), HasSubstr("no page maps SYMBOL("));
}

TEST_F(RootCheckTest, AMirrorBesideTheRootIsNotEvenMentioned) {
  addEqualTable(PhysAddr(0x4000), PhysAddr(0x4000));
  built.dump.vmcoreinfo = info("");
  EXPECT_EQ(find().root, root());
  EXPECT_THAT(warnings, ::testing::IsEmpty());
}

// Two tables that point to each other, entry by entry: a fixed point, too.
TEST_F(RootCheckTest, ARootMapsASecondSymbolToWhereItLies) {
  const PagingMode &mode = x86_64::fourLevel;
  ImageSymbols symbols{built.image + BuiltDump::rootOffset,
                       "swapper_pg_dir",
                       {{"_stext", built.image + 0x1000}}};
  EXPECT_EQ(judgeRoot(*built.memory, mode, root(), symbols).verdict,
            RootVerdict::Confirmed);
  symbols.others[0].address += 0x1000000; // where nothing is mapped
  EXPECT_THAT(judgeRoot(*built.memory, mode, root(), symbols).reason,
              HasSubstr("it does not map _stext"));
  symbols.others.push_back({"linux_banner", built.image + 0x2000});
  EXPECT_EQ(judgeRoot(*built.memory, mode, root(), symbols).verdict,
            RootVerdict::Confirmed)
      << "one that agrees is enough";
  built.tables.map(built.image + 0x2000, PhysAddr(0x7000), present, 3);
  EXPECT_THAT(judgeRoot(*built.memory, mode, root(), symbols).reason,
              HasSubstr("it maps linux_banner to 0x7000"));
}

TEST_F(RootCheckTest, Page0IsNoRoot) {
  PageTableBuilder low(*built.memory, x86_64::fourLevel, PhysAddr(0));
  low.map(built.image, PhysAddr(0), present, 3);
  ImageSymbols symbols{built.image, "swapper_pg_dir", {}};
  EXPECT_THAT(
      judgeRoot(*built.memory, x86_64::fourLevel, PhysAddr(0), symbols).reason,
      HasSubstr("page 0"));
}

TEST_F(RootCheckTest, TheEncryptionBitIsNoPartOfAnAddress) {
  for (unsigned place : {47, 51}) {
    markTables(bit(place));
    built.dump.vmcoreinfo = info("NUMBER(phys_base)=0\nNUMBER(sme_mask)=" +
                                 std::to_string(bit(place)) + "\n");
    vmpt::KernelImage image = find();
    EXPECT_EQ(image.root, root());
    EXPECT_EQ(image.encryptionMask, bit(place));
    EXPECT_EQ(sourceOf(image, "physical address mask"),
              "VMCOREINFO NUMBER(sme_mask)");
    EXPECT_EQ(image.rootDoubt, "");
    // The kernel of before 4.20 does not say.
    built.dump.vmcoreinfo = info();
    image = find();
    EXPECT_EQ(image.root, root());
    EXPECT_EQ(image.encryptionMask, bit(place));
    // Nor does one whose formula is unknown.
    built.dump.vmcoreinfo = info("");
    EXPECT_EQ(find().encryptionMask, bit(place));
    markTables(bit(place), false);
  }
}

TEST_F(RootCheckTest, AMaskThatDoesNotFitTheTablesIsNotBelieved) {
  // Of memory that is there: the bit is part of the tables' addresses.
  built.dump.vmcoreinfo =
      info("NUMBER(phys_base)=0\nNUMBER(sme_mask)=16777216\n");
  vmpt::KernelImage image = find();
  EXPECT_EQ(image.root, root());
  EXPECT_EQ(image.encryptionMask, 0u);
  EXPECT_THAT(sourceOf(image, "physical address mask"),
              HasSubstr("does not fit"));
}

TEST_F(RootCheckTest, AnEncryptedRegisterLeadsToTheRoot) {
  addKallsyms();
  const PhysAddr task = addTask(PhysAddr(0x2000), false);
  markTables(bit(51));
  markTable(task, bit(51));
  addCpu(task.value | bit(51) | 0x802);
  vmpt::KernelImage image = find();
  EXPECT_EQ(image.root, root());
  EXPECT_EQ(image.encryptionMask, bit(51));
  EXPECT_EQ(image.rootDoubt, "");
}

TEST_F(RootCheckTest, EveryRegisterIsTried) {
  addKallsyms();
  const PhysAddr task = addTask(PhysAddr(0x2000), false);
  built.memory->addZeros(PhysAddr(0), 4096);
  built.memory->writeNumber<uint64_t>(PhysAddr(0), 0x3000 | present);
  addCpu(0, 0);          // has not been started
  addCpu(0xdeadbeef000); // out of RAM
  addCpu(task.value);
  vmpt::KernelImage image = find();
  EXPECT_EQ(image.root, root());
  EXPECT_EQ(image.rootDoubt, "");
  EXPECT_FALSE(image.rootIsOfTask);
  EXPECT_EQ(image.bannerRelease, "6.1.0-55-amd64");
  EXPECT_THAT(sourceOf(image, "root table"), HasSubstr("CR3 of CPU 2"));
  EXPECT_THAT(image.evidence.attempts(),
              ::testing::Contains(HasSubstr("the CPU does not run")));
  EXPECT_THAT(warnings, ::testing::IsEmpty());
}

TEST_F(RootCheckTest, TheUserHalfOfPtiLeadsToTheKernelsHalf) {
  addKallsyms();
  const PhysAddr task = addTask(PhysAddr(0x2000), true);
  addCpu(task.value | 0x1802);
  vmpt::KernelImage image = find();
  EXPECT_EQ(image.root, root());
  EXPECT_EQ(image.rootDoubt, "");
  EXPECT_THAT(sourceOf(image, "root table"), HasSubstr("PTI's user half"));
}

TEST_F(RootCheckTest, WhatStandsForTheRootIsTheKernelsHalfAndDoubtful) {
  const PhysAddr task = addTask(PhysAddr(0x2000), true);
  addCpu(task.value | 0x1802);
  vmpt::KernelImage image = find();
  EXPECT_EQ(image.root, task);
  EXPECT_TRUE(image.rootIsOfTask);
  EXPECT_THAT(image.rootDoubt, HasSubstr("CR3 of CPU 0"));
  EXPECT_THAT(warnings, ::testing::ElementsAre(image.rootDoubt));
  // The user half alone is nothing to go by.
  built.memory->setAbsent(task, Absence::Truncated);
  EXPECT_THAT(built.failure(), HasSubstr("maps no kernel but its entry"));
}

// "Cannot be read" is not "is no fixed point".
TEST_F(RootCheckTest, ARootWhoseConfirmationIsMissingIsUsedAndSaidToBe) {
  const PhysAddr firstTable = built.physical + BuiltDump::imageBytes;
  for (Absence why : {Absence::Truncated, Absence::Corrupt}) {
    built.memory->setAbsent(firstTable, why);
    built.dump.vmcoreinfo = info();
    vmpt::KernelImage image = find();
    EXPECT_EQ(image.root, root());
    EXPECT_THAT(image.rootDoubt,
                ::testing::AllOf(HasSubstr("unconfirmed"),
                                 HasSubstr(getAbsenceName(why).str())));
    EXPECT_THAT(warnings, ::testing::ElementsAre(image.rootDoubt));
    EXPECT_THAT(sourceOf(image, "root table"), HasSubstr("unconfirmed"));
  }
}

TEST_F(RootCheckTest, AWrongRootIsNotUnconfirmed) {
  built.dump.vmcoreinfo = info("NUMBER(phys_base)=-1048576\n"); // the text
  EXPECT_EQ(find().root, root());
  EXPECT_THAT(warnings, ::testing::IsEmpty());
  // A page of text, whose words point anywhere, and no root to be found.
  built.memory->setAbsent(built.physical + BuiltDump::imageBytes,
                          Absence::Truncated);
  for (uint64_t i = 0; i < 512; ++i)
    built.memory->writeNumber<uint64_t>(built.physical + 8 * i,
                                        0x2068747962207525 * (i + 1));
  built.memory->writeNumber<uint64_t>(
      built.physical + 8 * 511,
      (built.physical + BuiltDump::imageBytes).value | present);
  EXPECT_THAT(built.failure(), HasSubstr("no page maps SYMBOL("));
}

// The container knows less of RAM than the machine had.
TEST_F(RootCheckTest, ATableOutsideOfRamLeavesTheRootUnconfirmed) {
  built.dump.vmcoreinfo = info();
  const PhysAddr table = built.tables.tableOf(built.image, 1);
  built.memory->setAbsent(table, Absence::OutsideRam);
  EXPECT_THAT(find().rootDoubt,
              HasSubstr("is unconfirmed: the table that maps it, at physical " +
                        hex(table.value + 8 * 510) +
                        ", is not in the dump (outside RAM)"));
  // Nor does the direct map tell that it is a top table.
  built.memory->setAbsent(built.tables.tableOf(directMap, 1),
                          Absence::OutsideRam);
  EXPECT_THAT(built.failure(), HasSubstr("no page maps SYMBOL("));
}

// It also replaces files.
TEST_F(RootCheckTest, ForceWithoutAnOptionTakesNoOtherRoot) {
  built.dump.vmcoreinfo = info();
  built.memory->setAbsent(root(), Absence::Truncated);
  const std::string failure = built.failure();
  EXPECT_THAT(failure, HasSubstr("is not in the dump (truncated)"));
  built.overrides.force = true;
  EXPECT_EQ(built.failure(), failure);
}

TEST_F(RootCheckTest, ARootThatOnlyTheUserNamesIsDoubtfulUnlessItFits) {
  built.overrides.root = root();
  EXPECT_THAT(find().rootDoubt, HasSubstr("unconfirmed"));
  built.dump.vmcoreinfo = info();
  EXPECT_EQ(find().rootDoubt, "");
  built.overrides.root = PhysAddr(0x1000);
  EXPECT_THAT(
      textOf(tryFind()),
      HasSubstr("--root 0x1000 contradicts the dump: the kernel's own is "
                "at " +
                hex(root())));
  built.overrides.force = true;
  EXPECT_THAT(find().rootDoubt, HasSubstr("is not the kernel's own"));
  EXPECT_THAT(warnings,
              ::testing::Contains(HasSubstr("it is taken, as --force says")));
  built.overrides.force = false;
  built.dump.vmcoreinfo.reset();
  addKallsyms();
  built.overrides.root = root();
  EXPECT_EQ(find().rootDoubt, "");
  built.overrides.root = addTask(PhysAddr(0x2000), false);
  const std::string own = "the kernel's own is at " + hex(root());
  EXPECT_THAT(textOf(tryFind()), HasSubstr(own));
  built.overrides.force = true;
  EXPECT_THAT(find().rootDoubt, HasSubstr(own));
}

TEST_F(RootCheckTest, ATableThatSomebodyNamesIsTested) {
  const PagingMode &mode = x86_64::fourLevel;
  auto fault = [&](PhysAddr at) {
    return findTableFault(*built.memory, mode, at).value_or("");
  };
  EXPECT_EQ(fault(root()), "");
  EXPECT_THAT(fault(root() + 1), HasSubstr("not aligned to 0x1000 bytes"));
  EXPECT_THAT(fault(PhysAddr(0)), HasSubstr("page 0"));
  EXPECT_THAT(fault(PhysAddr(uint64_t(1) << 40)), HasSubstr("outside RAM"));
  const PhysAddr page(0x8000);
  built.memory->addZeros(page, 4096);
  EXPECT_THAT(fault(page), HasSubstr("none of its entries is in use"));
  built.memory->writeNumber<uint64_t>(page + 8, uint64_t(1) << 40 | present);
  EXPECT_THAT(fault(page), HasSubstr("entry 1, 0x10000000063, leads out of "
                                     "RAM"));
  built.memory->writeNumber<uint64_t>(page + 8, 0x1234);
  EXPECT_THAT(fault(page), HasSubstr("entry 1, 0x1234, is neither in use nor"));
  built.memory->writeNumber<uint64_t>(page + 8, 0x8000 | present | 0x80);
  EXPECT_THAT(fault(page), HasSubstr("is reserved"));
}

TEST_F(RootCheckTest, ATasksTableMapsTheKernelToWhereItLies) {
  built.dump.vmcoreinfo = info();
  const vmpt::KernelImage kernel = find();
  auto fault = [&](PhysAddr at) {
    return findTaskRootFault(kernel, *built.memory, at).value_or("");
  };
  const PhysAddr task = addTask(PhysAddr(0x2000), /*hasUserHalf=*/true);
  EXPECT_EQ(fault(task), "");
  EXPECT_EQ(fault(task + 4096), "") << "PTI's user half";
  const PhysAddr page(0x9000);
  built.memory->addZeros(page, 4096);
  built.memory->writeNumber<uint64_t>(page, 0x5000 | present);
  EXPECT_THAT(fault(page), HasSubstr("maps nothing of the kernel"));
}

// riscv64 up to 6.3: no number of VMCOREINFO's leads to the root, and where
// the table that maps it is cut off, it is no fixed point.
TEST_F(RootCheckTest, TheNameInTheImageLeadsToARootWithoutItsTables) {
  const uint64_t names = 0x28'0010;
  built.memory->writeString(built.physical + names, "Linux");
  built.memory->writeString(built.physical + names + 130, "6.1.0-test");
  const std::string keys =
      "SYMBOL(init_uts_ns)=" + hex(built.image + names).substr(2) +
      "\nOFFSET(uts_namespace.name)=0\n";
  built.dump.vmcoreinfo = info(keys);
  EXPECT_EQ(find().rootDoubt, "");
  built.memory->setAbsent(built.physical + BuiltDump::imageBytes,
                          Absence::Truncated);
  const vmpt::KernelImage image = find();
  EXPECT_EQ(image.root, root());
  EXPECT_THAT(image.rootDoubt, HasSubstr("unconfirmed"));
  EXPECT_THAT(sourceOf(image, "root table"), HasSubstr("init_uts_ns"));
  // The image is read at its distance from the root.
  ASSERT_TRUE(image.placed);
  built.addString(0x18'0000, "here");
  llvm::Expected<std::string> text =
      image.addressSpace(*built.memory).readString(built.image + 0x18'0000, 8);
  EXPECT_EQ(valueOf(std::move(text)), "here");
}

TEST_F(RootCheckTest, AFixedPointThatNothingElseVouchesForIsUnconfirmed) {
  built.dump.vmcoreinfo =
      "OSRELEASE=6.1.0-test\nPAGESIZE=4096\nNUMBER(phys_base)=0\n"
      "SYMBOL(swapper_pg_dir)=" +
      hex(built.image + BuiltDump::rootOffset).substr(2) + "\n";
  EXPECT_THAT(find().rootDoubt, HasSubstr("no second symbol is known"));
  addCpu(addTask(PhysAddr(0x2000), false).value);
  EXPECT_EQ(find().rootDoubt, "");
}

TEST(RootCheckArm64, ATruncatedTableLeavesTheRootUsable) {
  BuiltDump built(arm64::granule4K48, VirtAddr(0xffff800008000000),
                  PhysAddr(0x41000000));
  built.dump.vmcoreinfo =
      built.info("6.1.0", "NUMBER(VA_BITS)=48\nNUMBER(TCR_EL1_T1SZ)=0x10\n"
                          "NUMBER(kimage_voffset)=0xffff7fffc7000000\n");
  EXPECT_EQ(valueOf(built.find()).rootDoubt, "");
  built.memory->setAbsent(built.physical + BuiltDump::imageBytes,
                          Absence::Truncated);
  vmpt::KernelImage image = valueOf(built.find());
  EXPECT_EQ(image.root, built.tables.root());
  EXPECT_THAT(image.rootDoubt, HasSubstr("truncated"));
}

TEST(RootCheckPpc64le, ARootThatIsCutOffInItsMiddleIsNoOtherThing) {
  BuiltDump built(ppc64le::radix4K, VirtAddr(0xc000000001000000),
                  PhysAddr(0x1000000));
  built.dump.vmcoreinfo = built.info("6.12.0");
  EXPECT_EQ(valueOf(built.find()).rootDoubt, "");
  built.memory->setAbsent(built.tables.root() + 4096, Absence::Truncated);
  built.memory->setAbsent(built.physical + BuiltDump::imageBytes,
                          Absence::Truncated);
  vmpt::KernelImage image = valueOf(built.find());
  EXPECT_EQ(image.root, built.tables.root());
  EXPECT_THAT(image.rootDoubt, HasSubstr("truncated"));
}

} // namespace
