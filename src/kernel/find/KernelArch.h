//===- KernelArch.h - what is peculiar to Linux on an architecture --------===//
//
// How to add an architecture:
//   1. memory/Machine: its Arch, its names; dump/formats/ElfNotes: its prstatus
//   layout.
//   2. paging/X.h: its modes as constants with manual citations; Modes.cpp.
//   3. kernel/arch/X.cpp: a `KernelArch` as below; KernelArch.cpp lists it.
//   4. listing/X.cpp: its wording and its plan (EntryRules, PtdumpRules,
//      ranges); Plans.cpp lists it.
//   5. Tests: every typed test over modes picks the modes up by itself; add a
//      truth case, cut a fixture with `vmpt trim`, add a row to
//      docs/support.md.
//
#pragma once

#include "kernel/find/KernelImage.h"

namespace vmpt {

class KernelDebug;

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
  /// Roots for a dump without any VMCOREINFO: control registers.
  std::vector<RootGuess> (*registerRoots)(const RootQuery &);
  /// Everything else: offsets, masks, markers, each with its evidence.
  void (*complete)(const RootQuery &, KernelImage &);
  /// Last user address of a process: the user half ends there.
  VirtAddr (*lastUserAddress)(const KernelImage &);
  /// The table that user code of a process runs on, where that is not the
  /// one the kernel runs on (x86 PTI); null where there is no such thing.
  PhysAddr (*userRoot)(const KernelDebug &, PhysAddr kernelRoot) = nullptr;
};

/// The top table's virtual address, by the symbols that \p arch has for it.
std::optional<VirtAddr> findRootSymbol(const KernelArch &arch,
                                       const Vmcoreinfo &info);
/// What is mapped around the kernel's image: from SYMBOL(_stext) to a little
/// past the top table, which lies in its bss. Rodata and data are between.
std::vector<MappedRun> mapKernelImage(const RootQuery &query,
                                      const KernelImage &image);

/// Notes in \p image whether \p text, a format string of the kernel's dumper,
/// is among the strings in \p runs.
void noteDumperText(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
                    llvm::StringRef text, KernelImage &image);

/// All of them, or the one of \p arch.
llvm::ArrayRef<const KernelArch *> getKernelArchs();
const KernelArch *findKernelArch(Arch arch);

} // namespace vmpt
