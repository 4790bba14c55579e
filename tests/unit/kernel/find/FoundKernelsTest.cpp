// Several kernels in one memory: which runs, which is read, and their numbers.
#include "kernel/find/FoundKernels.h"

#include "kernel/find/KernelArch.h"
#include "kernel/find/KernelImage.h"
#include "paging/modes/X86_64.h"
#include "support/Expected.h"
#include "support/KallsymsBuilder.h"
#include "support/PageTableBuilder.h"

#include "llvm/ADT/StringExtras.h"
#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

constexpr uint64_t startKernelMap = 0xffffffff80000000;

/// Memory of which each look takes time, as if it were compressed.
class SlowMemory final : public PhysicalMemory {
public:
  explicit SlowMemory(const PhysicalMemory &memory) : memory_(memory) {}

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    return memory_.tryRead(at, out);
  }
  bool isQuickToRead() const override { return false; }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    return memory_.ranges();
  }

private:
  const PhysicalMemory &memory_;
};

/// Two kernels: one linked and loaded at 16 MiB, one at 48 MiB, with 16 MiB of
/// image each and the root 8 MiB into it.
class SeveralKernels : public ::testing::Test {
protected:
  static constexpr uint64_t firstAt = 0x1000000, secondAt = 0x3000000,
                            rootOffset = 0x800000, flags = 0x63;

  SeveralKernels()
      : first(memory, x86_64::fourLevel, PhysAddr(firstAt + rootOffset)),
        second(memory, x86_64::fourLevel, PhysAddr(secondAt + rootOffset)) {
    map(first, firstAt);
    map(second, secondAt);
    for (uint64_t image : {firstAt, secondAt})
      memory.addZeros(PhysAddr(image), rootOffset);
    dump.machine.arch = Arch::X86_64;
    putNote(PhysAddr(0x3000), text(secondAt, "6.1.0-second"));
    dump.vmcoreinfo = text(firstAt, "6.1.0-first");
  }
  static void map(PageTableBuilder &tables, uint64_t at) {
    tables.mapRange(VirtAddr(startKernelMap + at), PhysAddr(at), flags | 0x80,
                    2, 8);
  }
  static std::string text(uint64_t at, llvm::StringRef release) {
    return ("OSRELEASE=" + release +
            "\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=" +
            llvm::utohexstr(startKernelMap + at + rootOffset, true) +
            "\nSYMBOL(_stext)=" +
            llvm::utohexstr(startKernelMap + at + 0x1000, true) +
            "\nNUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n"
            "NUMBER(sme_mask)=0\n")
        .str();
  }
  void putNote(PhysAddr at, llvm::StringRef text) {
    memory.writeNumber<uint32_t>(at, 11);
    memory.writeNumber<uint32_t>(at + 4, uint32_t(text.size()));
    memory.writeNumber<uint32_t>(at + 8, 0);
    memory.writeString(at + 12, llvm::StringRef("VMCOREINFO\0\0", 12));
    memory.writeString(at + 24, text);
  }
  void addCpu(llvm::StringRef name, uint64_t value) {
    CpuRegisters cpu;
    auto &registers = name == "cr3" ? cpu.system : cpu.general;
    registers.push_back({name.str(), value});
    dump.machine.cpus.push_back(cpu);
  }
  llvm::Expected<vmpt::KernelImage> find() {
    warnings.clear();
    hasGap = false;
    Diagnostics diagnostics([this](const Finding &finding) {
      warnings.push_back(finding.sentence);
      hasGap |= finding.severity == Severity::Gap;
    });
    return findKernel(dump, *searched, overrides, diagnostics);
  }
  std::string list() {
    overrides.listsKernels = true;
    std::string lines;
    for (const FoundKernel &kernel : valueOf(find()).kernels)
      lines += std::to_string(kernel.number) + " " + kernel.release +
               (kernel.isChosen ? " chosen" : "") +
               (!kernel.isRunning   ? " ?"
                : *kernel.isRunning ? " runs"
                                    : " rests") +
               (kernel.crashTime ? " crashed" : "") + "\n";
    return lines;
  }

  SparseMemory memory;
  const PhysicalMemory *searched = &memory;
  PageTableBuilder first, second;
  Dump dump;
  KernelOverrides overrides;
  std::vector<std::string> warnings;
  bool hasGap = false;
};

TEST_F(SeveralKernels, ANoteThatProvesItselfEndsTheSearch) {
  addCpu("cr3", first.root().value);
  const vmpt::KernelImage image = valueOf(find());
  EXPECT_EQ(image.root, first.root());
  EXPECT_TRUE(image.kernels.empty());
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(list(), "1 6.1.0-first chosen runs\n2 6.1.0-second rests\n");
}

TEST_F(SeveralKernels, TheOneThatTheCpusRunGoesBeforeTheNote) {
  addCpu("cr3", second.root().value | 3);
  EXPECT_EQ(valueOf(find()).root, second.root());
  EXPECT_THAT(warnings,
              ElementsAre(HasSubstr("the VMCOREINFO note is of another kernel "
                                    "than the one that runs: CR3 of CPU 0")));
  EXPECT_EQ(list(), "1 6.1.0-second chosen runs\n2 6.1.0-first rests\n");
  overrides.kernelNumber = 2;
  EXPECT_EQ(valueOf(find()).root, first.root());
  EXPECT_TRUE(warnings.empty()) << "who chooses knows";
}

TEST_F(SeveralKernels, CpusThatWaitInACrashedKernelDoNotRunIt) {
  dump.vmcoreinfo = *dump.vmcoreinfo + "CRASHTIME=1795763082\n";
  addCpu("cr3", first.root().value);
  addCpu("cr3", second.root().value);
  EXPECT_EQ(valueOf(find()).root, second.root());
  EXPECT_EQ(list(),
            "1 6.1.0-second chosen runs\n2 6.1.0-first rests crashed\n");
  EXPECT_FALSE(hasGap);
  const Machine left =
      withoutOtherCpus(dump.machine, memory,
                       {kernelArchX86_64, x86_64::fourLevel, first.root(),
                        VirtAddr(startKernelMap + firstAt + rootOffset)});
  ASSERT_EQ(left.cpus.size(), 1u);
  EXPECT_EQ(left.cpuName(0), "CPU 0");
}

TEST_F(SeveralKernels, OnlyRegistersSpeakAgainstTheNote) {
  dump.vmcoreinfo = *dump.vmcoreinfo + "CRASHTIME=1795763082\n";
  memory.addZeros(PhysAddr(0x7000), 0x1000); // neither kernel's
  addCpu("cr3", 0x7000);
  EXPECT_EQ(valueOf(find()).root, first.root());
  EXPECT_EQ(list(),
            "1 6.1.0-first chosen rests crashed\n2 6.1.0-second runs\n");
}

TEST_F(SeveralKernels, TheProgramCounterTellsWhereNoRegisterHoldsARoot) {
  addCpu("rip", startKernelMap + secondAt + 0x2000);
  EXPECT_EQ(valueOf(find()).root, second.root());
  EXPECT_EQ(list(), "1 6.1.0-second chosen runs\n2 6.1.0-first rests\n");
}

TEST_F(SeveralKernels, UserCodeAndIdleCpusTellNothing) {
  addCpu("rip", 0x401000);
  addCpu("cr3", 0);
  EXPECT_EQ(valueOf(find()).root, first.root());
  EXPECT_EQ(list(), "1 6.1.0-first chosen ?\n2 6.1.0-second ?\n");
}

TEST_F(SeveralKernels, ATableThatIsNotInTheDumpTellsNothing) {
  addCpu("cr3", 0x7000);
  memory.setAbsent(PhysAddr(0x7000), Absence::Excluded);
  EXPECT_EQ(valueOf(find()).root, first.root());
  EXPECT_TRUE(warnings.empty());
}

TEST_F(SeveralKernels, CpusThatRunNoKernelChangeNothing) {
  memory.addZeros(PhysAddr(0x7000), 0x1000); // firmware, perhaps
  addCpu("cr3", 0x7000);
  EXPECT_EQ(valueOf(find()).root, first.root());
}

TEST_F(SeveralKernels, TwoCpusOfTwoKernelsLeaveItOpen) {
  addCpu("cr3", first.root().value);
  addCpu("cr3", second.root().value);
  EXPECT_EQ(list(), "1 6.1.0-first chosen ?\n2 6.1.0-second ?\n");
}

TEST_F(SeveralKernels, ACopyOfTheNoteIsNoOtherKernel) {
  putNote(PhysAddr(0x5000),
          text(firstAt, "6.1.0-first") + "CRASHTIME=1795763082\n");
  EXPECT_EQ(list(), "1 6.1.0-first chosen rests crashed\n2 6.1.0-second runs\n")
      << "the container named the first";
}

/// What a raw image is: neither a note nor registers.
class KernelsOfARawImage : public SeveralKernels {
protected:
  KernelsOfARawImage() {
    dump.vmcoreinfo.reset();
    putNote(PhysAddr(0x2000), text(firstAt, "6.1.0-first"));
  }
};

TEST_F(KernelsOfARawImage, WhereNothingTellsThatIsSaid) {
  EXPECT_EQ(valueOf(find()).root, first.root());
  EXPECT_TRUE(hasGap);
  EXPECT_THAT(warnings,
              ElementsAre(HasSubstr("2 kernels are in this memory, and nothing "
                                    "tells which one runs: 6.1.0-first (root "),
                          HasSubstr("--kernel 2 reads it")));
  EXPECT_EQ(list(), "1 6.1.0-first chosen ?\n2 6.1.0-second ?\n");
  for (auto [number, root] : {std::pair(1, first.root()), {2, second.root()}}) {
    overrides.kernelNumber = number;
    EXPECT_EQ(valueOf(find()).root, root);
    EXPECT_TRUE(warnings.empty()) << "who chooses knows";
  }
}

TEST_F(KernelsOfARawImage, ARootIsAsGoodAsANumber) {
  overrides.root = second.root();
  EXPECT_EQ(valueOf(find()).root, second.root());
  EXPECT_FALSE(hasGap);
}

TEST_F(KernelsOfARawImage, TheOneThatDidNotCrashRuns) {
  putNote(PhysAddr(0x2000),
          text(firstAt, "6.1.0-first") + "CRASHTIME=1795763082\n");
  EXPECT_EQ(valueOf(find()).root, second.root());
  EXPECT_FALSE(hasGap);
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("--kernel 2 reads it")));
  EXPECT_EQ(list(),
            "1 6.1.0-second chosen runs\n2 6.1.0-first rests crashed\n");
}

TEST_F(KernelsOfARawImage, OfTwoThatCrashedNoneIsSaidToRun) {
  for (auto [at, name, place] : {std::tuple(firstAt, "6.1.0-first", 0x2000),
                                 std::tuple(secondAt, "6.1.0-second", 0x3000)})
    putNote(PhysAddr(place), text(at, name) + "CRASHTIME=1795763082\n");
  EXPECT_EQ(list(), "1 6.1.0-first chosen ? crashed\n2 6.1.0-second ? "
                    "crashed\n");
  EXPECT_TRUE(hasGap);
}

/// kexec: the first left its state behind, in data that its kallsyms name.
class KernelBeforeKexec : public KernelsOfARawImage {
protected:
  static constexpr uint64_t stateAt = firstAt + 0x500000,
                            loaderAt = stateAt + 8, headerAt = stateAt + 16,
                            treeAt = stateAt + 24;

  KernelBeforeKexec() {
    KallsymsBuilder kallsyms;
    kallsyms.tablesStart = VirtAddr(startKernelMap + firstAt + 0x400000);
    kallsyms.addSymbols(startKernelMap + firstAt + 0x1000, 700);
    kallsyms.symbols.pop_back();
    kallsyms.add("system_state", startKernelMap + stateAt, 'D');
    kallsyms.add("bootloader_type", startKernelMap + loaderAt, 'B');
    kallsyms.add("elfcorehdr_addr", startKernelMap + headerAt, 'D');
    kallsyms.add("initial_boot_params", startKernelMap + treeAt, 'D');
    kallsyms.add("_end", startKernelMap + firstAt + 0xf00000, 'B');
    memory.addZeros(PhysAddr(firstAt), 0x1000000);
    memory.write(PhysAddr(firstAt + 0x400000), kallsyms.build().data);
  }
  std::string listWith(uint32_t state) {
    memory.writeNumber<uint32_t>(PhysAddr(stateAt), state);
    return list();
  }
};

TEST_F(KernelBeforeKexec, ItsSuccessorRuns) {
  for (uint32_t state : {4, 5, 6})
    EXPECT_EQ(listWith(state),
              "1 6.1.0-second chosen runs\n2 6.1.0-first rests\n");
  EXPECT_FALSE(hasGap);
  overrides.listsKernels = true;
  EXPECT_EQ(valueOf(find()).kernels[1].reason,
            "its system_state is SYSTEM_RESTART");
}

TEST_F(KernelBeforeKexec, OtherStatesTellNothing) {
  for (uint32_t state : {0, 3, 7, -1})
    EXPECT_EQ(listWith(state), "1 6.1.0-first chosen ?\n2 6.1.0-second ?\n");
  EXPECT_TRUE(hasGap);
}

TEST_F(KernelBeforeKexec, BeforeTheStatesWereMoreTheirNumbersWereOthers) {
  putNote(PhysAddr(0x2000), text(firstAt, "4.9.0-first"));
  EXPECT_EQ(listWith(2), "1 6.1.0-second chosen runs\n2 4.9.0-first rests\n");
  EXPECT_EQ(listWith(5), "1 4.9.0-first chosen ?\n2 6.1.0-second ?\n");
}

/// The first is found, and ends the look where it says of no other.
class FirstOfSlowMemory : public KernelBeforeKexec {
protected:
  FirstOfSlowMemory() {
    searched = &slow;
    memory.writeNumber<uint32_t>(PhysAddr(stateAt), 2);
    memory.writeNumber<uint64_t>(PhysAddr(headerAt), ~uint64_t(0));
  }
  /// How many are found; the one that was first is read.
  size_t count() {
    const vmpt::KernelImage image = valueOf(find());
    EXPECT_EQ(image.root, first.root());
    const size_t others = size_t(llvm::count_if(warnings, [](auto &warning) {
      return llvm::StringRef(warning).contains("another kernel is in");
    }));
    const bool isSaid = llvm::any_of(image.evidence.facts(), [](auto &fact) {
      return fact.name == "other kernels" &&
             fact.value == "not looked for behind physical 0x2000";
    });
    EXPECT_EQ(isSaid, !others);
    return 1 + others;
  }

  SlowMemory slow{memory};
};

TEST_F(FirstOfSlowMemory, WhichSaysOfNoOtherIsTheLast) {
  EXPECT_EQ(count(), 1u);
}

TEST_F(FirstOfSlowMemory, HasOneBeforeItIfKexecBootedIt) {
  memory.writeNumber<uint32_t>(PhysAddr(loaderAt), 0xd0);
  EXPECT_EQ(count(), 2u);
  memory.writeNumber<uint32_t>(PhysAddr(loaderAt), 0x72); // GRUB
  EXPECT_EQ(count(), 1u);
}

TEST_F(FirstOfSlowMemory, HasOneBeforeItIfItsTreeOfDevicesSaysSo) {
  const uint64_t place = firstAt + 0x600000;
  memory.writeNumber<uint64_t>(PhysAddr(treeAt), startKernelMap + place);
  memory.writeNumber<uint32_t>(PhysAddr(place), 0xedfe0dd0);
  memory.writeNumber<uint32_t>(PhysAddr(place + 4), 0x00100000); // 4 KiB
  EXPECT_EQ(count(), 1u);
  memory.writeString(PhysAddr(place + 200), "linux,booted-from-kexec");
  EXPECT_EQ(count(), 2u);
}

TEST_F(FirstOfSlowMemory, HasOneBeforeItIfItLooksAfterACrash) {
  memory.writeNumber<uint64_t>(PhysAddr(headerAt), 0x5d000000);
  putNote(PhysAddr(0x3000),
          text(secondAt, "6.1.0-second") + "CRASHTIME=1795763082\n");
  EXPECT_EQ(count(), 2u);
  EXPECT_FALSE(hasGap) << "which runs is told";
}

TEST_F(SeveralKernels, ANumberThatIsNotThereIsRefused) {
  for (uint64_t number : {uint64_t(0), uint64_t(3), ~uint64_t(0)}) {
    overrides.kernelNumber = number;
    EXPECT_THAT(textOf(find()),
                HasSubstr("there are 2 kernels in this memory"));
  }
  memory.writeString(PhysAddr(0x3000), std::string(64, '\0'));
  overrides.kernelNumber = 2;
  EXPECT_THAT(textOf(find()), HasSubstr("there is one kernel in this memory"));
}

} // namespace
