//===- AuditHalves.cpp - what top tables share, and what they must not ----===//
//
// Each process has a copy of the kernel's entries in its own top table (x86,
// riscv), and with PTI a second top table, on which user code runs. Copies that
// differ are how a process gets to see what the kernel does not.
//
// Legal: entries that a copy lacks (vmalloc space is filled in when it is first
// used), and x86-64's LDT, whose entry each process has of its own. linux v6.12
// arch/x86/mm/pti.c says what PTI's user half maps: the CPU entry area, the
// entry code, espfix, and a page of cpu_tss_rw for each CPU.
//
#include "analysis/AuditRun.h"

#include "kernel/tasks/CpuTasks.h"

#include "llvm/ADT/DenseSet.h"

namespace vmpt {

namespace {

using TableBytes = std::vector<uint8_t>;

/// A table that two address spaces have, or should have, the same entries of.
struct TablePair {
  PhysAddr ours, theirs;
  unsigned level = 0;
  VirtAddr start;
};

class HalfAudit {
public:
  explicit HalfAudit(AuditRun &run) : run_(run), scene_(run.scene) {}

  void compareKernelHalves(const AuditedProcess &process);
  void comparePti(const AuditedProcess &process);
  void checkKernelsUserHalf(uint64_t distance);

private:
  bool read(PhysAddr table, unsigned level, TableBytes &bytes);
  void compareKernel(const TablePair &tables, const AuditedProcess &process);
  void comparePtiUpper(const AuditedProcess &process, const TableBytes &user);
  uint64_t entryOf(const TableBytes &bytes, unsigned index) const {
    return scene_.mode.load(bytes.data() +
                            size_t(index) * scene_.mode.entryBytes);
  }
  VirtAddr addressOf(const TablePair &tables, unsigned index) const;
  bool isLdt(VirtAddr at, unsigned level) const;
  bool isSame(uint64_t ours, uint64_t theirs, unsigned level,
              uint8_t rights) const;
  AuditFinding make(AuditRule rule, const AuditedProcess &process, VirtAddr at,
                    PhysAddr place, uint64_t entry, unsigned level,
                    const llvm::Twine &detail) const;

  AuditRun &run_;
  AuditScene &scene_;
  /// The kernel's own second top table, as far as there is one.
  std::optional<TableBytes> kernelsUserTable_;
};

bool HalfAudit::read(PhysAddr table, unsigned level, TableBytes &bytes) {
  bytes.resize(scene_.mode.tableBytes(level));
  if (!scene_.memory().tryRead(table, bytes))
    return true;
  ++run_.absentTables;
  return false;
}

/// Of the half that the table's index belongs to.
VirtAddr HalfAudit::addressOf(const TablePair &tables, unsigned index) const {
  uint64_t at = tables.start.value +
                (uint64_t(index) << scene_.mode.levels[tables.level].shift);
  const unsigned top = scene_.mode.virtualBits;
  if (tables.level == 0 && top < 64 && top > 32 && at >> (top - 1) & 1)
    at |= ~lowBits(top);
  return VirtAddr(at);
}

/// LDT_BASE_ADDR; what the region is said to go on over is not used.
bool HalfAudit::isLdt(VirtAddr at, unsigned level) const {
  const KernelRegion *ldt = scene_.kernel.image().findRegion(Region::LdtRemap);
  return ldt && ldt->first - at < scene_.mode.entrySpan(level);
}

/// Accessed and dirty bits, and other bits that say nothing of where it leads
/// and what it allows, may differ.
bool HalfAudit::isSame(uint64_t ours, uint64_t theirs, unsigned level,
                       uint8_t rights) const {
  const PagingMode &mode = scene_.mode;
  if (!(mode.decode(ours, level) == mode.decode(theirs, level)))
    return mode.isHole(ours, level) && mode.isHole(theirs, level);
  return mode.isHole(ours, level) ||
         !((mode.deniedBy(ours, level) ^ mode.deniedBy(theirs, level)) &
           rights);
}

AuditFinding HalfAudit::make(AuditRule rule, const AuditedProcess &process,
                             VirtAddr at, PhysAddr place, uint64_t entry,
                             unsigned level, const llvm::Twine &detail) const {
  AuditFinding finding =
      makeFinding(rule, process.owner, {at, place, entry, level, 0},
                  scene_.mode.entrySpan(level), detail);
  finding.next = "tree --root " + hex(place - place.value % scene_.pageBytes);
  return finding;
}

/// A root of four entries (PAE) has tables of its own below, which hold the
/// copies.
void HalfAudit::compareKernelHalves(const AuditedProcess &process) {
  const PhysAddr root = scene_.kernel.memory().root();
  if (process.kernelRoot == root)
    return;
  const PagingMode &mode = scene_.mode;
  TablePair top{root, process.kernelRoot, 0, VirtAddr(0)};
  if (mode.entryCount(0) > 4)
    return compareKernel(top, process);
  TableBytes ours, theirs;
  if (!read(root, 0, ours) || !read(process.kernelRoot, 0, theirs))
    return;
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    const DecodedEntry a = mode.decode(entryOf(ours, index), 0),
                       b = mode.decode(entryOf(theirs, index), 0);
    const VirtAddr start = addressOf(top, index);
    if (start > scene_.lastUser && a.isTable() && b.isTable() &&
        a.address != b.address)
      compareKernel({a.address, b.address, 1, start}, process);
  }
}

void HalfAudit::compareKernel(const TablePair &tables,
                              const AuditedProcess &process) {
  TableBytes ours, theirs;
  if (!read(tables.ours, tables.level, ours) ||
      !read(tables.theirs, tables.level, theirs))
    return;
  const PagingMode &mode = scene_.mode;
  for (unsigned index = 0; index < mode.entryCount(tables.level); ++index) {
    const VirtAddr at = addressOf(tables, index);
    const uint64_t mine = entryOf(ours, index), other = entryOf(theirs, index);
    if (at <= scene_.lastUser || mine == other ||
        mode.isHole(other, tables.level) ||
        isSame(mine, other, tables.level, AllRights) || isLdt(at, tables.level))
      continue;
    const PhysAddr place = tables.theirs + uint64_t(index) * mode.entryBytes;
    AuditFinding finding = make(
        AuditRule::KernelHalfDiffers, process, at, place, other, tables.level,
        mode.isHole(mine, tables.level)
            ? "the process has an entry that the kernel does not have"
            : "the process has another entry than the kernel");
    finding.evidence.push_back(
        "the kernel's own entry is " + hex(mine) + " at physical " +
        hex(tables.ours + uint64_t(index) * mode.entryBytes));
    run_.report.add(std::move(finding));
    TableEntry entry{at, place, other, tables.level,
                     mode.deniedBy(other, tables.level)};
    KernelVisitor visitor(run_, process.owner);
    run_.walk.walkBelow(entry, visitor);
  }
}

/// The kernel poisons its copy of user entries with NX; all else is the same.
void HalfAudit::comparePti(const AuditedProcess &process) {
  if (process.userRoot == process.kernelRoot)
    return;
  TableBytes kernels, users;
  if (!read(process.kernelRoot, 0, kernels) ||
      !read(process.userRoot, 0, users))
    return;
  const PagingMode &mode = scene_.mode;
  const TablePair tables{process.kernelRoot, process.userRoot, 0, VirtAddr(0)};
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    const VirtAddr at = addressOf(tables, index);
    const uint64_t ours = entryOf(kernels, index),
                   other = entryOf(users, index);
    if (at > scene_.lastUser ||
        isSame(ours, other, 0, uint8_t(AllRights & ~ExecuteRights)))
      continue;
    AuditFinding finding = make(
        AuditRule::PtiDiffers, process, at,
        process.userRoot + uint64_t(index) * mode.entryBytes, other, 0,
        "user code runs on another entry than the kernel has for the process");
    finding.evidence.push_back(
        "the entry in the kernel's table of the process is " + hex(ours) +
        " at physical " +
        hex(process.kernelRoot + uint64_t(index) * mode.entryBytes));
    run_.report.add(std::move(finding));
  }
  comparePtiUpper(process, users);
}

/// All processes have the kernel's own second table's entries there.
void HalfAudit::comparePtiUpper(const AuditedProcess &process,
                                const TableBytes &users) {
  if (!kernelsUserTable_ || scene_.mode.entryCount(0) <= 4)
    return;
  const PagingMode &mode = scene_.mode;
  const TablePair tables{process.kernelRoot, process.userRoot, 0, VirtAddr(0)};
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    const VirtAddr at = addressOf(tables, index);
    const uint64_t ours = entryOf(*kernelsUserTable_, index),
                   other = entryOf(users, index);
    if (at <= scene_.lastUser || mode.isHole(other, 0) ||
        isSame(ours, other, 0, AllRights) || isLdt(at, tables.level))
      continue;
    const std::optional<Region> region = scene_.regionAt(at);
    AuditFinding finding =
        make(AuditRule::PtiLeak, process, at,
             process.userRoot + uint64_t(index) * mode.entryBytes, other, 0,
             "the table that user code runs on maps the kernel" +
                 (region ? ", in the region " + getRegionName(*region).str()
                         : std::string()));
    finding.evidence.push_back("the kernel's own table for user code has " +
                               hex(ours) + " there");
    run_.report.add(std::move(finding));
  }
}

/// What the second table maps for all: nothing of these regions, but for a few
/// single pages (cpu_tss_rw).
class LeakVisitor final : public TableVisitor {
public:
  LeakVisitor(AuditRun &run, uint64_t mostPages)
      : run_(run), scene_(run.scene), mostPages_(mostPages) {}

  void absent(const TableEntry &, PhysAddr, AbsentByte) override {
    ++run_.absentTables;
  }
  void page(const TableEntry &entry, PhysAddr) override {
    const std::optional<Region> region = scene_.regionAt(entry.at);
    const bool isData = region == Region::DirectMap ||
                        region == Region::Vmalloc ||
                        region == Region::Vmemmap || region == Region::Modules;
    const bool isSingle = entry.level == scene_.mode.lastLevel();
    if (isData && isSingle && singles_++ < mostPages_)
      return;
    const CodePart *part = scene_.partIn(entry.at, entry.at);
    const bool isImageData =
        region == Region::KernelImage && !(entry.denied & WriteRight) && !part;
    if (!isData && !isImageData)
      return;
    AuditFinding finding = makeFinding(
        AuditRule::PtiLeak, {}, entry, scene_.mode.entrySpan(entry.level),
        "the tables that user code runs on map the kernel, in the "
        "region " +
            getRegionName(*region));
    finding.next = "translate " + hex(entry.at);
    run_.report.add(std::move(finding));
  }

private:
  AuditRun &run_;
  AuditScene &scene_;
  const uint64_t mostPages_;
  uint64_t singles_ = 0;
};

/// The kernel's own two tables lie as those of processes do. Where a task's
/// table stands for the kernel's, there is nothing to compare with.
void HalfAudit::checkKernelsUserHalf(uint64_t distance) {
  if (scene_.kernel.image().rootIsOfTask)
    return run_.report.gap(AuditRule::PtiLeak, AuditGap::NotJudged,
                           "the kernel's own top table was not found");
  const PhysAddr user = scene_.kernel.memory().root() + distance;
  TableBytes bytes;
  if (!read(user, 0, bytes))
    return;
  kernelsUserTable_ = std::move(bytes);
  run_.walk.forget();
  LeakVisitor visitor(run_, 2 * readPerCpuOffsets(scene_.kernel).all.size());
  for (const auto &[first, last] : getKernelSpans(scene_))
    run_.walk.walk(user, first, last, visitor);
}

} // namespace

void auditHalves(AuditRun &run) {
  const std::vector<AuditedProcess> processes = listProcesses(run);
  HalfAudit audit(run);
  if (!run.scene.arch.tasksMapKernel)
    run.report.gap(AuditRule::KernelHalfDiffers, AuditGap::NotApplicable,
                   "on this architecture processes have no kernel half");
  const auto isolated = llvm::find_if(processes, [](const auto &process) {
    return process.userRoot != process.kernelRoot;
  });
  const bool hasPti = isolated != processes.end();
  if (processes.empty())
    return;
  if (!hasPti)
    for (AuditRule rule : {AuditRule::PtiLeak, AuditRule::PtiDiffers})
      run.report.gap(rule, AuditGap::NotApplicable,
                     "processes have one top table: no page table isolation");
  else
    audit.checkKernelsUserHalf(isolated->userRoot - isolated->kernelRoot);
  for (const AuditedProcess &process : processes) {
    if (run.scene.arch.tasksMapKernel)
      audit.compareKernelHalves(process);
    if (hasPti)
      audit.comparePti(process);
  }
}

std::vector<AuditedProcess> listProcesses(AuditRun &run) {
  std::vector<AuditedProcess> processes;
  llvm::DenseSet<uint64_t> seen;
  const AuditScene &scene = run.scene;
  for (const Task &task : scene.tasks.tasks) {
    if (!task.mm.value || task.isKernelThread || !task.root ||
        !seen.insert(task.mm.value).second)
      continue;
    const PhysAddr user = scene.arch.userRoot
                              ? scene.arch.userRoot(scene.kernel, *task.root)
                              : *task.root;
    processes.push_back({&task, {task.tgid, task.comm}, *task.root, user});
  }
  return processes;
}

} // namespace vmpt
