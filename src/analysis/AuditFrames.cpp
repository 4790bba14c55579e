//===- AuditFrames.cpp - what the same memory is mapped as, and how often -===//
//
// What only shows once all tables are known: which frames hold tables and code,
// who else maps those, and whether struct pages agree with what was counted.
//
#include "analysis/AuditRun.h"

#include "analysis/ReverseMap.h"

#include "llvm/ADT/DenseMap.h"

#include <algorithm>

namespace vmpt {

namespace {

/// Of frames that are looked for in all tables.
constexpr uint64_t maxAliases = 100'000;
constexpr uint64_t mappingKind = 3; ///< PAGE_MAPPING_FLAGS: 0 is a file's.
constexpr uint64_t movableKind = 2; ///< PAGE_MAPPING_MOVABLE: a driver's.

class FrameAudit {
public:
  explicit FrameAudit(AuditRun &run) : run_(run), scene_(run.scene) {}

  void listTables();
  void checkKernelAliases();
  void checkDirectMap();
  void checkUserAliases();
  void checkZeroPages();
  void checkCounts();
  void checkChangedCode();

private:
  uint64_t frameOf(PhysAddr at) const {
    return at.value >> scene_.mode.pageShift;
  }
  bool holdsTable(PhysAddr first, PhysAddr last) const {
    auto at = std::lower_bound(tables_.begin(), tables_.end(), first.value);
    return at != tables_.end() && *at <= last.value;
  }
  const ExecutableFrames *codeIn(PhysAddr first, PhysAddr last) const;
  void checkDirectMapOf(ExecutableFrames::Kind kind);
  /// The mapping of a process, as a finding.
  AuditFinding make(AuditRule rule, ReverseMap &map,
                    const ReverseMapOwner &owner, const Mapping &mapping,
                    const llvm::Twine &detail) const;
  void judgeCount(uint64_t frame, const FrameFacts &facts, bool isWhole);
  void reportTooOften();
  void reportChanged(const ChangedCode &code, std::optional<uint64_t> frame);

  AuditRun &run_;
  AuditScene &scene_;
  std::vector<uint64_t> tables_; ///< Physical addresses, ascending.
  /// Mapped more often than counted: frame, counted.
  std::vector<std::pair<uint64_t, int32_t>> tooOften_;
  llvm::DenseMap<std::pair<uint64_t, uint64_t>, uint64_t> filePages_;
};

void FrameAudit::listTables() {
  for (const auto &[key, level] : run_.tables)
    tables_.push_back(key << 5);
  llvm::sort(tables_);
  llvm::sort(run_.executable,
             [](const auto &a, const auto &b) { return a.first < b.first; });
}

const ExecutableFrames *FrameAudit::codeIn(PhysAddr first,
                                           PhysAddr last) const {
  auto after = llvm::partition_point(
      run_.executable, [&](const auto &code) { return code.first <= last; });
  for (unsigned tries = 0; after != run_.executable.begin() && tries < 4;
       ++tries) {
    --after;
    if (after->last >= first)
      return &*after;
  }
  return nullptr;
}

/// Of what the kernel maps outside the direct map and its image.
void FrameAudit::checkKernelAliases() {
  for (const KernelMapping &mapping : run_.mappings) {
    const uint64_t span = scene_.mode.entrySpan(mapping.entry.level);
    const PhysAddr last = mapping.physical + (span - 1);
    const bool writable = !(mapping.entry.denied & WriteRight);
    auto make = [&](AuditRule rule, const llvm::Twine &detail) {
      AuditFinding finding = makeFinding(rule, run_.owners[mapping.owner],
                                         mapping.entry, span, detail);
      finding.next = "rmap " + hex(mapping.physical);
      return finding;
    };
    if (holdsTable(mapping.physical, last)) {
      AuditFinding finding =
          make(AuditRule::TableWritableAlias,
               "a page table is mapped " +
                   llvm::Twine(writable ? "writable" : "read-only") +
                   " outside the direct map");
      finding.evidence.push_back("physical " + hex(mapping.physical) +
                                 " is a table of the kernel or a process");
      if (!writable)
        finding.severity = AuditSeverity::Medium;
      run_.report.add(std::move(finding));
    }
    const ExecutableFrames *code = codeIn(mapping.physical, last);
    if (!writable || !code || code->at == mapping.entry.at)
      continue;
    AuditFinding finding =
        make(AuditRule::KernelTextAlias,
             "executable memory of the kernel is mapped writable here");
    finding.evidence.push_back(
        "physical " + hex(mapping.physical) + " is executable at " +
        hex(code->at + (mapping.physical.value > code->first.value
                            ? mapping.physical - code->first
                            : 0)));
    run_.report.add(std::move(finding));
  }
}

/// Where the kernel protects the direct map of its code, a page that is
/// writable there stands out; where it does not (rodata=on of arm64, riscv),
/// that is how this kernel is.
void FrameAudit::checkDirectMap() {
  if (!scene_.directMap)
    return;
  for (auto kind : {ExecutableFrames::Image, ExecutableFrames::Module,
                    ExecutableFrames::Other})
    checkDirectMapOf(kind);
}

void FrameAudit::checkDirectMapOf(ExecutableFrames::Kind kind) {
  struct Piece {
    VirtAddr at;
    uint64_t bytes;
    Translation way;
    const ExecutableFrames *code;
  };
  std::vector<Piece> pieces;
  uint64_t writableBytes = 0, allBytes = 0;
  for (const ExecutableFrames &code : run_.executable) {
    if (code.kind != kind)
      continue;
    // By what is mapped or not: what a damaged entry makes executable may be
    // hundreds of gigabytes, of which the direct map has little.
    const DirectMap &map = *scene_.directMap;
    const PhysAddr last = std::min(code.last, map.lastPhysical());
    for (PhysAddr at = std::max(code.first, map.firstPhysical());
         at <= last && at >= code.first;) {
      const VirtAddr alias(*map.virtualAddress(at));
      const Translation way = scene_.kernel.memory().find(alias);
      const uint64_t piece = way.pageBytes ? way.pageBytes : scene_.pageBytes;
      const uint64_t bytes =
          std::min(piece - alias.value % piece, last - at + 1);
      // What a direct window maps is no matter of tables.
      if (way.isMapped() && !way.isDirect() &&
          alias != code.at + (at - code.first)) {
        allBytes += bytes;
        if (way.rights(scene_.mode).writable) {
          writableBytes += bytes;
          if (pieces.size() < AuditReport::maxFindings)
            pieces.push_back({alias, bytes, way, &code});
        }
      }
      at += bytes;
    }
  }
  const bool isUsual =
      kind == ExecutableFrames::Other || writableBytes > allBytes / 2;
  for (const Piece &piece : pieces) {
    AuditFinding finding(AuditRule::KernelTextAlias, {});
    finding.first = piece.at;
    finding.last = piece.at + (piece.bytes - 1);
    finding.entryAddress = piece.way.steps.back().entryAddress;
    finding.entry = piece.way.steps.back().entry;
    finding.detail = kind == ExecutableFrames::Image
                         ? "the direct map of the kernel's text is writable"
                     : kind == ExecutableFrames::Module
                         ? "the direct map of the text of modules is writable"
                         : "the direct map of code of bpf, kprobes and the "
                           "like is writable";
    finding.evidence.push_back("it is executable at " + hex(piece.code->at));
    finding.next = "translate " + hex(piece.at);
    if (isUsual) {
      finding.severity = AuditSeverity::Info;
      finding.evidence.push_back("this kernel does not protect such code "
                                 "there, or not always");
    }
    run_.report.add(std::move(finding));
  }
}

AuditFinding FrameAudit::make(AuditRule rule, ReverseMap &map,
                              const ReverseMapOwner &owner,
                              const Mapping &mapping,
                              const llvm::Twine &detail) const {
  AuditFinding finding(rule, {owner.pid, owner.task->comm});
  finding.first = mapping.at;
  finding.last = mapping.at + (scene_.pageBytes - 1);
  const Translation way = map.wayTo(owner, mapping.at);
  if (!way.steps.empty()) {
    finding.entryAddress = way.steps.back().entryAddress;
    finding.entry = way.steps.back().entry;
  }
  finding.detail = detail.str();
  finding.next = "rmap " + hex(mapping.physical);
  return finding;
}

/// Of tables and of code that processes map: rare, so all tables are gone
/// through once more only where there is one.
void FrameAudit::checkUserAliases() {
  std::vector<PhysicalRange> targets;
  auto add = [&](uint64_t frame) {
    if (!run_.userMaps.of(frame) || targets.size() >= maxAliases)
      return;
    const PhysAddr first(frame << scene_.mode.pageShift);
    targets.push_back({first, first + (scene_.pageBytes - 1)});
  };
  for (uint64_t table : tables_)
    add(frameOf(PhysAddr(table)));
  // By what processes map, however much a damaged entry makes executable.
  run_.userMaps.forEachWritable([&](uint64_t frame) {
    const PhysAddr first(frame << scene_.mode.pageShift);
    if (codeIn(first, first + (scene_.pageBytes - 1)))
      add(frame);
  });
  if (targets.empty())
    return;
  ReverseMap map(scene_.kernel, scene_.tasks, scene_.threads);
  map.find(
      mergeRanges(std::move(targets)), maxAliases,
      [&](const ReverseMapOwner &owner, const Mapping &mapping) {
        if (!owner.task || mapping.isProtNone)
          return;
        const PhysAddr page(
            alignDown(mapping.physical.value, scene_.pageBytes));
        const PhysAddr last = page + (scene_.pageBytes - 1);
        const bool isTable = holdsTable(page, last);
        if (isTable) {
          AuditFinding finding = make(AuditRule::TableWritableAlias, map, owner,
                                      mapping, "a process maps a page table");
          if (!mapping.rights.writable)
            finding.severity = AuditSeverity::Medium;
          run_.report.add(std::move(finding));
          if (!run_.frameAt(page).has(KpfPgTable))
            run_.report.add(make(AuditRule::MapsSlabOrTable, map, owner,
                                 mapping, "a page table is mapped"));
        }
        if (run_.userMaps.isWritable(frameOf(page)) && codeIn(page, last))
          run_.report.add(make(AuditRule::KernelTextAlias, map, owner, mapping,
                               "a process maps code of the kernel writable"));
      });
}

void FrameAudit::checkZeroPages() {
  for (auto &[finding, frame] : run_.maybeZero)
    if (run_.frameAt(PhysAddr(frame << scene_.mode.pageShift)).has(KpfZeroPage))
      run_.report.add(std::move(finding));
  if (scene_.learnZeroPage && !run_.knowsZero)
    run_.report.gap(AuditRule::ZeroPageWritable, AuditGap::Partial,
                    "which page is that of zeros is not known: no symbol names "
                    "it, and no process maps it");
}

/// hugetlb counts whole pages, by rules of its own.
void FrameAudit::judgeCount(uint64_t frame, const FrameFacts &facts,
                            bool isWhole) {
  if (facts.isTyped || facts.isHuge || facts.has(KpfSlab) ||
      facts.has(KpfZeroPage) || facts.has(KpfReserved))
    return;
  const unsigned found = run_.userMaps.of(frame);
  // Struct pages of holes in the memory map may never have been written. And
  // each mapping holds a reference: where there are fewer, the number counts
  // something else. zsmalloc keeps an offset there (linux v6.1 mm/zsmalloc.c
  // set_first_obj_offset()), and moves its pages by itself.
  if (!found && (facts.refCount <= 0 || facts.refCount < facts.mapCount ||
                 (facts.mapping & mappingKind) == movableKind))
    return;
  if (found >= FrameCounts::most || int64_t(found) == facts.mapCount)
    return;
  if (int64_t(found) > facts.mapCount) {
    if (tooOften_.size() < AuditReport::maxFindings)
      tooOften_.push_back({frame, facts.mapCount});
    return;
  }
  if (!isWhole)
    return;
  AuditFinding finding(AuditRule::MapcountMismatch, {});
  finding.severity = AuditSeverity::Low;
  const PhysAddr at(frame << scene_.mode.pageShift);
  finding.detail = "the kernel counts " + std::to_string(facts.mapCount) +
                   " mappings of physical " + hex(at) + ", and " +
                   std::to_string(found) + " were found";
  finding.evidence.push_back("kpageflags " + hex(facts.flags));
  finding.next = "page " + hex(at);
  run_.report.add(std::move(finding));
}

void FrameAudit::checkCounts() {
  const bool wantsCounts = run_.report.wants(AuditRule::MapcountMismatch);
  const bool wantsCode = !run_.changedCode.empty();
  if (!scene_.frameAt || (!wantsCounts && !wantsCode))
    return;
  llvm::DenseMap<uint64_t, bool> files;
  for (const ChangedCode &code : run_.changedCode)
    if (code.mapping)
      files[code.mapping] = true;
  const bool isWhole = !run_.absentUserTables && !run_.walk.isExhausted() &&
                       run_.mapBudget && scene_.tasksProblem.empty();
  if (!isWhole)
    run_.report.gap(AuditRule::MapcountMismatch, AuditGap::Partial,
                    "not all mappings of processes are known");
  // Each struct page takes room in the dump; more is no memory map.
  uint64_t budget = 4 * (scene_.memory().presentBytes() / 32) + (1 << 16);
  for (const MemorySection &section : scene_.sections)
    for (uint64_t frame = section.firstFrame;
         frame < section.endFrame() && budget; ++frame, --budget) {
      const FrameFacts facts =
          run_.frameAt(PhysAddr(frame << scene_.mode.pageShift));
      if (!facts.isKnown())
        continue;
      if (wantsCounts)
        judgeCount(frame, facts, isWhole);
      if (wantsCode && !(facts.mapping & mappingKind) &&
          files.count(facts.mapping))
        filePages_[{facts.mapping, facts.index}] = frame;
    }
  reportTooOften();
}

void FrameAudit::reportTooOften() {
  if (tooOften_.empty())
    return;
  std::vector<PhysicalRange> targets;
  llvm::DenseMap<uint64_t, int32_t> counted;
  for (const auto &[frame, count] : tooOften_) {
    const PhysAddr first(frame << scene_.mode.pageShift);
    targets.push_back({first, first + (scene_.pageBytes - 1)});
    counted[frame] = count;
  }
  ReverseMap map(scene_.kernel, scene_.tasks, scene_.threads);
  map.find(mergeRanges(std::move(targets)), maxAliases,
           [&](const ReverseMapOwner &owner, const Mapping &mapping) {
             if (!owner.task)
               return;
             const uint64_t frame = frameOf(mapping.physical);
             AuditFinding finding =
                 make(AuditRule::MapcountMismatch, map, owner, mapping,
                      "a page that is mapped more often than the kernel "
                      "counts: " +
                          llvm::Twine(run_.userMaps.of(frame)) +
                          " instead of " + llvm::Twine(counted[frame]));
             finding.evidence.push_back("struct page of frame " + hex(frame));
             finding.next = "page " + hex(mapping.physical);
             run_.report.add(std::move(finding));
           });
}

void FrameAudit::checkChangedCode() {
  for (const ChangedCode &code : run_.changedCode) {
    auto found = filePages_.find({code.mapping, code.index});
    reportChanged(code, found == filePages_.end()
                            ? std::nullopt
                            : std::optional<uint64_t>(found->second));
  }
}

void FrameAudit::reportChanged(const ChangedCode &code,
                               std::optional<uint64_t> frame) {
  AuditFinding finding =
      makeFinding(AuditRule::DirtyExecutable, code.owner, code.entry,
                  scene_.pageBytes, "a private copy of code of a file");
  finding.next = "read " + hex(code.entry.at) + " --pid " +
                 std::to_string(*code.owner.pid);
  std::vector<uint8_t> own(scene_.pageBytes), files(scene_.pageBytes);
  if (!frame) {
    finding.evidence.push_back("the file's own page is not in memory");
  } else if (scene_.memory().tryRead(code.physical, own) ||
             scene_.memory().tryRead(PhysAddr(*frame << scene_.mode.pageShift),
                                     files)) {
    finding.evidence.push_back("the two pages are not both in the dump");
  } else {
    uint64_t differing = 0, first = 0;
    for (size_t i = 0; i < own.size(); ++i)
      if (own[i] != files[i] && !differing++)
        first = i;
    if (!differing) {
      finding.severity = AuditSeverity::Info;
      finding.detail += ", equal to it";
    } else {
      finding.evidence.push_back(
          std::to_string(differing) + " bytes differ from the file's page, " +
          "the first at " + hex(code.entry.at + first) + ": " +
          hex(own[first]) + " instead of " + hex(files[first]));
      finding.evidence.push_back("a debugger's breakpoint or a uprobe is one "
                                 "instruction (0xcc on x86)");
    }
  }
  run_.report.add(std::move(finding));
}

} // namespace

void auditFrames(AuditRun &run) {
  FrameAudit audit(run);
  audit.listTables();
  audit.checkKernelAliases();
  audit.checkDirectMap();
  audit.checkUserAliases();
  audit.checkZeroPages();
  audit.checkCounts();
  audit.checkChangedCode();
}

} // namespace vmpt
