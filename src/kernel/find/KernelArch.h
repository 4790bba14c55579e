//===- KernelArch.h - what is peculiar to Linux on an architecture --------===//
//
// How to add an architecture X, and what fails where a step is left out:
//
//   1. memory/Archs.def: its line. The compiler then asks for the next five.
//   2. memory/Arch.cpp: its row: ELF machine, word, registers of its notes; a
//      member left out is a static_assert.
//   3. paging/modes/X.h: its modes as constants with manual citations, listed
//      in `modes`; an include in Modes.cpp.
//   4. kernel/arch/X.cpp: `kernelArchX` as below, and `crashArchX`
//      (CrashArch.h), in a file XCrash.cpp beside it. The linker asks for both,
//      and KernelArchTest for each member that has no default.
//   5. listing/X.cpp: `listingArchX` with its plans (EntryRules, PtdumpRules,
//      ranges) and its wording. The linker asks for it, and ListingArchTest
//      for a listing in each mode.
//   6. tests/support/PageTableBuilder.h: an entry that is a page. The tests
//      over all modes pick the modes up by themselves.
//   7. tests/unit/kernel/arch/XTest.cpp and tests/unit/listing/XTest.cpp; the
//      help of --arch, docs/man/vmpt.1, docs/support.md,
//      docs/schema/roots.json: tests/lint/archs.py.
//      It also names each line elsewhere that asks for a certain architecture:
//      what others need to know is a member of `ArchTraits` or `KernelArch`.
//   8. A truth case, and a fixture cut from it with `vmpt trim`.
//
#pragma once

#include "kernel/find/CrashArch.h"
#include "kernel/find/KernelImage.h"
#include "kernel/find/NonPresentRules.h"
#include "kernel/find/RootCheck.h"
#include "kernel/find/SoftwareBits.h"

namespace vmpt {

class Kernel;

/// What decides where a root is looked for.
struct RootQuery {
  const Dump &dump;
  const PhysicalMemory &memory;
  const KernelOverrides &overrides;
  const Vmcoreinfo &vmcoreinfo;
};

/// A root that a formula or a register names, to be confirmed.
struct RootGuess {
  PhysAddr root;
  std::string source;
};

/// An area at the same place in every process, a page of the kernel's that user
/// code may read or execute. A kernel that has it has get_gate_vma().
struct GateArea {
  llvm::StringLiteral name = "";
  uint64_t start = 0;
  /// What tells which processes have the area; empty: all.
  llvm::StringLiteral mode = "";
};

/// Addresses near the start of a direct map.
struct DirectMapStarts {
  VirtAddr first, last;
};

struct KernelArch {
  Arch arch;
  /// Is this VMCOREINFO of a kernel of this architecture? Asked only where
  /// nothing else names the architecture.
  bool (*owns)(const Vmcoreinfo &);
  /// Symbols under which VMCOREINFO has the top table's virtual address.
  llvm::ArrayRef<llvm::StringLiteral> rootSymbols;
  /// Modes to try, the likeliest first; the second gets the reason.
  std::vector<const PagingMode *> (*likelyModes)(const RootQuery &,
                                                 std::string &reason);
  /// Roots that VMCOREINFO's numbers give; \p self is the virtual address.
  std::vector<RootGuess> (*guessRoots)(const RootQuery &, VirtAddr self);
  /// Where the kernel's image may be mapped, through whatever root.
  std::vector<MappedRun> (*mapImage)(const RootQuery &, const AddressSpace &);
  /// Everything else: offsets, masks, markers, each with its evidence.
  void (*complete)(const RootQuery &, KernelImage &);
  /// The sections of address_markers[], by the names of every version.
  llvm::ArrayRef<RegionMarker> regionMarkers;
  /// Linux has a dumper of its page tables, which some kernels are built with.
  bool hasDumper = true;
  /// Last user address of a process: the user half ends there.
  VirtAddr (*lastUserAddress)(const KernelImage &);
  /// How entries that are not present are written, the newest first.
  llvm::ArrayRef<NonPresentFormat> nonPresentFormats;
  /// Which bits of an entry are Linux's own.
  SoftwareBits (*softwareBits)(const PagingMode &, KernelVersion);
  /// What its kernel says when it dies, and how it walks its tables then.
  const CrashArch *crash;
  /// The table that user code of a process runs on, where that is not the
  /// one the kernel runs on (x86 PTI); null where there is no such thing.
  PhysAddr (*userRoot)(const Kernel &, PhysAddr kernelRoot) = nullptr;
  /// Options that say something here, besides --arch, --root, --vmcoreinfo.
  llvm::ArrayRef<KernelOption> options = {};
  /// What --phys-base stands for, as the root has it.
  std::optional<uint64_t> (*physBase)(const KernelImage &) = nullptr;
  /// What proves a root where no table maps it, in modes whose direct window it
  /// lies in; fills in what the root tells of the mode. Of others it is the
  /// fixed point.
  RootJudgement (*judgeRoot)(const PhysicalMemory &, PagingMode &,
                             PhysAddr root) = nullptr;
  /// What that has shown.
  llvm::StringLiteral rootProof = "";
  /// Where the addresses begin that all tasks share, the likeliest first, where
  /// that is a matter of configuration (linux arch/*/Kconfig VMSPLIT_*). Empty:
  /// with the upper half.
  llvm::ArrayRef<uint64_t> kernelStarts = {};
  /// A task's table maps the kernel as the kernel's own does.
  bool tasksMapKernel = true;
  /// The mode of a task's table, which may have other levels than the kernel's;
  /// null: ofLowerRoot(). Ask getTaskMode().
  PagingMode (*taskMode)(const KernelImage &, const PhysicalMemory &,
                         PhysAddr root) = nullptr;
  /// The same of a mode, where nothing else is known; null: ofLowerRoot().
  PagingMode (*processMode)(const PagingMode &) = nullptr;
  /// An address does not tell whose it is: tasks and the kernel have spaces of
  /// their own, each from 0 on.
  bool spacesOverlap = false;
  /// Where the kernel keeps the address of its VMCOREINFO note; null: nowhere.
  std::optional<PhysAddr> (*findVmcoreinfoNote)(const PhysicalMemory &) =
      nullptr;
  /// An area of processes that is in no list of areas; null: there is none.
  const GateArea *gateArea = nullptr;
  /// The area at mm->context.vdso is [vdso] even where it has no name of its
  /// own (linux v5.10 arch/riscv/kernel/vdso.c; newer ones have one).
  bool hasNamelessVdso = false;
  /// SECTION_SIZE_BITS where VMCOREINFO does not say it (linux
  /// arch/*/include/asm/sparsemem.h); null for 27.
  unsigned (*sectionSizeBits)(const KernelImage &) = nullptr;
  /// CONFIG_ARCH_USES_PG_UNCACHED may be set (up to 6.11).
  bool hasUncachedPageFlag = false;
  /// The register in the notes that holds a task's root; empty if none does.
  llvm::StringLiteral rootRegister = "";
  /// Set in that register while the CPU runs on PTI's user half.
  uint64_t userHalfBit = 0;
  /// Registers in the notes, one of which holds the CPU's per-CPU offset.
  llvm::ArrayRef<llvm::StringLiteral> perCpuRegisters = {};
  /// Does the space map more of the kernel than PTI's user half does? Null
  /// where that cannot be told.
  bool (*mapsKernel)(const AddressSpace &) = nullptr;
  /// Lines of VMCOREINFO that later kernels have and this one has not, as other
  /// programs want them; null: there are none. The direct map's virtual minus
  /// physical address is known.
  std::string (*laterKeys)(const KernelImage &,
                           uint64_t directMapOffset) = nullptr;
  /// Bits that Linux sets in each page of the kernel, and in each of a process,
  /// so that the other side may not execute it (arm64 UXN, PXN); 0: none.
  uint64_t kernelPagesNeed = 0, userPagesNeed = 0;
  /// An entry of a process with this bit is writable to Linux, though the MMU
  /// may still have to be told (arm64 DBM); 0: there is no such bit.
  uint64_t userWriteBit = 0;
  /// The kernel has up to 1 << this pages of zeros side by side.
  unsigned maxZeroPageOrder = 0;
  /// Page tables may be objects of slab caches.
  bool tablesInSlab = false;
  /// Text and read-only data of the image are mapped alike.
  bool rodataIsExecutable = false;
  /// There is a module that prints its tables (vmpt tree --style module).
  bool hasModuleStyle = false;
  /// The kernel's check for what is writable and executable leaves out the
  /// BIOS.
  bool checkSkipsBios = false;
  /// It leaves out the first page, each CPU's own (s390x).
  bool checkSkipsFirstPage = false;
  /// How wide physical addresses of this processor are; null: not known.
  std::optional<unsigned> (*physicalBits)(const Kernel &) = nullptr;
  /// Where the direct map starts in this mode, in every version that does not
  /// say its mode (ModeByPointers.h); nothing if it is said. Null: always.
  std::optional<DirectMapStarts> (*directMapStarts)(
      const RootQuery &, const PagingMode &) = nullptr;
  /// Bits of an entry that may say "encrypted" and not be part of an address,
  /// 0 for none, the likeliest first. Null: there is no such thing.
  std::vector<uint64_t> (*encryptionMasks)(const RootQuery &) = nullptr;
};

/// The mode of \p root, a task's top table.
PagingMode getTaskMode(const KernelImage &image, const PhysicalMemory &memory,
                       PhysAddr root);
/// The last user address that a table of \p mode, a task's, can have.
VirtAddr lastUserAddress(const KernelImage &image, const PagingMode &mode);
/// The first address that may be the kernel's.
VirtAddr firstKernelAddress(const KernelImage &image);
/// The same of a pointer, where it starts at 0: small numbers are none.
VirtAddr firstKernelPointer(const KernelImage &image);
/// From here on addresses are the kernel's, however it is configured, unless
/// the CPU runs user code in a space of its own.
VirtAddr firstSurelyKernel(const KernelArch &arch);

/// What a confirmed root has shown, in words.
llvm::StringRef getRootProof(const KernelArch &arch, const PagingMode &mode);

/// What is mapped around the kernel's image: from SYMBOL(_stext) to a little
/// past the top table, which lies in its bss. Rodata and data are between.
std::vector<MappedRun> mapKernelImage(const RootQuery &query,
                                      const AddressSpace &memory);

/// Makes the kernel's own array the markers of \p image, with its evidence.
void takeMarkerArray(MarkerArray array, KernelImage &image);

/// Is \p text, a format string of the kernel's dumper, among the strings of
/// its image? Adds the answer to the evidence.
bool hasDumperText(const AddressSpace &memory, llvm::StringRef text,
                   KernelImage &image);

// Defined in kernel/arch/.
#define VMPT_ARCH(X, x) extern const KernelArch kernelArch##X;
#include "memory/Archs.def"

/// All of them in the order of Archs.def, or the one of \p arch.
llvm::ArrayRef<const KernelArch *> getKernelArchs();
const KernelArch *findKernelArch(Arch arch);

} // namespace vmpt
