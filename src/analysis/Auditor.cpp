#include "analysis/Auditor.h"

#include "analysis/AuditRun.h"

namespace vmpt {

namespace {

constexpr AuditRule tableRules[] = {AuditRule::KernelUserAccessible,
                                    AuditRule::KernelTextWritable,
                                    AuditRule::KernelRodataWritable,
                                    AuditRule::KernelTextAlias,
                                    AuditRule::KernelExecutableData,
                                    AuditRule::TableWritableAlias,
                                    AuditRule::StrayEntry,
                                    AuditRule::FreedTable,
                                    AuditRule::TableLoop,
                                    AuditRule::OutsideRam,
                                    AuditRule::ReservedBits,
                                    AuditRule::MapsFreePage,
                                    AuditRule::ZeroPageWritable};
/// Those that need processes; the first two need nothing else.
constexpr AuditRule processRules[] = {
    AuditRule::KernelHalfDiffers,  AuditRule::PtiLeak,
    AuditRule::PtiDiffers,         AuditRule::MapsSlabOrTable,
    AuditRule::UserWithoutVma,     AuditRule::UserBeyondVma,
    AuditRule::UserWithoutUserBit, AuditRule::DirtyExecutable,
    AuditRule::RwxMapping,         AuditRule::RssMismatch,
    AuditRule::MapcountMismatch};
constexpr AuditRule areaRules[] = {
    AuditRule::UserWithoutVma, AuditRule::UserBeyondVma,
    AuditRule::UserWithoutUserBit, AuditRule::DirtyExecutable,
    AuditRule::RwxMapping};
constexpr AuditRule frameRules[] = {
    AuditRule::FreedTable,      AuditRule::MapsFreePage,
    AuditRule::MapsSlabOrTable, AuditRule::ZeroPageWritable,
    AuditRule::DirtyExecutable, AuditRule::MapcountMismatch};

void addGaps(AuditReport &report, llvm::ArrayRef<AuditRule> rules,
             AuditGap::Kind kind, const llvm::Twine &reason) {
  for (AuditRule rule : rules)
    report.gap(rule, kind, reason);
}

/// What cannot be judged without sources that the dump, or we, do not have.
void addSourceGaps(const AuditScene &scene, AuditReport &report) {
  if (!scene.tasksProblem.empty())
    addGaps(report, processRules,
            scene.tasks.tasks.empty() ? AuditGap::NotJudged : AuditGap::Partial,
            "processes are not known: " + llvm::Twine(scene.tasksProblem));
  if (!scene.areasOf)
    addGaps(report, areaRules, AuditGap::NotJudged,
            "memory areas of processes are not known: " +
                llvm::Twine(scene.vmasProblem));
  if (!scene.frameAt)
    addGaps(report, frameRules, AuditGap::NotJudged,
            "struct pages are not known: " + llvm::Twine(scene.framesProblem));
  else if (!scene.framesProblem.empty())
    addGaps(report, frameRules, AuditGap::Partial, scene.framesProblem);
  if (!scene.areas) {
    report.gap(AuditRule::StrayEntry, AuditGap::NotJudged,
               "vmalloc areas are not known: " +
                   llvm::Twine(scene.areasProblem));
    addGaps(report, {AuditRule::KernelExecutableData, AuditRule::OutsideRam},
            AuditGap::Partial,
            "in vmalloc space not, since its areas are not known: " +
                llvm::Twine(scene.areasProblem));
  } else if (!scene.areasProblem.empty()) {
    addGaps(report, {AuditRule::StrayEntry, AuditRule::KernelExecutableData},
            AuditGap::Partial, scene.areasProblem);
  }
  constexpr AuditRule parts[] = {AuditRule::KernelTextWritable,
                                 AuditRule::KernelRodataWritable};
  const AuditGap::Kind state =
      scene.parts.empty() ? AuditGap::NotJudged : AuditGap::Partial;
  if (!scene.modulesProblem.empty())
    addGaps(report, parts, state,
            "modules are not known: " + llvm::Twine(scene.modulesProblem));
  if (!scene.partsProblem.empty())
    addGaps(report, parts, state, scene.partsProblem);
  if (!scene.memory().knowsRam())
    report.gap(AuditRule::OutsideRam, AuditGap::NotJudged,
               "the dump does not say where the machine has memory");
  if (!scene.physicalBits && scene.arch.physicalBits)
    report.gap(AuditRule::ReservedBits, AuditGap::Partial,
               "how many bits physical addresses have is not known");
}

/// What was met on the way and is not in the dump.
void addAbsences(const AuditRun &run) {
  if (run.absentTables)
    addGaps(run.report, tableRules, AuditGap::Partial,
            llvm::Twine(run.absentTables) +
                " tables of the kernel are not in the dump");
  if (run.absentUserTables) {
    const std::string reason = std::to_string(run.absentUserTables) +
                               " tables of processes are not in the dump";
    addGaps(run.report, processRules, AuditGap::Partial, reason);
    addGaps(run.report,
            {AuditRule::OutsideRam, AuditRule::ReservedBits,
             AuditRule::MapsFreePage, AuditRule::TableLoop,
             AuditRule::FreedTable},
            AuditGap::Partial, reason);
  }
  if (run.absentFrames)
    addGaps(run.report, frameRules, AuditGap::Partial,
            llvm::Twine(run.absentFrames) +
                " struct pages that were asked for are not in the dump");
  if (run.walk.isExhausted())
    for (const AuditRuleInfo &info : getAuditRules())
      run.report.gap(info.rule, AuditGap::Partial,
                     "there are more tables than the dump has room for");
}

} // namespace

void auditMachine(AuditScene &scene, AuditReport &report) {
  AuditRun run(scene, report);
  auditUnusedRights(run);
  addSourceGaps(scene, report);
  auditKernelCheck(run);
  auditKernelHalf(run);
  auditHalves(run);
  auditProcesses(run);
  auditFrames(run);
  addAbsences(run);
}

std::vector<AuditFinding> auditKernel(const Kernel &kernel, AuditReport &report,
                                      unsigned threads) {
  const std::unique_ptr<AuditScene> scene = AuditScene::read(kernel);
  scene->threads = threads;
  auditMachine(*scene, report);
  std::vector<AuditFinding> findings = report.takeFindings();
  llvm::stable_sort(findings, [](const AuditFinding &a, const AuditFinding &b) {
    return a.severity > b.severity;
  });
  return findings;
}

} // namespace vmpt
