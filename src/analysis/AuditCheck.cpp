//===- AuditCheck.cpp - the kernel's own check of its tables --------------===//
//
// ptdump_check_wx() goes through the tables as the listing does, and counts
// pages by what the entries say: x86 by the rights along the way, others by the
// last entry alone. So it counts also what the MMU would never look at (a loop
// of tables). linux v6.12 arch/x86/mm/dump_pagetables.c note_wx(),
// arch/arm64/mm/ptdump.c note_prot_wx(), note_prot_uxn().
//
#include "analysis/AuditRun.h"

#include "listing/Plan.h"

namespace vmpt {

namespace {

/// i386 with CONFIG_PCI_BIOS: the BIOS is called, and counts for nothing.
constexpr uint64_t biosStart = 0xa0000, biosEnd = 0x100000;

class CheckSink final : public RunSink {
public:
  CheckSink(AuditRun &run, const ListingPlan &plan) : run_(run), plan_(plan) {}

  void section(llvm::StringRef) override {}
  void skipped(uint64_t) override {}
  void run(const Run &run) override;

  uint64_t wxPages = 0, notUxnPages = 0;

private:
  bool isBios(const Run &run) const;
  bool isFirstPage(const Run &run) const {
    return run_.scene.arch.checkSkipsFirstPage && !run.start &&
           run.size() == run_.scene.pageBytes;
  }
  void add(AuditRule rule, const Run &run, const char *detail);

  AuditRun &run_;
  const ListingPlan &plan_;
};

/// Entries that are not present count in the kernel's check as well.
void CheckSink::run(const Run &run) {
  if (run.isAbsent() || (!run.state.attributes && !plan_.wording.zeroHasFields))
    return;
  RunState state = run.state;
  const PtdumpRules &rules = plan_.rules;
  if (const uint64_t path = rules.grantMask | rules.denyMask)
    state.attributes = (state.attributes & ~path) | state.effective;
  for (const AttributeMeaning &meaning : plan_.wording.meanings)
    if (meaning.word == "present")
      state.attributes |= meaning.value;
  const KernelArch &arch = run_.scene.arch;
  const uint64_t pages = run.size() / run_.scene.pageBytes;
  const bool executable =
      arch.userPagesNeed ? !(state.attributes & arch.userPagesNeed)
                         : plan_.wording.means("executable", state) == true;
  if (executable && plan_.wording.means("writable", state) == true &&
      !isBios(run) && !isFirstPage(run)) {
    wxPages += pages;
    add(AuditRule::KernelWx, run, "writable and executable");
  }
  if (arch.kernelPagesNeed && !(state.attributes & arch.kernelPagesNeed)) {
    notUxnPages += pages;
    add(AuditRule::KernelNotUxn, run,
        "user code may execute memory of the kernel (UXN is clear)");
  }
}

bool CheckSink::isBios(const Run &run) const {
  const std::optional<DirectMap> &map = run_.scene.directMap;
  return run_.scene.arch.checkSkipsBios && map &&
         run.start - map->offset >= biosStart &&
         run.start - map->offset < biosEnd;
}

void CheckSink::add(AuditRule rule, const Run &run, const char *detail) {
  if (!run_.report.accepts(rule))
    return;
  AuditFinding finding(rule, {});
  finding.first = VirtAddr(run.start);
  finding.last = plan_.wording.lastOf(run);
  finding.entry = run.firstEntry;
  const Translation way = translate(run_.scene.memory(), plan_.mode, plan_.root,
                                    VirtAddr(run.start));
  if (!way.steps.empty() && way.steps.back().entry == run.firstEntry)
    finding.entryAddress = way.steps.back().entryAddress;
  finding.detail = detail;
  if (!way.isMapped()) {
    finding.severity = AuditSeverity::Medium;
    finding.detail += ", by an entry that is not present";
    finding.evidence.push_back("the processor finds no page there");
  } else if (const PageRights rights = way.rights(plan_.mode);
             rule == AuditRule::KernelWx &&
             !(rights.writable && rights.executable))
    finding.evidence.push_back(
        "an entry above takes one of the two rights away");
  const uint64_t pages = run.size() / run_.scene.pageBytes;
  finding.evidence.push_back("the kernel's own check counts " +
                             std::to_string(pages) +
                             (pages == 1 ? " page" : " pages") + " here");
  if (std::optional<Region> region = run_.scene.regionAt(VirtAddr(run.start)))
    finding.evidence.push_back("in the region " + getRegionName(*region).str());
  finding.next = "translate " + hex(VirtAddr(run.start));
  run_.report.add(std::move(finding));
}

} // namespace

void auditKernelCheck(AuditRun &run) {
  const bool wantsUxn = run.report.wants(AuditRule::KernelNotUxn);
  if (!run.report.wants(AuditRule::KernelWx) && !wantsUxn)
    return;
  if (!run.scene.arch.kernelPagesNeed)
    run.report.gap(AuditRule::KernelNotUxn, AuditGap::NotApplicable,
                   "on this architecture no bit keeps user code from "
                   "executing what it may not read");
  llvm::Expected<ListingPlan> plan =
      planKernelListing(run.scene.kernel.image());
  llvm::Error error = plan.takeError();
  if (!error) {
    CheckSink sink(run, *plan);
    llvm::Expected<ListingResult> result =
        runListing(*plan, run.scene.memory(), sink, uint64_t(1) << 24);
    error = result.takeError();
    if (!error) {
      if (run.usesNoExecute)
        run.report.wxPages = sink.wxPages;
      if (run.scene.arch.kernelPagesNeed)
        run.report.notUxnPages = sink.notUxnPages;
      if (result->absentTableCount || result->isCut)
        for (AuditRule rule : {AuditRule::KernelWx, AuditRule::KernelNotUxn})
          run.report.gap(rule, AuditGap::Partial,
                         llvm::Twine(result->absentTableCount) +
                             " tables of the kernel are not in the dump");
    }
  }
  if (!error)
    return;
  const std::string reason = llvm::toString(std::move(error));
  run.report.gap(AuditRule::KernelWx, AuditGap::NotJudged, reason);
  if (run.scene.arch.kernelPagesNeed)
    run.report.gap(AuditRule::KernelNotUxn, AuditGap::NotJudged, reason);
}

} // namespace vmpt
