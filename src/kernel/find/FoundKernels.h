//===- FoundKernels.h - several kernels in one memory ---------------------===//
//
// A crash kernel beside the one that crashed, the kernel before kexec and its
// successor: each has its VMCOREINFO and its root table. They are numbered from
// 1 on, the number that --kernel takes: first the one that commands read where
// nobody chooses.
//
#pragma once

#include "kernel/find/CpuEvidence.h"
#include "kernel/find/FoundKernel.h"
#include "kernel/find/RegisterRoots.h"

namespace vmpt {

/// The kernels of one memory, in their order.
class FoundKernels {
public:
  FoundKernels(const Dump &dump, const PhysicalMemory &memory)
      : dump_(dump), memory_(memory) {}

  /// The text that names it outlives this object. One with a root that is
  /// known already adds only the time of its crash.
  void add(KernelCandidate candidate);
  /// The one whose VMCOREINFO this is, too, but for what a crash appends.
  bool has(const NamedVmcoreinfo &text);
  /// Where no CPU tells anything: the one that lasts, if all others that are
  /// without doubt are over. \p describeEnd says why one is, or "".
  void askMemory(
      llvm::function_ref<std::string(const KernelCandidate &)> describeEnd);
  /// The running one first, and one without doubt before any other.
  void sort();
  /// Before all others, where it is in the list.
  void putFirst(PhysAddr root);

  size_t size() const { return all_.size(); }
  const KernelCandidate &operator[](size_t index) const {
    return all_[index].candidate;
  }
  /// Does any CPU say that it runs this one?
  bool hasCpu(size_t index) const { return !all_[index].cpus.here.empty(); }
  /// Is there a CPU that runs none of them?
  bool leavesCpuOut() const;
  /// After sort(): does nothing tell the first from another?
  bool isOpen() const;
  FoundKernel describe(size_t index) const;

private:
  struct Entry {
    KernelCandidate candidate;
    CpuEvidence cpus;
    std::optional<uint64_t> crashTime;
    std::string end; ///< Why it is over, by memory alone; else "".
  };
  unsigned rank(const Entry &entry) const;
  bool hasAnyCpu() const;
  /// By registers; without them, by memory.
  void judgeByCpus(const Entry &entry, FoundKernel &found) const;
  void judgeByMemory(const Entry &entry, FoundKernel &found) const;

  const Dump &dump_;
  const PhysicalMemory &memory_;
  std::vector<Entry> all_;
  std::optional<PhysAddr> lasting_; ///< By memory: its root.
};

/// What the CPUs say of \p candidate; nothing where its VMCOREINFO does not
/// name the root.
CpuEvidence askCpus(const Dump &dump, const PhysicalMemory &memory,
                    const KernelCandidate &candidate);

} // namespace vmpt
