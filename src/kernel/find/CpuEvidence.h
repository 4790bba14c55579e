//===- CpuEvidence.h - what the CPUs' registers say of a kernel -----------===//
//
// Memory may hold several kernels: the one that runs, the one that crashed, the
// one before kexec. The register of a running kernel's root (CR3) maps the
// kernel, and so leads to its root table; where notes have no such register,
// the program counter lies in its image.
//
#pragma once

#include "dump/formats/Dump.h"
#include "paging/PagingMode.h"

namespace vmpt {

struct KernelArch;

/// Where a kernel's top table lies.
struct RootPlace {
  const KernelArch &arch;
  const PagingMode &mode;
  PhysAddr root;
  VirtAddr self; ///< The root's own virtual address.
};

struct CpuEvidence {
  /// A sentence for each CPU that runs this kernel: "CR3 of CPU 0 leads to its
  /// root table".
  std::vector<std::string> here;
  /// One of them is of a register with a root, which two kernels cannot share.
  bool isByRoot = false;
  /// Indices of CPUs that surely run something else.
  std::vector<size_t> elsewhere;

  /// CPUs speak, and none of them for this kernel.
  bool contradicts() const { return here.empty() && !elsewhere.empty(); }
};

/// A few translations for each CPU.
CpuEvidence askCpus(const Machine &machine, const PhysicalMemory &memory,
                    const RootPlace &kernel);

/// \p machine without the CPUs that surely run something else.
Machine withoutOtherCpus(const Machine &machine, const PhysicalMemory &memory,
                         const RootPlace &kernel);

} // namespace vmpt
