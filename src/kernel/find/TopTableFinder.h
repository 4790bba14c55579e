//===- TopTableFinder.h - a look for top tables, in parts -----------------===//
#pragma once

#include "kernel/find/KernelArch.h"
#include "kernel/find/LinearRuns.h"
#include "kernel/find/RootDistance.h"
#include "kernel/find/SoundTables.h"
#include "kernel/find/TableCandidates.h"
#include "kernel/find/TablesOfRoots.h"
#include "kernel/find/TopTables.h"

#include <algorithm>
#include <unordered_set>

namespace vmpt {

inline constexpr uint64_t maxTablesBelow = uint64_t(1)
                                           << 16; // crafted ones end

/// The border is a matter of configuration.
inline bool isSplit(const PagingMode &mode) {
  return !findKernelArch(mode.arch)->kernelStarts.empty();
}

inline bool translatesBothHalves(const PagingMode &mode) {
  return mode.coverage.lower != mode.coverage.upper || isSplit(mode);
}

/// How a table of that mode is read where it is a process's.
inline PagingMode modeOfProcess(const PagingMode &mode) {
  auto *processMode = findKernelArch(mode.arch)->processMode;
  return processMode ? processMode(mode) : ofLowerRoot(mode);
}

/// May processes have tables of \p mode beside the kernel's of \p kernel?
inline bool isBeside(const PagingMode &mode, const PagingMode &kernel) {
  return &mode == &kernel ||
         (mode.arch == kernel.arch && findKernelArch(mode.arch)->spacesOverlap);
}

/// The first address of the part that all tasks share.
inline VirtAddr firstShared(const PagingMode &mode) {
  if (isSplit(mode))
    return VirtAddr(findKernelArch(mode.arch)->kernelStarts.front());
  return translatesBothHalves(mode) ? VirtAddr(~lowBits(mode.virtualBits - 1))
                                    : mode.coverage.first();
}

/// Where one root translates both halves.
inline VirtAddr lastOfUser(const PagingMode &mode) {
  return isSplit(mode) ? firstShared(mode) - 1
                       : VirtAddr(lowBits(mode.virtualBits - 1));
}

/// Private to findTopTables(). Tables that map the kernel are found first, in
/// TopTables.cpp, those beside them in TopTablesBeside.cpp.
class TopTableFinder {
public:
  TopTableFinder(const PhysicalMemory &memory, Diagnostics &diagnostics,
                 llvm::ArrayRef<PhysAddr> known)
      : memory_(memory.forScanning()), diagnostics_(diagnostics), known_(known),
        distance_(memory_), below_(memory.presentBytes()) {}

  TopTables find(llvm::ArrayRef<const PagingMode *> modes);

private:
  using Entries = SoundTables::Entries;
  using Group = std::vector<PhysAddr>; ///< With one shared part.

  void judgeMode(const PagingMode &mode, llvm::ArrayRef<PhysAddr> candidates,
                 VirtAddr start);
  bool mayMapKernel(SoundTables &tables, const PagingMode &mode, PhysAddr root,
                    const Entries &entries, VirtAddr start) const;
  void judgeGroup(SoundTables &tables, LinearRuns &runs, const PagingMode &mode,
                  const Group &group, VirtAddr start);
  void nameEnded(const SoundTables &sound, std::vector<TopTable> &tables,
                 VirtAddr start) const;
  std::vector<PhysAddr>
  findByInitMm(llvm::ArrayRef<const TopTable *> tables) const;
  void nameEndedByInitMm();
  std::optional<TopTable> judgeRoot(SoundTables &tables, const PagingMode &mode,
                                    PhysAddr root, VirtAddr start,
                                    llvm::ArrayRef<MappedRun> large) const;
  bool isOfNarrowerMode(const PagingMode &mode, const Entries &entries) const;
  void addUserTable(const TopTable &owner);
  void addUserRoots(const PagingMode &mode,
                    llvm::ArrayRef<PhysAddr> candidates);
  void addIdentities(const PagingMode &mode,
                     llvm::ArrayRef<PhysAddr> candidates);
  bool isIdentity(SoundTables &tables, const PagingMode &mode, PhysAddr root,
                  TopTable &table) const;
  void judgeByWindow(const PagingMode &mode,
                     llvm::ArrayRef<PhysAddr> candidates);
  void judgeOtherStarts(const TableCandidates &found);
  void add(TopTable table);
  void dropOtherArchs();
  void noteCut(const PagingMode &mode, bool isCut) {
    if (isCut)
      cut_.insert(&mode);
  }
  bool isCutOff() const;
  void countUser(SoundTables &tables, const PagingMode &mode, TopTable &table,
                 VirtAddr last) const;
  /// The direct map is long, what other bytes happen to map is not.
  uint64_t leastDirect() const {
    return std::clamp(memory_.presentBytes() / 16, uint64_t(1) << 20,
                      uint64_t(64) << 20);
  }
  bool isKnown(PhysAddr root) const {
    return taken_.count(root.value) || below_.contain(root);
  }

  const PhysicalMemory &memory_;
  Diagnostics &diagnostics_;
  const llvm::ArrayRef<PhysAddr> known_;
  llvm::ArrayRef<const PagingMode *> modes_;
  const RootDistance distance_;
  std::unordered_set<uint64_t> taken_; ///< Roots of the result, in any mode.
  TablesOfRoots below_;
  std::unordered_set<const PagingMode *> cut_; ///< Not all was judged in it.
  TopTables result_;
};

} // namespace vmpt
