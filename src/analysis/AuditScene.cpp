#include "analysis/AuditScene.h"

#include "analysis/Translator.h"

#include <algorithm>

namespace vmpt {

AuditScene::AuditScene(const Kernel &k)
    : kernel(k), arch(*k.image().arch), mode(k.memory().mode()),
      pageBytes(bit(mode.pageShift)), lastUser(arch.lastUserAddress(k.image())),
      directMap(findDirectMap(k.image(), k.memory().physical())) {
  findRegions();
}

std::unique_ptr<AuditScene> AuditScene::read(const Kernel &kernel) {
  auto scene = std::make_unique<AuditScene>(kernel);
  scene->readTasks();
  scene->readAreas();
  scene->readModules();
  scene->findImage();
  llvm::sort(scene->parts, [](const CodePart &a, const CodePart &b) {
    return a.first < b.first;
  });
  scene->readFrames();
  scene->findVmas();
  if (scene->arch.physicalBits)
    scene->physicalBits = scene->arch.physicalBits(kernel);
  scene->findRegions();
  return scene;
}

void AuditScene::readTasks() {
  llvm::Expected<TaskList> list = readTaskList(kernel, {});
  if (list)
    tasks = std::move(*list);
  else
    tasksProblem = llvm::toString(list.takeError());
  if (!tasks.problems.empty())
    tasksProblem = tasks.problems.front();
}

void AuditScene::readAreas() {
  llvm::Expected<VmallocList> list = readVmallocList(kernel);
  if (!list) {
    areasProblem = llvm::toString(list.takeError());
    return;
  }
  areas = std::move(list->areas);
  llvm::sort(*areas, [](const VmallocArea &a, const VmallocArea &b) {
    return a.start < b.start;
  });
  // An area that was given back is none, whether it is listed or not.
  if (!list->isWhole())
    areasProblem = list->problems.back();
}

/// Parts that are freed, or not yet protected, are no parts.
void AuditScene::readModules() {
  llvm::Expected<ModuleList> list = readModuleList(kernel);
  if (list)
    modules = std::move(*list);
  else
    modulesProblem = llvm::toString(list.takeError());
  if (!modules.problems.empty())
    modulesProblem = modules.problems.front();
  names_.emplace(kernel, modules);
  for (const Module &module : modules.modules)
    for (const ModuleRange &range : module.ranges) {
      if (module.state != 0 || !range.sizeBytes || range.isInit() ||
          range.part == ModulePart::Data)
        continue;
      const VirtAddr last(range.start + (range.sizeBytes - 1));
      if (last >= range.start)
        parts.push_back(
            {range.part == ModulePart::Text ? CodePart::Text : CodePart::Rodata,
             range.start, last, "module " + module.name, true});
    }
}

/// linux include/asm-generic/sections.h. Kernels without KALLSYMS_ALL name text
/// alone; there the tables show where what is read-only ends.
void AuditScene::findImage() {
  const auto found = kernel.symbols().findAll(
      {"_stext", "_etext", "__start_rodata", "__end_rodata", "_end", "_text",
       "_sinittext", "_einittext"});
  auto at = [&](size_t index) { return found[index]->address; };
  if (found[0] && found[1] && at(0) < at(1))
    parts.push_back({CodePart::Text, at(0), at(1) - 1, "the kernel", false});
  else
    partsProblem = "no symbols say where the kernel's text is";
  if (found[2] && found[3] && at(2) < at(3))
    parts.push_back({CodePart::Rodata, at(2), at(3) - 1, "the kernel", false});
  else if (found[1])
    findRodataByTables(VirtAddr(alignUp(at(1).value, pageBytes)));
  else
    partsProblem = "no symbols say where the kernel's text and read-only data "
                   "are";
  if (found[6] && found[7] && at(6) < at(7))
    initText = {at(6), at(7) - 1};
  std::optional<VirtAddr> first, last;
  if (found[5] || found[0])
    first = found[5] ? at(5) : at(0);
  if (found[4])
    last = at(4) - 1;
  for (const MappedRun &run : kernel.image().imageRuns) {
    if (!first || run.start < *first)
      first = run.start;
    if (!found[4] && (!last || run.start + (run.size - 1) > *last))
      last = run.start + (run.size - 1);
  }
  if (first && last && *first < *last)
    image = {*first, *last};
  if (auto symbol = kernel.symbols().find("rodata_enabled"))
    isRodataOff = kernel.reader().tryNumber(symbol->address, Field{0, 1}) == 0u;
}

/// What follows the text without a hole, up to the last page that is read-only:
/// in every image the data that may be written comes behind. A hole in what is
/// read-only is a few pages, data is more.
void AuditScene::findRodataByTables(VirtAddr textEnd) {
  constexpr uint64_t maxHole = uint64_t(1) << 20;
  constexpr uint64_t maxBytes = uint64_t(128) << 20;
  std::optional<VirtAddr> first, last;
  VirtAddr next = textEnd;
  for (const MappedRun &run :
       kernel.memory().mappedRuns(textEnd, textEnd + (maxBytes - 1))) {
    if (last && (run.start != next || next - *last > maxHole))
      break;
    const Translation way = kernel.memory().find(run.start);
    const PageRights rights = way.rights(mode);
    if (!rights.writable && !rights.executable) {
      first = first.value_or(run.start);
      last = run.start + (run.size - 1);
    }
    next = run.start + run.size;
  }
  if (first)
    parts.push_back({CodePart::Rodata, *first, *last, "the kernel", false});
  partsProblem = "no symbols say where the kernel's read-only data is: it is "
                 "taken to end with the last read-only page behind the text";
}

void AuditScene::readFrames() {
  llvm::Expected<PageFlags> flags = PageFlags::create(kernel);
  if (!flags) {
    framesProblem = llvm::toString(flags.takeError());
    return;
  }
  pages_ = std::make_unique<PageFlags>(std::move(*flags));
  sections.assign(pages_->map().sections().begin(),
                  pages_->map().sections().end());
  if (!pages_->map().problems().empty())
    framesProblem = pages_->map().problems().front();
  if (pages_->lacksZeroPage())
    learnZeroPage = [this](uint64_t frame) {
      pages_->learnZeroPage(frame, /*isHuge=*/false);
    };
  if (pages_->lacksHugeZeroPage())
    learnHugeZeroPage = [this](uint64_t frame) {
      pages_->learnZeroPage(frame, /*isHuge=*/true);
    };
  frameAt = [this](uint64_t frame) {
    const PageFacts page = pages_->look(frame);
    FrameFacts facts;
    facts.state = page.state;
    if (!facts.isKnown())
      return facts;
    facts.flags = pages_->flags(page);
    facts.mapCount = pages_->mapCount(page);
    facts.refCount = page.head.refCount;
    facts.isTyped =
        pages_->layout().types.hasKind(uint32_t(page.page.mapCount)) ||
        page.isSlab;
    facts.isHuge = page.isHugetlb;
    facts.isLarge = page.isCompound;
    facts.mapping = page.head.mapping;
    if (pages_->layout().index)
      facts.index =
          kernel.reader()
              .tryNumber(page.head.address, Field{*pages_->layout().index,
                                                  kernel.reader().wordBytes()})
              .value_or(0) +
          (page.frame - page.headFrame);
    return facts;
  };
}

void AuditScene::findVmas() {
  llvm::Expected<VmaReader> reader =
      VmaReader::create(kernel.types(), kernel.reader());
  if (!reader) {
    vmasProblem = llvm::toString(reader.takeError());
    return;
  }
  vmas_ = std::make_unique<VmaReader>(std::move(*reader));
  // RWSEM_WRITER_LOCKED: linux kernel/locking/rwsem.c.
  const std::optional<Field> lock = findOptionalField(
      kernel.types(), "mm_struct", {"mmap_lock.count", "mmap_sem.count"});
  areasOf = [this, lock](VirtAddr mm) {
    VmaList list = vmas_->readAll(mm);
    ProcessAreas found;
    found.vmas = std::move(list.vmas);
    if (!list.problems.empty())
      found.problem = list.problems.front();
    found.isBusy = kernel.reader().tryNumber(mm, lock).value_or(0) & 1;
    return found;
  };
}

/// Regions may lie in each other: what holds between their borders.
void AuditScene::findRegions() {
  std::vector<uint64_t> borders = {0};
  auto add = [&](VirtAddr first, VirtAddr last) {
    borders.push_back(first.value);
    if (last.value != ~uint64_t(0))
      borders.push_back(last.value + 1);
  };
  for (const KernelRegion &region : kernel.regions())
    add(region.first, region.last);
  if (image)
    add(image->first, image->second);
  llvm::sort(borders);
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  intervals_.clear();
  lastInterval_ = 0;
  for (uint64_t border : borders) {
    const VirtAddr at(border);
    std::optional<Region> region;
    if (image && image->first <= at && at <= image->second)
      region = Region::KernelImage;
    else if (const KernelRegion *found = findRegionAt(kernel.image(), at))
      region = found->region;
    intervals_.push_back({at, region});
  }
}

std::optional<Region> AuditScene::regionAt(VirtAddr at) const {
  const Interval &last = intervals_[lastInterval_];
  if (at < last.first || (lastInterval_ + 1 < intervals_.size() &&
                          intervals_[lastInterval_ + 1].first <= at)) {
    auto after = llvm::partition_point(
        intervals_, [&](const Interval &each) { return each.first <= at; });
    lastInterval_ = size_t(after - intervals_.begin()) - 1;
  }
  return intervals_[lastInterval_].region;
}

const VmallocArea *AuditScene::areaAt(VirtAddr at) const {
  if (!areas)
    return nullptr;
  auto after = llvm::partition_point(
      *areas, [&](const VmallocArea &area) { return area.start <= at; });
  // Damaged lists may have areas in each other.
  for (unsigned tries = 0; after != areas->begin() && tries < 4; ++tries) {
    --after;
    if (at - after->start < after->sizeBytes)
      return &*after;
  }
  return nullptr;
}

const CodePart *AuditScene::partIn(VirtAddr first, VirtAddr last) const {
  auto after = llvm::partition_point(
      parts, [&](const CodePart &part) { return part.first <= last; });
  for (unsigned tries = 0; after != parts.begin() && tries < 4; ++tries) {
    --after;
    if (after->last >= first)
      return &*after;
  }
  return nullptr;
}

bool AuditScene::isMemory(PhysAddr at) const {
  const auto ranges = memory().ranges();
  auto after = llvm::partition_point(
      ranges, [&](const MemoryRange &range) { return range.start <= at; });
  if (after != ranges.begin()) {
    const MemoryRange &range = *std::prev(after);
    if (at - range.start < range.size &&
        range.absence.value_or(Absence::Excluded) != Absence::OutsideRam)
      return true;
  }
  const uint64_t frame = at.value >> mode.pageShift;
  auto section = llvm::partition_point(
      sections, [&](const auto &each) { return each.firstFrame <= frame; });
  return section != sections.begin() && frame < std::prev(section)->endFrame();
}

std::string AuditScene::nameOf(VirtAddr at) {
  if (!names_)
    names_.emplace(kernel, modules);
  return names_->print(at);
}

} // namespace vmpt
