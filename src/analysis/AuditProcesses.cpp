//===- AuditProcesses.cpp - what processes map, against their areas -------===//
#include "analysis/AuditRun.h"

#include "analysis/RssCounter.h"
#include "kernel/pages/NonPresentEntry.h"

namespace vmpt {

namespace {

/// Bits of vm_flags, beside those of VmaFlag: linux include/linux/mm.h.
constexpr uint64_t vmShared = 0x8, vmIo = 0x4000, vmMixedMap = 0x10000000;
/// An area of pages that have no struct page, or are a device's.
constexpr uint64_t vmDevice = VmPfnMap | vmIo | vmMixedMap;
/// What may be on its way between entries and counters while a CPU handles a
/// fault: fault-around takes 16 pages at a time.
constexpr int64_t rssTolerance = 64;

constexpr llvm::StringLiteral executableDetail =
    "executable, in an area that is not";

class ProcessVisitor final : public SpaceVisitor {
public:
  ProcessVisitor(AuditRun &run, const AuditedProcess &process,
                 const PagingMode &mode, const NonPresentRules &rules,
                 bool hasNoExecute)
      : SpaceVisitor(run, process.owner, mode), rules_(rules),
        hasNoExecute_(hasNoExecute),
        software_(
            scene_.arch.softwareBits(mode, scene_.kernel.image().version())),
        mapping_(
            findOptionalField(scene_.kernel.types(), "file", {"f_mapping"})) {}

  void setAreas(ProcessAreas areas) {
    areas_ = std::move(areas);
    knowsAreas_ = true;
  }
  void page(const TableEntry &entry, PhysAddr first) override;
  void hole(const TableEntry &entry) override;
  void reportAreas();

  uint64_t residentPages = 0;

private:
  const Vma *areaAt(VirtAddr at);
  bool isWritable(const TableEntry &entry) const {
    return !(entry.denied & WriteRight) ||
           entry.value & scene_.arch.userWriteBit;
  }
  void learnZeroPages(const TableEntry &entry, PhysAddr first, bool isSpecial);
  void checkArea(const TableEntry &entry, const Vma *vma);
  void checkRights(const TableEntry &entry, const Vma &vma);
  void checkFrame(const TableEntry &entry, PhysAddr first,
                  const FrameFacts &frame);
  void checkCode(const TableEntry &entry, PhysAddr first,
                 const FrameFacts &frame, const Vma *vma);
  bool isOutside(const TableEntry &entry, PhysAddr first, const Vma *vma);
  bool isImage(PhysAddr at) const;
  void count(const TableEntry &entry, PhysAddr first, const FrameFacts &frame,
             bool isWritable);
  /// Tells why the finding may be innocent.
  AuditFinding judge(AuditRule rule, const TableEntry &entry,
                     const llvm::Twine &detail) const;

  const NonPresentRules &rules_;
  const bool hasNoExecute_;
  const SoftwareBits software_;
  const std::optional<Field> mapping_;
  ProcessAreas areas_;
  bool knowsAreas_ = false;
  size_t area_ = 0; ///< Areas and entries come in the order of addresses.
};

const Vma *ProcessVisitor::areaAt(VirtAddr at) {
  const std::vector<Vma> &vmas = areas_.vmas;
  while (area_ < vmas.size() && vmas[area_].end <= at)
    ++area_;
  return area_ < vmas.size() && vmas[area_].start <= at ? &vmas[area_]
                                                        : nullptr;
}

AuditFinding ProcessVisitor::judge(AuditRule rule, const TableEntry &entry,
                                   const llvm::Twine &detail) const {
  AuditFinding finding = make(rule, entry, detail);
  finding.next = "maps --pid " + std::to_string(*owner_.pid);
  if (areas_.isBusy) {
    finding.severity = AuditSeverity::Info;
    finding.evidence.push_back("mmap_lock is held for writing: areas and "
                               "entries may not agree yet");
  } else if (!areas_.problem.empty()) {
    finding.severity = std::min(finding.severity, AuditSeverity::Low);
    finding.evidence.push_back("not all areas are known: " + areas_.problem);
  }
  return finding;
}

void ProcessVisitor::page(const TableEntry &entry, PhysAddr first) {
  const Vma *vma = areaAt(entry.at);
  if (hasReservedAddress(entry, first))
    return;
  if (knowsAreas_)
    checkArea(entry, vma);
  if (isOutside(entry, first, vma))
    return;
  const bool isSpecial = entry.value & software_.special;
  learnZeroPages(entry, first, isSpecial);
  const FrameFacts frame = run_.frameAt(first);
  if (!frame.isKnown())
    return;
  checkFrame(entry, first, frame);
  checkCode(entry, first, frame, vma);
  if (!isSpecial)
    count(entry, first, frame, isWritable(entry));
}

/// Where no symbol names them: what is mapped read-only as they are.
void ProcessVisitor::learnZeroPages(const TableEntry &entry, PhysAddr first,
                                    bool isSpecial) {
  if (isWritable(entry))
    return;
  const uint64_t frame = first.value >> scene_.mode.pageShift;
  const bool isLarge = entry.level < mode_.lastLevel();
  if (isLarge && scene_.learnHugeZeroPage)
    scene_.learnHugeZeroPage(frame);
  else if (!isLarge && isSpecial && scene_.learnZeroPage && !run_.knowsZero) {
    scene_.learnZeroPage(frame);
    run_.knowsZero = run_.frameAt(first).has(KpfZeroPage);
  }
}

void ProcessVisitor::checkArea(const TableEntry &entry, const Vma *vma) {
  if (vma)
    return checkRights(entry, *vma);
  if (!run_.report.accepts(AuditRule::UserWithoutVma))
    return;
  AuditFinding finding = judge(AuditRule::UserWithoutVma, entry,
                               "a page is mapped where no memory area is");
  finding.evidence.push_back(std::to_string(areas_.vmas.size()) +
                             " areas are known, and none has the address");
  report(std::move(finding));
}

void ProcessVisitor::checkRights(const TableEntry &entry, const Vma &vma) {
  const bool isReadable = !(entry.denied & UserRight);
  const bool isExecutable = !(entry.denied & UserExecuteRight);
  const uint64_t all = VmRead | VmWrite | VmExec;
  run_.noExecutePages += !isExecutable && !(vma.flags & VmExec);
  const char *detail = nullptr;
  AuditRule rule = AuditRule::UserBeyondVma;
  if (isWritable(entry) && !(vma.flags & VmWrite))
    detail = "writable, in an area that is not";
  else if (hasNoExecute_ && isExecutable && !(vma.flags & VmExec))
    detail = executableDetail.data();
  else if (isReadable && !(vma.flags & all))
    detail = "open to user code, in an area that is not (PROT_NONE)";
  else if (scene_.arch.userPagesNeed &&
           !(entry.value & scene_.arch.userPagesNeed))
    detail = "the kernel may execute a page of user code (PXN is clear)";
  else if (!isReadable && !isExecutable && vma.flags & all) {
    detail = "closed to user code, in an area that is open";
    rule = AuditRule::UserWithoutUserBit;
  }
  if (!detail || !run_.report.accepts(rule))
    return;
  AuditFinding finding = judge(rule, entry, detail);
  finding.evidence.push_back("the area " + hex(vma.start) + "-" + hex(vma.end) +
                             " is " + (vma.flags & VmRead ? "r" : "-") +
                             (vma.flags & VmWrite ? "w" : "-") +
                             (vma.flags & VmExec ? "x" : "-"));
  report(std::move(finding));
}

/// Areas of devices map what is no memory.
bool ProcessVisitor::isOutside(const TableEntry &entry, PhysAddr first,
                               const Vma *vma) {
  if (!scene_.memory().knowsRam() || scene_.isMemory(first))
    return false;
  if (vma ? vma->flags & vmDevice : !knowsAreas_)
    return true;
  report(AuditRule::OutsideRam, entry,
         "physical " + hex(first) +
             " is no memory, and the area is none of a device");
  return true;
}

bool ProcessVisitor::isImage(PhysAddr at) const {
  for (const MappedRun &run : scene_.kernel.image().imageRuns)
    if (at - run.physical < run.size)
      return true;
  return false;
}

void ProcessVisitor::checkFrame(const TableEntry &entry, PhysAddr first,
                                const FrameFacts &frame) {
  auto say = [&](AuditRule rule, const llvm::Twine &detail) {
    if (!run_.report.accepts(rule))
      return;
    AuditFinding finding = make(rule, entry, detail);
    finding.evidence.push_back("struct page of frame " +
                               hex(first.value >> scene_.mode.pageShift) +
                               ": kpageflags " + hex(frame.flags) + ", " +
                               std::to_string(frame.refCount) + " references");
    finding.next = "page " + hex(first);
    report(std::move(finding));
  };
  const bool isSpecial = entry.value & software_.special;
  if (frame.has(KpfBuddy))
    say(AuditRule::MapsFreePage, "a page that is free is mapped");
  else if (frame.has(KpfSlab))
    say(AuditRule::MapsSlabOrTable, "a page of a slab is mapped");
  else if (frame.has(KpfPgTable))
    say(AuditRule::MapsSlabOrTable, "a page table is mapped");
  else if (frame.refCount <= 0 && !isSpecial && !frame.has(KpfReserved))
    say(AuditRule::MapsFreePage, "a page that nothing refers to is mapped");
  if (!isWritable(entry))
    return;
  if (frame.has(KpfZeroPage))
    return say(AuditRule::ZeroPageWritable,
               "the page of zeros is mapped writable");
  if (!frame.has(KpfReserved))
    return;
  if (scene_.learnZeroPage && !run_.knowsZero &&
      run_.maybeZero.size() < AuditReport::maxFindings)
    run_.maybeZero.push_back({make(AuditRule::ZeroPageWritable, entry,
                                   "the page of zeros is mapped writable"),
                              first.value >> scene_.mode.pageShift});
  else if (isImage(first))
    say(AuditRule::MapsSlabOrTable,
        "a page of the kernel's image is mapped writable");
}

/// Code of a file that is private memory was written to: by a debugger, by
/// uprobes, or by who injects code.
void ProcessVisitor::checkCode(const TableEntry &entry, PhysAddr first,
                               const FrameFacts &frame, const Vma *vma) {
  if (!vma || !(vma->flags & VmExec) || vma->flags & (vmShared | VmWrite) ||
      !frame.has(KpfAnon) || entry.denied & UserExecuteRight)
    return;
  if (!vma->file.value) {
    AuditFinding finding =
        judge(AuditRule::DirtyExecutable, entry, "code in memory of no file");
    finding.severity = AuditSeverity::Info;
    finding.evidence.push_back(
        "an anonymous area, executable and not writable: written once, as by "
        "a compiler at run time");
    return report(std::move(finding));
  }
  ChangedCode code{entry, first, owner_, 0, 0};
  code.mapping =
      scene_.kernel.reader().tryNumber(vma->file, mapping_).value_or(0);
  code.index =
      vma->pageOffset + ((entry.at - vma->start) >> scene_.mode.pageShift);
  if (run_.changedCode.size() < AuditReport::maxFindings)
    run_.changedCode.push_back(std::move(code));
}

void ProcessVisitor::count(const TableEntry &entry, PhysAddr first,
                           const FrameFacts &frame, bool isWritable) {
  if (frame.has(KpfZeroPage) || frame.isHuge)
    return;
  const uint64_t pages = spanOf(entry) / scene_.pageBytes;
  residentPages += pages;
  for (uint64_t i = 0; i < pages && run_.mapBudget; ++i, --run_.mapBudget)
    run_.userMaps.add((first.value >> scene_.mode.pageShift) + i, isWritable);
}

/// Pages that the MMU does not reach, and the kernel counts all the same.
void ProcessVisitor::hole(const TableEntry &entry) {
  const NonPresentEntry held =
      decodeNonPresent(rules_, mode_, entry.value, entry.level);
  if (held.kind == EntryKind::Migrating || held.kind == EntryKind::Device)
    residentPages += spanOf(entry) / scene_.pageBytes;
  if (!held.address || !scene_.isMemory(*held.address))
    return;
  const FrameFacts frame = run_.frameAt(*held.address);
  if (frame.isKnown() && !(entry.value & software_.special))
    count(entry, *held.address, frame, false);
}

void ProcessVisitor::reportAreas() {
  for (const Vma &vma : areas_.vmas) {
    if ((vma.flags & (VmWrite | VmExec)) != (VmWrite | VmExec))
      continue;
    AuditFinding finding(AuditRule::RwxMapping, owner_);
    finding.first = vma.start;
    finding.last = vma.end - 1;
    finding.detail = vma.file.value
                         ? "an area of a file is writable and executable"
                         : "an area is writable and executable";
    finding.next = "maps --pid " + std::to_string(*owner_.pid);
    report(std::move(finding));
  }
}

/// Without NX every page that is readable is executable.
bool hasNoExecuteBit(const PagingMode &mode) {
  for (const RightsRule &rule : mode.pageRights)
    if (rule.denied & UserExecuteRight && !(rule.denied & UserRight))
      return true;
  return false;
}

void compareRss(AuditRun &run, const RssCounter &rss,
                const AuditedProcess &process, uint64_t found) {
  std::optional<int64_t> counted = rss.count(process.task->mm);
  if (!counted)
    return run.report.gap(AuditRule::RssMismatch, AuditGap::Partial,
                          "the counters of some processes are not in the dump");
  const int64_t difference = int64_t(found) - *counted;
  if (difference <= rssTolerance && -difference <= rssTolerance)
    return;
  AuditFinding finding(AuditRule::RssMismatch, process.owner);
  finding.detail = "the tables map " + std::to_string(found) +
                   " pages, and the kernel counts " + std::to_string(*counted);
  finding.evidence.push_back("mm_struct.rss_stat of " + hex(process.task->mm));
  finding.next =
      "pages --pid " + std::to_string(process.task->pid) + " --summary";
  run.report.add(std::move(finding));
}

class ProcessAudit {
public:
  explicit ProcessAudit(AuditRun &run)
      : run_(run), scene_(run.scene),
        rules_(findNonPresentRules(scene_.kernel)),
        hasNoExecute_(hasNoExecuteBit(scene_.mode)),
        rss_(scene_.kernel, scene_.tasks) {
    if (!rss_.problem().empty())
      run_.report.gap(AuditRule::RssMismatch, AuditGap::NotJudged,
                      rss_.problem());
  }

  void audit(const AuditedProcess &process) {
    registerRoots(process);
    const PagingMode mode =
        getTaskMode(scene_.kernel.image(), scene_.memory(), process.userRoot);
    ProcessVisitor visitor(run_, process, mode, rules_, hasNoExecute_);
    bool isBusy = false;
    if (scene_.areasOf) {
      ProcessAreas areas = scene_.areasOf(process.task->mm);
      isBusy = areas.isBusy;
      if (!areas.problem.empty())
        for (AuditRule rule :
             {AuditRule::UserWithoutVma, AuditRule::UserBeyondVma})
          run_.report.gap(rule, AuditGap::Partial,
                          "areas of pid " + llvm::Twine(*process.owner.pid) +
                              ": " + areas.problem);
      visitor.setAreas(std::move(areas));
    }
    const uint64_t absentBefore = run_.absentUserTables,
                   framesBefore = run_.absentFrames;
    std::optional<TableWalk> own;
    if (scene_.arch.taskMode)
      own.emplace(scene_.memory(), mode);
    TableWalk &walk = own ? *own : run_.walk;
    walk.forget();
    walk.walk(process.userRoot, VirtAddr(0),
              lastUserAddress(scene_.kernel.image(), mode), visitor);
    visitor.reportAreas();
    if (scene_.frameAt && rss_.problem().empty() && !isBusy &&
        absentBefore == run_.absentUserTables &&
        framesBefore == run_.absentFrames)
      compareRss(run_, rss_, process, visitor.residentPages);
  }

private:
  void registerRoots(const AuditedProcess &process) {
    for (PhysAddr root : {process.kernelRoot, process.userRoot})
      run_.tables.try_emplace(AuditRun::keyOf(root), 0);
  }

  AuditRun &run_;
  AuditScene &scene_;
  const NonPresentRules rules_;
  const bool hasNoExecute_;
  RssCounter rss_;
};

/// A kernel that closes no page at all to execution does not mean one of them:
/// x86's noexec=off, and i386 with PAE since Linux 5.19, whose
/// vm_get_page_prot() keeps the NX bit in an unsigned long (linux v6.1
/// arch/x86/mm/pgprot.c).
void excuseKernelsWithoutNoExecute(AuditRun &run) {
  if (run.noExecutePages)
    return;
  for (AuditFinding &finding :
       run.report.findingsOf(AuditRule::UserBeyondVma)) {
    if (finding.detail != executableDetail)
      continue;
    finding.severity = AuditSeverity::Info;
    finding.evidence.push_back("so are all pages of all processes: this "
                               "kernel does not use NX for them");
  }
}

} // namespace

void auditProcesses(AuditRun &run) {
  ProcessAudit audit(run);
  for (const AuditedProcess &process : listProcesses(run))
    audit.audit(process);
  excuseKernelsWithoutNoExecute(run);
}

} // namespace vmpt
