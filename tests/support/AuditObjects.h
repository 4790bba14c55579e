//===- AuditObjects.h - a machine for an audit, built in a test -----------===//
//
// An x86-64 kernel and processes, whose tables the test builds. As it stands it
// is sound: a test harms it, and beside that shows the innocent twin.
//
#pragma once

#include "BuiltKernel.h"
#include "analysis/Auditor.h"
#include "paging/modes/X86_64.h"

#include <map>

namespace vmpt::testing {

class AuditObjects {
public:
  /// Bits of entries.
  static constexpr uint64_t kernelData = 0x8000000000000163,
                            kernelRead = 0x8000000000000161, kernelText = 0x161,
                            userText = 0x25, userRead = 0x8000000000000025,
                            userData = 0x8000000000000067;
  static constexpr VirtAddr direct{0xffff888000000000},
      vmalloc{0xffffc90000000000}, vmemmap{0xffffea0000000000},
      image{0xffffffff81000000}, modules{0xffffffffa0000000},
      fixmap{0xffffffffff000000};
  /// Of the image: text, rodata, and data behind.
  static constexpr VirtAddr text{0xffffffff81000000},
      rodata{0xffffffff81010000}, data{0xffffffff81020000};
  static constexpr PhysAddr ram{0x5000000};
  static constexpr uint64_t ramBytes = 0x100000;

  AuditObjects() {
    built.dump.vmcoreinfo = built.info(
        "6.12.0", "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=0\n");
    kernelImage = valueOf(built.find());
    built.memory->addZeros(ram, ramBytes);
    setRegions();
    built.tables.setTableBits(3);
    // The image's tables are there, and take no rights away.
    for (unsigned level = 0; level < 3; ++level)
      built.memory->writeNumber<uint64_t>(
          built.tables.entryAddress(text, level),
          built.tables.tableOf(text, level + 1).value | 3);
    constexpr uint64_t dataPages = (BuiltKernel::imageBytes - 0x20000) / 4096;
    for (VirtAddr start : {text, at(built.physical)}) {
      const bool isImage = start == text;
      built.tables.mapRange(start, built.physical,
                            isImage ? kernelText : kernelRead, 3, 0x10);
      built.tables.mapRange(start + 0x10000, built.physical + 0x10000,
                            kernelRead, 3, 0x10);
      built.tables.mapRange(start + 0x20000, built.physical + 0x20000,
                            kernelData, 3, dataPages);
    }
    // The direct map of the rest of RAM.
    built.tables.mapRange(at(ram), ram, kernelData, 3, ramBytes / 4096);
    // Two pages of an area, and its guard page.
    built.tables.mapRange(vmalloc, ram, kernelData, 3, 2);
    user.setTableBits(7);
    other.setTableBits(7);
  }

  /// Where the mm_struct of a process is: rss_stat.count, four words, at 0x40.
  VirtAddr mmOf(uint32_t pid) const {
    return at(ram + 0x80000 + uint64_t(pid) * 0x100);
  }
  VirtAddr at(PhysAddr physical) const { return direct + physical.value; }
  PageTableBuilder &tables() { return built.tables; }

  /// Once all of the tables' roots are there.
  AuditScene &scene() {
    if (scene_)
      return *scene_;
    kernel_ = valueOf(
        Kernel::create(kernelImage, *built.memory, inputs(), diagnostics_));
    scene_ = std::make_unique<AuditScene>(*kernel_);
    scene_->parts = {{CodePart::Text, text, rodata - 1, "the kernel"},
                     {CodePart::Rodata, rodata, data - 1, "the kernel"}};
    VmallocArea area;
    area.start = vmalloc;
    area.sizeBytes = 0x3000;
    area.flags = VmAlloc;
    scene_->areas = std::vector<VmallocArea>{area};
    scene_->frameAt = [this](uint64_t frame) {
      auto known = frames.find(frame);
      return known == frames.end() ? sound() : known->second;
    };
    scene_->areasOf = [this](VirtAddr mm) { return areas[mm.value]; };
    addTask(10, user.root());
    return *scene_;
  }
  void addTask(uint32_t pid, PhysAddr root) {
    Task task;
    task.pid = task.tgid = pid;
    task.comm = "demo";
    task.mm = mmOf(pid);
    task.root = root;
    scene().tasks.tasks.push_back(task);
  }
  void addArea(uint32_t pid, VirtAddr start, VirtAddr end, uint64_t flags) {
    Vma vma;
    vma.start = start;
    vma.end = end;
    vma.flags = flags;
    areas[mmOf(pid).value].vmas.push_back(vma);
  }
  static FrameFacts sound() {
    FrameFacts facts;
    facts.state = PageFacts::State::Known;
    return facts;
  }
  void setFrame(PhysAddr page, uint64_t flags, int32_t references = 1) {
    FrameFacts facts = sound();
    facts.flags = flags;
    facts.refCount = references;
    frames[page.value >> 12] = facts;
  }

  /// Every finding that is more than info, a line each: "rule pid first-last".
  std::string audit(AuditSeverity least = AuditSeverity::Low) {
    AuditReport report;
    auditMachine(scene(), report);
    findings = report.takeFindings();
    gaps.assign(report.gaps().begin(), report.gaps().end());
    wxPages = report.wxPages;
    std::string lines;
    for (const AuditFinding &finding : findings) {
      if (finding.severity < least)
        continue;
      lines += getInfo(finding.rule).word.str() + " " +
               std::to_string(finding.owner.pid.value_or(0));
      if (finding.first)
        lines += " " + hex(*finding.first) + "-" + hex(*finding.last);
      lines += "\n";
    }
    return lines;
  }
  /// What the audit says of one rule that it could not judge.
  std::string gapOf(AuditRule rule) const {
    std::string text;
    for (const AuditGap &gap : gaps)
      if (gap.rule == rule)
        text += getGapWord(gap.kind).str() + ": " + gap.reason + "\n";
    return text;
  }

  BuiltKernel built{x86_64::fourLevel, image, PhysAddr(0x1000000)};
  PageTableBuilder user{*built.memory, x86_64::fourLevel, PhysAddr(0x2000000)},
      other{*built.memory, x86_64::fourLevel, PhysAddr(0x3000000)};
  KernelImage kernelImage;
  std::map<uint64_t, FrameFacts> frames;
  std::map<uint64_t, ProcessAreas> areas; ///< By mm.
  std::vector<AuditFinding> findings;
  std::vector<AuditGap> gaps;
  std::optional<uint64_t> wxPages;

private:
  static DebugInputs inputs() {
    DebugInputs inputs;
    inputs.searchRoot = "/nonexistent";
    EXPECT_EQ(textOf(inputs.places.add("mm_struct.rss_stat.count=0x40:32")),
              "");
    return inputs;
  }
  void setRegions() {
    auto region = [](Region kind, VirtAddr first, uint64_t bytes) {
      return KernelRegion{kind, first, first + (bytes - 1), "a test"};
    };
    kernelImage.regions = {region(Region::DirectMap, direct, uint64_t(1) << 40),
                           region(Region::Vmalloc, vmalloc, uint64_t(1) << 40),
                           region(Region::Vmemmap, vmemmap, uint64_t(1) << 40),
                           region(Region::KernelImage, image, 0x1000000),
                           region(Region::Modules, modules, 0x10000000),
                           region(Region::Fixmap, fixmap, 0xfff000)};
  }

  Diagnostics diagnostics_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<AuditScene> scene_;
};

} // namespace vmpt::testing
