// Finding a built x86-64 kernel in memory without a container.
#include "kernel/find/KernelImage.h"

#include "kernel/find/KernelArch.h"
#include "paging/modes/X86_64.h"
#include "support/Expected.h"
#include "support/PageTableBuilder.h"

#include "llvm/ADT/StringExtras.h"
#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::HasSubstr;

namespace {

constexpr uint64_t startKernelMap = 0xffffffff80000000;
constexpr uint64_t flags = 0x63;

/// A kernel with its text at physical 16 MiB, whose VMCOREINFO lies in RAM.
class BuiltKernel : public ::testing::Test {
protected:
  BuiltKernel() : tables(memory, x86_64::fourLevel, PhysAddr(0x1800000)) {
    tables.mapRange(VirtAddr(startKernelMap + 0x1000000), PhysAddr(0x1000000),
                    flags | 0x80, 2, 8);
    tables.map(VirtAddr(0xffff888000000000), PhysAddr(0), flags | 0x80, 2);
    addImage(0x1000000);
  }
  /// Up to its root.
  void addImage(uint64_t start) {
    for (uint64_t at = start; at < start + 0x800000; at += 4096)
      memory.writeNumber<uint64_t>(PhysAddr(at + 4088), at);
  }
  uint64_t self() const { return startKernelMap + tables.root().value; }
  std::string vmcoreinfo() const {
    return "OSRELEASE=6.1.0-test\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=" +
           llvm::utohexstr(self(), true) + "\nSYMBOL(_stext)=" +
           llvm::utohexstr(startKernelMap + 0x1001000, true) +
           "\nNUMBER(phys_base)=0\n" +
           "NUMBER(pgtable_l5_enabled)=0\nNUMBER(sme_mask)=0\n";
  }
  /// As kernel/vmcore_info.c writes it: an ELF note at the start of a page.
  void putNote(PhysAddr at, llvm::StringRef text) {
    memory.writeNumber<uint32_t>(at, 11);
    memory.writeNumber<uint32_t>(at + 4, uint32_t(text.size()));
    memory.writeNumber<uint32_t>(at + 8, 0);
    memory.writeString(at + 12, "VMCOREINFO");
    memory.writeString(at + 24, text);
  }
  /// {start, name, max_lines} of each marker, as in the kernel's data.
  void putMarkers(PhysAddr data, PhysAddr strings) {
    const std::pair<uint64_t, const char *> markers[] = {
        {0, "User Space"},
        {uint64_t(1) << 63, "Kernel Space"},
        {0xffff888000000000, "Low Kernel Mapping"}};
    uint64_t place = strings.value;
    for (const auto &[start, name] : markers) {
      memory.writeString(PhysAddr(place),
                         llvm::StringRef(name, strlen(name) + 1));
      memory.writeNumber<uint64_t>(data, start);
      memory.writeNumber<uint64_t>(data + 8, startKernelMap + place);
      memory.writeNumber<uint64_t>(data + 16, 0);
      data += 24;
      place += strlen(name) + 1;
    }
    memory.writeNumber<uint64_t>(data, ~uint64_t(0));
    memory.writeNumber<uint64_t>(data + 8, 0);
    memory.writeNumber<uint64_t>(data + 16, 0);
  }
  llvm::Expected<KernelImage> find(const KernelOverrides &overrides = {}) {
    Diagnostics diagnostics([this](const Finding &finding) {
      warnings.push_back(finding.sentence);
    });
    return findKernel(dump, memory, overrides, diagnostics);
  }
  std::string sourceOf(const KernelImage &image, llvm::StringRef name) {
    for (const Fact &fact : image.evidence.facts())
      if (fact.name == name)
        return fact.source;
    return "";
  }

  SparseMemory memory;
  PageTableBuilder tables;
  Dump dump;
  std::vector<std::string> warnings;
};

TEST_F(BuiltKernel, IsFoundByTheScanOfMemoryAlone) {
  putNote(PhysAddr(0x3000), vmcoreinfo());
  KernelImage image = valueOf(find());
  EXPECT_EQ(image.root, tables.root());
  EXPECT_EQ(sourceOf(image, "VMCOREINFO"),
            "VMCOREINFO note found in RAM at physical 0x3000");
  EXPECT_THAT(sourceOf(image, "root table"), HasSubstr("own fixed point"));
  EXPECT_TRUE(warnings.empty());
}

TEST_F(BuiltKernel, IsFoundWhereNoFormulaGivesTheRoot) {
  putNote(PhysAddr(0x3000), "OSRELEASE=6.1.0\nSYMBOL(swapper_pg_dir)=" +
                                llvm::utohexstr(self(), true) + "\n");
  KernelImage image = valueOf(find());
  EXPECT_EQ(image.root, tables.root());
  EXPECT_THAT(sourceOf(image, "root table"), HasSubstr("found: the page"));
}

TEST_F(BuiltKernel, AMachineThatIsNotKnownIsNamedInOneSentence) {
  putNote(PhysAddr(0x3000), vmcoreinfo());
  dump.machine.arch.reset();
  dump.machine.unknownName = "mips64";
  EXPECT_THAT(textOf(find()),
              ::testing::StartsWith("mips64 dumps are not read; vmpt knows "));
}

TEST_F(BuiltKernel, AWrongPhysBaseIsNotBelieved) {
  std::string text = vmcoreinfo();
  text.replace(text.find("phys_base)=0"), 12, "phys_base)=-4096");
  putNote(PhysAddr(0x3000), text);
  EXPECT_EQ(valueOf(find()).root, tables.root());
}

TEST_F(BuiltKernel, OfSeveralVmcoreinfosTheOneThatTheCpusRunOnCounts) {
  // A kernel before kexec, elsewhere in memory, left its note and its tables.
  PageTableBuilder old(memory, x86_64::fourLevel, PhysAddr(0x3800000));
  old.mapRange(VirtAddr(startKernelMap + 0x1000000), PhysAddr(0x3000000),
               flags | 0x80, 2, 8);
  addImage(0x3000000);
  std::string text = vmcoreinfo();
  size_t at = text.find("phys_base)=0");
  text.replace(at, 12, "phys_base)=33554432");
  at = text.find("swapper_pg_dir)=") + 16;
  text.replace(at, 16, llvm::utohexstr(startKernelMap + 0x1800000, true));
  putNote(PhysAddr(0x2000), text);
  putNote(PhysAddr(0x3000), vmcoreinfo());
  // Without CPUs the first is taken, and that is said.
  EXPECT_EQ(valueOf(find()).root, old.root());
  EXPECT_THAT(warnings,
              ::testing::ElementsAre(HasSubstr("nothing tells which one runs"),
                                     HasSubstr("--kernel 2 reads it")));

  CpuRegisters cpu;
  cpu.system = {{"cr3", tables.root().value}};
  dump.machine.cpus = {cpu};
  dump.machine.arch = Arch::X86_64;
  EXPECT_EQ(valueOf(find()).root, tables.root());
}

TEST_F(BuiltKernel, MarkersComeFromTheKernelsOwnArray) {
  putNote(PhysAddr(0x3000), vmcoreinfo());
  putMarkers(PhysAddr(0x1002008), PhysAddr(0x1001003));
  KernelImage image = valueOf(find());
  ASSERT_EQ(image.markers.size(), 3u);
  EXPECT_EQ(image.markers[2].name, "Low Kernel Mapping");
  EXPECT_EQ(sourceOf(image, "address markers"),
            "address_markers[] in the kernel's memory at 0xffffffff81002008");
}

TEST_F(BuiltKernel, ABrokenMarkerArrayIsNotTaken) {
  putNote(PhysAddr(0x3000), vmcoreinfo());
  putMarkers(PhysAddr(0x1002008), PhysAddr(0x1001003));
  // The second name points to nowhere.
  memory.writeNumber<uint64_t>(PhysAddr(0x1002008 + 24 + 8), 0x1234);
  KernelImage image = valueOf(find());
  EXPECT_THAT(sourceOf(image, "address markers"),
              HasSubstr("documented constants"));
  EXPECT_THAT(image.sectionsDoubt,
              HasSubstr("where sections start is not the kernel's own word: "
                        "address_markers[] at 0xffffffff81002008 is broken "
                        "behind 'User Space': "));
  // Whether that is a gap depends on what is asked.
  EXPECT_TRUE(warnings.empty());
}

TEST_F(BuiltKernel, ADumperWithoutItsArrayIsNamed) {
  putNote(PhysAddr(0x3000), vmcoreinfo());
  putMarkers(PhysAddr(0x1002008), PhysAddr(0x1001003));
  memory.writeString(PhysAddr(0x1001003), "Xser Space");
  // One name may be that of something else.
  EXPECT_EQ(valueOf(find()).sectionsDoubt, "");
  // Nor has a kernel an array that only checks what is executable.
  memory.writeString(PhysAddr(0x1003000), "---[ %s ]---\n");
  memory.writeString(
      PhysAddr(0x1003100),
      "x86/mm: Checked W+X mappings: passed, no W+X pages found.\n");
  EXPECT_EQ(valueOf(find()).sectionsDoubt, "");
  memory.writeString(PhysAddr(0x1003200), "vmalloc() Area");
  KernelImage image = valueOf(find());
  EXPECT_THAT(sourceOf(image, "address markers"),
              HasSubstr("documented constants"));
  EXPECT_EQ(image.sectionsDoubt,
            "where sections start is not known: the kernel has a dumper "
            "of page tables, for 'Low Kernel Mapping' and 'vmalloc() "
            "Area' are among its strings, but no address_markers[] that "
            "is whole");
  EXPECT_TRUE(warnings.empty());
}

// A container that says nothing of pages has no say in where the kernel is.
TEST_F(BuiltKernel, ItsImageIsRamWhateverTheContainerSays) {
  putNote(PhysAddr(0x3000), vmcoreinfo());
  memory.setAbsent(PhysAddr(0x1002000), Absence::Excluded);
  EXPECT_EQ(valueOf(find()).sectionsDoubt, "");
  memory.setAbsent(PhysAddr(0x1002000), Absence::OutsideRam);
  EXPECT_THAT(valueOf(find()).sectionsDoubt,
              HasSubstr("0x1000 bytes of the kernel's image are not in the "
                        "dump, and address_markers[] with them"));
}

TEST_F(BuiltKernel, TheUsersWordGoesFirstIfItIsForced) {
  putNote(PhysAddr(0x3000), vmcoreinfo());
  KernelOverrides overrides;
  overrides.arch = Arch::X86_64;
  overrides.root = PhysAddr(0x5000);
  EXPECT_THAT(
      textOf(find(overrides)),
      HasSubstr("--root 0x5000 contradicts the dump: the kernel's own is "
                "at " +
                hex(tables.root())));
  overrides.force = true;
  KernelImage image = valueOf(find(overrides));
  EXPECT_EQ(image.root, PhysAddr(0x5000));
  EXPECT_EQ(sourceOf(image, "root table"), "option --root");
}

TEST_F(BuiltKernel, RegistersAreTheLastResortAndSaidToBe) {
  CpuRegisters cpu;
  cpu.system = {{"cr3", tables.root().value | 0x3}, {"cr4", 0x20}};
  dump.machine.cpus = {cpu};
  dump.machine.arch = Arch::X86_64;
  KernelImage image = valueOf(find());
  EXPECT_EQ(image.root, tables.root());
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("CR3 of CPU 0"));
}

TEST_F(BuiltKernel, NothingAtAllNamesWhatWasTried) {
  Diagnostics diagnostics;
  Evidence tried;
  EXPECT_THAT(
      textOf(findKernel(dump, memory, {}, diagnostics, &tried)),
      ::testing::AllOf(HasSubstr("no kernel page tables: the container has no "
                                 "VMCOREINFO note; is it a Linux memory dump?"),
                       HasSubstr("vmpt info --evidence")));
  EXPECT_THAT(
      tried.attempts(),
      ::testing::Contains("no VMCOREINFO stands at the start of any page"));
}

} // namespace
