#include "analysis/AuditRun.h"

#include "paging/Translate.h"

namespace vmpt {

namespace {

/// VM_FLUSH_RESET_PERMS (linux include/linux/vmalloc.h, since 5.2): its owner
/// makes it executable: modules, bpf, kprobes, ftrace.
constexpr uint64_t vmFlushResetPerms = 0x100;
/// Who asks for memory to put code into, where there is no such flag.
constexpr llvm::StringLiteral codeMakers[] = {
    "module_alloc", "bpf_",        "execmem",           "alloc_insn_page",
    "__bpf_",       "arch_ftrace", "hv_hypercall_page", "hyperv_init"};
/// x86 starts its other CPUs from a page below, and BIOS lies there.
constexpr uint64_t lowMemoryEnd = 1 << 20;

bool isOpenToUser(uint8_t denied) { return !(denied & UserRight); }
bool isWritable(uint8_t denied) { return !(denied & WriteRight); }
bool isExecutable(uint8_t denied) { return !(denied & KernelExecuteRight); }

std::string regionText(std::optional<Region> region) {
  return region ? "the region " + getRegionName(*region).str() : "no region";
}

} // namespace

AuditFinding makeFinding(AuditRule rule, AuditOwner owner,
                         const TableEntry &entry, uint64_t bytes,
                         const llvm::Twine &detail) {
  AuditFinding finding(rule, std::move(owner));
  finding.first = entry.at;
  finding.last = entry.at + (bytes - 1);
  finding.entryAddress = entry.place;
  finding.entry = entry.value;
  finding.detail = detail.str();
  return finding;
}

AuditFinding SpaceVisitor::make(AuditRule rule, const TableEntry &entry,
                                const llvm::Twine &detail) const {
  AuditFinding finding =
      makeFinding(rule, owner_, entry, spanOf(entry), detail);
  finding.next = "translate " + hex(entry.at);
  if (owner_.pid)
    finding.next += " --pid " + std::to_string(*owner_.pid);
  return finding;
}

/// The last level's entries have pages below them, not tables.
bool SpaceVisitor::table(const TableEntry &entry, PhysAddr table) {
  const uint8_t level = uint8_t(entry.level + 1);
  auto [known, isNew] = run_.tables.try_emplace(AuditRun::keyOf(table), level);
  if (!isNew) {
    if (known->second != level)
      report(AuditRule::TableLoop, entry,
             "the table at physical " + hex(table) +
                 " also serves another level");
    return true;
  }
  if (hasReservedAddress(entry, table))
    return false;
  const FrameFacts frame = run_.frameAt(table);
  if (!frame.isKnown())
    return true;
  const char *what =
      frame.has(KpfBuddy)  ? "free"
      : frame.has(KpfAnon) ? "anonymous memory of a process"
      : frame.has(KpfLru) || frame.has(KpfMmap) ? "memory of processes or files"
      : frame.has(KpfSlab) && !scene_.arch.tablesInSlab ? "a slab"
                                                        : nullptr;
  if (!what)
    return true;
  AuditFinding finding = make(AuditRule::FreedTable, entry,
                              "the table at physical " + hex(table) +
                                  " lies in a page that is " + what);
  finding.evidence.push_back("struct page of frame " +
                             hex(table.value >> scene_.mode.pageShift) +
                             ": kpageflags " + hex(frame.flags));
  finding.next = "page " + hex(table);
  report(std::move(finding));
  return false;
}

void SpaceVisitor::reserved(const TableEntry &entry) {
  report(AuditRule::ReservedBits, entry,
         "an entry in a form that the processor takes for a fault");
}

bool SpaceVisitor::hasReservedAddress(const TableEntry &entry, PhysAddr at) {
  if (!scene_.physicalBits || *scene_.physicalBits >= 64 ||
      !(at.value >> *scene_.physicalBits))
    return false;
  report(AuditRule::ReservedBits, entry,
         "a physical address of more than the " +
             llvm::Twine(*scene_.physicalBits) +
             " bits that the processor has");
  return true;
}

void SpaceVisitor::loop(const TableEntry &entry, PhysAddr table) {
  AuditFinding finding = make(AuditRule::TableLoop, entry,
                              "the entry points to the table at physical " +
                                  hex(table) + ", which it is reached through");
  report(std::move(finding));
}

void SpaceVisitor::absent(const TableEntry &entry, PhysAddr table,
                          AbsentByte absent) {
  ++(owner_.pid ? run_.absentUserTables : run_.absentTables);
  if (absent.absence == Absence::OutsideRam && !scene_.isMemory(table) &&
      scene_.memory().knowsRam())
    report(AuditRule::OutsideRam, entry,
           "a table at physical " + hex(table) +
               ", where the machine has no memory");
}

unsigned KernelVisitor::zoneAt(VirtAddr at) const {
  const std::optional<Region> region = scene_.regionAt(at);
  return region ? unsigned(*region) + 1 : 0;
}

void KernelVisitor::page(const TableEntry &entry, PhysAddr first) {
  const std::optional<Region> region = scene_.regionAt(entry.at);
  checkRights(entry, region);
  if (hasReservedAddress(entry, first))
    return;
  checkParts(entry);
  checkExecutable(entry, first, region);
  if (region == Region::Vmalloc || region == Region::Modules)
    checkArea(entry);
  checkTarget(entry, first, region);
}

/// The gate area is a page of the kernel's that user code reads or executes.
void KernelVisitor::checkRights(const TableEntry &entry,
                                std::optional<Region> region) {
  const GateArea *gate = scene_.arch.gateArea;
  if (isOpenToUser(entry.denied) &&
      !(gate && entry.at.value == gate->start && !isWritable(entry.denied)))
    report(
        AuditRule::KernelUserAccessible, entry,
        "user code may " +
            llvm::Twine(isWritable(entry.denied) ? "read and write" : "read") +
            " memory of the kernel, in " + regionText(region));
  // In the kernel's own table its own check says it (AuditCheck.cpp).
  if (owner_.pid && isWritable(entry.denied) && isExecutable(entry.denied))
    report(AuditRule::KernelWx, entry,
           "writable and executable, below an entry of this process alone");
}

void KernelVisitor::checkParts(const TableEntry &entry) {
  if (!isWritable(entry.denied))
    return;
  const VirtAddr last = entry.at + (spanOf(entry) - 1);
  const CodePart *part = scene_.partIn(entry.at, last);
  if (!part)
    return;
  const bool isText = part->kind == CodePart::Text;
  const AuditRule rule =
      isText ? AuditRule::KernelTextWritable : AuditRule::KernelRodataWritable;
  if (!run_.report.accepts(rule))
    return;
  AuditFinding finding = make(rule, entry,
                              (isText ? "text of " : "read-only data of ") +
                                  llvm::Twine(part->name) + " is writable");
  finding.evidence.push_back(part->name + " has its " +
                             (isText ? "text" : "read-only data") + " at " +
                             hex(part->first) + "-" + hex(part->last));
  finding.evidence.push_back(hex(entry.at) + " is " + scene_.nameOf(entry.at));
  if (scene_.isRodataOff) {
    finding.severity = AuditSeverity::Info;
    finding.evidence.push_back("rodata_enabled is 0: rodata=off");
  }
  report(std::move(finding));
}

bool KernelVisitor::mayHoldCode(const TableEntry &entry, PhysAddr first,
                                std::optional<Region> region) const {
  const bool writable = isWritable(entry.denied);
  const VirtAddr last = entry.at + (spanOf(entry) - 1);
  const CodePart *part = scene_.partIn(entry.at, last),
                 *begins = scene_.partIn(entry.at, entry.at);
  // Text may end in a large page, and read-only data begin.
  for (const CodePart *of : {part, begins})
    if (of && of->kind == CodePart::Text)
      return true;
  if (!region)
    return false;
  switch (*region) {
  case Region::KernelImage:
    // Where its text is not known, rights say it.
    return !(part && part->kind == CodePart::Rodata) ||
           (scene_.arch.rodataIsExecutable && !writable);
  case Region::Modules:
    return true;
  case Region::Vmalloc: {
    const VmallocArea *area = scene_.areaAt(entry.at);
    if (!area && !scene_.knowsAllAreas())
      return !writable;
    if (!area || area->flags & vmFlushResetPerms)
      return area;
    const std::string caller = scene_.nameOf(area->caller);
    return llvm::any_of(codeMakers, [&](llvm::StringRef name) {
      return llvm::StringRef(caller).find(name) != llvm::StringRef::npos;
    });
  }
  case Region::DirectMap:
    return first.value < lowMemoryEnd;
  case Region::Lowcore:
    return scene_.arch.checkSkipsFirstPage && entry.at.value < scene_.pageBytes;
  case Region::Fixmap:
  case Region::CpuEntryArea:
  case Region::EfiRuntime:
  case Region::Amode31:
    return !writable;
  default:
    return false;
  }
}

bool KernelVisitor::hasRoom(size_t kept) {
  if (kept < AuditRun::maxKept)
    return true;
  for (AuditRule rule :
       {AuditRule::KernelTextAlias, AuditRule::TableWritableAlias})
    run_.report.gap(rule, AuditGap::Partial,
                    "the kernel maps more pages outside the direct map than "
                    "are kept");
  return false;
}

void KernelVisitor::checkExecutable(const TableEntry &entry, PhysAddr first,
                                    std::optional<Region> region) {
  if (!isExecutable(entry.denied))
    return;
  if (mayHoldCode(entry, first, region)) {
    if (!hasRoom(run_.executable.size()))
      return;
    const CodePart *part = scene_.partIn(entry.at, entry.at);
    run_.executable.push_back(
        {first, first + (spanOf(entry) - 1), entry.at,
         region == Region::KernelImage ? ExecutableFrames::Image
         : part && part->isModule      ? ExecutableFrames::Module
                                       : ExecutableFrames::Other});
    return;
  }
  report(AuditRule::KernelExecutableData, entry,
         "executable in " + regionText(region) + ", where no code is");
}

/// Every page of vmalloc space has an area; what vfree() gives back is unmapped
/// before its area goes to the list of those to be purged.
void KernelVisitor::checkArea(const TableEntry &entry) {
  if (!scene_.areas)
    return;
  const VmallocArea *area = scene_.areaAt(entry.at);
  const CodePart *part = scene_.partIn(entry.at, entry.at);
  if (part || (area && area->kind != VmallocArea::Lazy) ||
      !run_.report.accepts(AuditRule::StrayEntry))
    return;
  // Where areas are lost, it may be in one of those.
  if (!area && !scene_.knowsAllAreas())
    return;
  AuditFinding finding =
      make(AuditRule::StrayEntry, entry,
           area ? "a page is mapped in an area that was given back"
                : "a page is mapped where no vmalloc area is");
  finding.evidence.push_back(
      area
          ? "the area " + hex(area->start) + "-" +
                hex(area->start + (area->sizeBytes - 1)) + " waits to be purged"
          : std::to_string(scene_.areas->size()) +
                " areas are known, and none has the address");
  report(std::move(finding));
}

/// What lies behind the page.
void KernelVisitor::checkTarget(const TableEntry &entry, PhysAddr first,
                                std::optional<Region> region) {
  const bool isDirect = region == Region::DirectMap;
  if (isDirect || region == Region::KernelImage || region == Region::Fixmap ||
      region == Region::PciIo || region == Region::EfiRuntime ||
      region == Region::KasanShadow || region == Region::Espfix ||
      region == Region::PersistentKmap || region == Region::Lowcore ||
      region == Region::Amode31)
    return;
  const VmallocArea *area = scene_.areaAt(entry.at);
  const bool maySpeakOfDevices =
      region == Region::Vmalloc && (!area || area->flags & VmIoremap);
  if (!maySpeakOfDevices && scene_.memory().knowsRam() &&
      !scene_.isMemory(first)) {
    report(AuditRule::OutsideRam, entry,
           "physical " + hex(first) +
               " is no memory, and the area is none of "
               "a device");
    return;
  }
  if (hasRoom(run_.mappings.size()))
    run_.mappings.push_back({entry, first, ownerIndex_});
  const FrameFacts frame = run_.frameAt(first);
  if (frame.isKnown() && frame.has(KpfBuddy)) {
    AuditFinding finding = make(AuditRule::MapsFreePage, entry,
                                "the kernel maps a page that is free");
    finding.evidence.push_back("physical " + hex(first) +
                               " is in a free block of the buddy allocator");
    finding.next = "page " + hex(first);
    report(std::move(finding));
  }
  if (frame.isKnown() && frame.has(KpfZeroPage) && isWritable(entry.denied) &&
      region != Region::Vmemmap)
    report(AuditRule::ZeroPageWritable, entry,
           "the kernel maps the page of zeros writable");
}

std::vector<std::pair<VirtAddr, VirtAddr>>
getKernelSpans(const AuditScene &scene) {
  std::vector<std::pair<VirtAddr, VirtAddr>> spans;
  const Coverage &coverage = scene.mode.coverage;
  const VirtAddr start = scene.arch.tasksMapKernel
                             ? firstKernelAddress(scene.kernel.image())
                             : VirtAddr(0);
  for (std::optional<VirtAddr> at = coverage.firstFrom(start); at;) {
    const VirtAddr last = coverage.lastFrom(*at);
    spans.push_back({*at, last});
    at = last.value == ~uint64_t(0) ? std::nullopt
                                    : coverage.firstFrom(last + 1);
  }
  return spans;
}

namespace {

/// Is there a page of the kernel that may not be executed, one that may not be
/// written?
class RightsSearch final : public TableVisitor {
public:
  bool hasNoExecute = false, hasReadOnly = false, isWhole = true;

  bool table(const TableEntry &, PhysAddr) override {
    return !hasNoExecute || !hasReadOnly;
  }
  void page(const TableEntry &entry, PhysAddr) override {
    hasNoExecute |= !isExecutable(entry.denied);
    hasReadOnly |= !isWritable(entry.denied);
  }
  void absent(const TableEntry &, PhysAddr, AbsentByte) override {
    isWhole = false;
  }
};

} // namespace

/// As the kernel's own check is left out where there is no NX: linux v6.12
/// arch/x86/mm/dump_pagetables.c ptdump_walk_pgd_level_checkwx(). loongarch64
/// protects neither text nor constants.
void auditUnusedRights(AuditRun &run) {
  RightsSearch search;
  TableWalk walk(run.scene.memory(), run.scene.mode);
  for (const auto &[first, last] : getKernelSpans(run.scene))
    walk.walk(run.scene.kernel.memory().root(), first, last, search);
  run.usesNoExecute = search.hasNoExecute;
  auto leaveOut = [&](std::initializer_list<AuditRule> rules,
                      const llvm::Twine &what, const char *whole) {
    for (AuditRule rule : rules)
      if (search.isWhole)
        run.report.leaveOut(rule, AuditGap::NotApplicable,
                            "this kernel keeps none of its pages from being " +
                                what + whole);
      else
        run.report.leaveOut(rule, AuditGap::NotJudged,
                            "tables of the kernel are missing, and of what is "
                            "left no page is kept from being " +
                                what + ": this kernel may do without");
  };
  if (!search.hasNoExecute)
    leaveOut({AuditRule::KernelWx, AuditRule::KernelExecutableData}, "executed",
             ": it, or its processor, does without");
  if (!search.hasReadOnly)
    leaveOut({AuditRule::KernelTextWritable, AuditRule::KernelRodataWritable},
             "written", "");
}

void auditKernelHalf(AuditRun &run) {
  const PhysAddr root = run.scene.kernel.memory().root();
  run.tables[AuditRun::keyOf(root)] = 0;
  KernelVisitor visitor(run, {});
  for (const auto &[first, last] : getKernelSpans(run.scene))
    run.walk.walk(root, first, last, visitor);
}

} // namespace vmpt
