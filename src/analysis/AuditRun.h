//===- AuditRun.h - what the parts of an audit hand to each other ---------===//
#pragma once

#include "analysis/Audit.h"
#include "analysis/AuditScene.h"
#include "analysis/FrameCounts.h"
#include "analysis/TableWalk.h"

#include "llvm/ADT/DenseMap.h"

namespace vmpt {

/// A page that the kernel maps outside the direct map and its own image.
struct KernelMapping {
  TableEntry entry;
  PhysAddr physical;
  uint32_t owner = 0; ///< Of AuditRun::owners.
};

struct ExecutableFrames {
  PhysAddr first, last;
  VirtAddr at; ///< Where they are executable.
  enum Kind : uint8_t { Image, Module, Other } kind = Other;
};

/// An anonymous page where a process should have code of a file.
struct ChangedCode {
  TableEntry entry;
  PhysAddr physical;
  AuditOwner owner;
  uint64_t mapping = 0, index = 0; ///< Of the file's own page.
};

struct AuditRun {
  AuditRun(AuditScene &s, AuditReport &r)
      : scene(s), report(r), walk(s.memory(), s.mode),
        mapBudget(32 * (s.memory().presentBytes() / s.pageBytes) + 65536) {}

  AuditScene &scene;
  AuditReport &report;
  TableWalk walk;
  /// Level of each table by its physical address, shifted so that DenseMap's
  /// hash spreads them.
  llvm::DenseMap<uint64_t, uint8_t> tables;
  std::vector<AuditOwner> owners; ///< Of kernel halves.
  std::vector<KernelMapping> mappings;
  std::vector<ExecutableFrames> executable;
  /// Of either, in a kernel half: 32 GiB in small pages.
  static constexpr size_t maxKept = size_t(1) << 23;
  std::vector<ChangedCode> changedCode;
  /// Writable mappings of what may turn out to be the page of zeros.
  std::vector<std::pair<AuditFinding, uint64_t>> maybeZero;
  bool knowsZero = false; ///< It was learned.
  /// Does the kernel keep any of its pages from being executed?
  bool usesNoExecute = true;
  FrameCounts userMaps; ///< How often processes map each frame.
  /// How many more are counted: large pages of a hostile table have no end.
  uint64_t mapBudget = 0;
  uint64_t absentTables = 0, absentUserTables = 0, absentFrames = 0;
  /// Pages of processes that may not be executed, as their areas have it.
  uint64_t noExecutePages = 0;

  FrameFacts frameAt(PhysAddr at) {
    if (!scene.frameAt)
      return {};
    FrameFacts facts = scene.frameAt(at.value >> scene.mode.pageShift);
    absentFrames += facts.state == PageFacts::State::Absent;
    return facts;
  }
  static uint64_t keyOf(PhysAddr table) { return table.value >> 5; }
  bool isTable(PhysAddr page) const { return tables.count(keyOf(page)) != 0; }
};

/// About the \p bytes that \p entry serves.
AuditFinding makeFinding(AuditRule rule, AuditOwner owner,
                         const TableEntry &entry, uint64_t bytes,
                         const llvm::Twine &detail);

/// What both kinds of address space have in common.
class SpaceVisitor : public TableVisitor {
public:
  SpaceVisitor(AuditRun &run, AuditOwner owner, const PagingMode &mode)
      : run_(run), scene_(run.scene), owner_(std::move(owner)), mode_(mode) {}

  bool table(const TableEntry &entry, PhysAddr table) override;
  void reserved(const TableEntry &entry) override;
  void loop(const TableEntry &entry, PhysAddr table) override;
  void absent(const TableEntry &entry, PhysAddr table,
              AbsentByte absent) override;

protected:
  /// Of all that \p entry serves.
  AuditFinding make(AuditRule rule, const TableEntry &entry,
                    const llvm::Twine &detail) const;
  void report(AuditFinding finding) { run_.report.add(std::move(finding)); }
  void report(AuditRule rule, const TableEntry &entry,
              const llvm::Twine &detail) {
    if (run_.report.accepts(rule))
      report(make(rule, entry, detail));
  }
  uint64_t spanOf(const TableEntry &entry) const {
    return mode_.entrySpan(entry.level);
  }
  /// Says it if the address has more bits than the processor.
  bool hasReservedAddress(const TableEntry &entry, PhysAddr at);

  AuditRun &run_;
  AuditScene &scene_;
  const AuditOwner owner_;
  const PagingMode mode_; ///< Of the table; a process may have its own.
};

/// The kernel's half, in the kernel's own table or below an entry that a
/// process has of its own.
class KernelVisitor final : public SpaceVisitor {
public:
  KernelVisitor(AuditRun &run, AuditOwner owner)
      : SpaceVisitor(run, owner, run.scene.mode),
        ownerIndex_(uint32_t(run.owners.size())) {
    run.owners.push_back(std::move(owner));
  }

  unsigned zoneAt(VirtAddr at) const override;
  void page(const TableEntry &entry, PhysAddr first) override;

private:
  void checkRights(const TableEntry &entry, std::optional<Region> region);
  void checkParts(const TableEntry &entry);
  void checkExecutable(const TableEntry &entry, PhysAddr first,
                       std::optional<Region> region);
  bool mayHoldCode(const TableEntry &entry, PhysAddr first,
                   std::optional<Region> region) const;
  void checkArea(const TableEntry &entry);
  void checkTarget(const TableEntry &entry, PhysAddr first,
                   std::optional<Region> region);
  bool hasRoom(size_t kept);

  const uint32_t ownerIndex_;
};

// The parts, in the order in which they run.
/// Rules of what may be executed or written do not apply where all may be.
void auditUnusedRights(AuditRun &run);
void auditKernelHalf(AuditRun &run);
void auditKernelCheck(AuditRun &run);
void auditHalves(AuditRun &run);
void auditProcesses(AuditRun &run);
void auditFrames(AuditRun &run);

/// Each mm once, by the process that has it first.
struct AuditedProcess {
  const Task *task;
  AuditOwner owner;
  PhysAddr kernelRoot, userRoot; ///< With PTI two, else the same.
};
std::vector<AuditedProcess> listProcesses(AuditRun &run);

/// Addresses that the kernel's half has, both inclusive; of one half each.
std::vector<std::pair<VirtAddr, VirtAddr>>
getKernelSpans(const AuditScene &scene);

} // namespace vmpt
