#include "analysis/Pieces.h"

#include "kernel/find/DirectMap.h"
#include "kernel/find/KernelArch.h"
#include "listing/LineFilter.h"
#include "paging/Translate.h"

#include "llvm/ADT/StringExtras.h"

#include <unordered_set>

namespace vmpt {

const RangeWords *Snapshot::intern(llvm::StringRef level,
                                   std::vector<std::string> words) {
  std::string key = (level + ":" + llvm::join(words, " ")).str();
  std::unique_ptr<RangeWords> &known = words_[key];
  if (!known) {
    known = std::make_unique<RangeWords>();
    known->level = level.lower();
    known->words = std::move(words);
    for (const std::string &word : known->words)
      if (isRight(word))
        known->rights += (known->rights.empty() ? "" : " ") + word;
  }
  return known.get();
}

namespace {

void addProblem(Snapshot &snapshot, llvm::StringRef kind,
                const llvm::Twine &sentence, Subject subject = {},
                Severity severity = Severity::Gap) {
  snapshot.problems.push_back(
      {kind.str(), sentence.str(), std::move(subject), severity});
}

/// Takes what a walk maps.
class RangeSink final : public RunSink {
public:
  RangeSink(Snapshot &snapshot, SnapshotSpace &space, const ListingPlan &plan,
            bool takesSections)
      : snapshot_(snapshot), space_(space), plan_(plan),
        takesSections_(takesSections) {}

  void section(llvm::StringRef name) override {
    // A kernel may forget the first header, and what has no lines has none.
    for (uint32_t i = section_; takesSections_ && i < plan_.markers.size(); ++i)
      if (plan_.markers[i].name == name) {
        section_ = i + 1;
        return;
      }
  }
  void run(const Run &run) override { annotated(run, {}); }
  void skipped(uint64_t) override {}
  void annotated(const Run &run, const RunNotes &notes) override {
    SnapshotRange range;
    range.first = VirtAddr(run.start);
    range.last = plan_.wording.lastOf(run);
    range.section = section_;
    range.physical = notes.physical;
    range.repeats = notes.repeats;
    if (!run.isAbsent()) {
      if (!(run.state == state_ && words_))
        words_ = wordsFor(run);
      state_ = run.state;
      range.words = words_;
      if (range.words->words.empty())
        return; // a hole
    }
    space_.ranges.push_back(range);
  }

private:
  const RangeWords *wordsFor(const Run &run) {
    std::vector<std::string> words;
    for (llvm::StringRef word : plan_.wording.wordsOf(run))
      words.push_back(word.str());
    return snapshot_.intern(plan_.context.levelNames[run.state.level],
                            std::move(words));
  }

  Snapshot &snapshot_;
  SnapshotSpace &space_;
  const ListingPlan &plan_;
  const bool takesSections_;
  uint32_t section_ = 0;
  RunState state_;
  const RangeWords *words_ = nullptr;
};

class SnapshotReader {
public:
  SnapshotReader(const Kernel &kernel, Diagnostics &diagnostics)
      : kernel_(kernel), image_(kernel.image()),
        memory_(kernel.memory().physical()), diagnostics_(diagnostics) {}

  llvm::Expected<Snapshot> read(const TaskList *tasks);

private:
  llvm::Error addSpace(SnapshotSpace space, const ListingPlan &plan);
  void addProcesses(const TaskList &tasks);
  void addProcess(const Task &task);
  void addOwnSlots(const Task &task, PhysAddr root, PhysAddr reference,
                   llvm::StringLiteral part);
  std::vector<ListedRange> findOwnSlots(PhysAddr root,
                                        PhysAddr reference) const;
  void addModules(ModuleList &modules);
  void addBootMarks(const TaskList *tasks);

  const Kernel &kernel_;
  const KernelImage &image_;
  const PhysicalMemory &memory_;
  Diagnostics &diagnostics_;
  Snapshot snapshot_;
  size_t rangeCount_ = 0;
};

llvm::Error SnapshotReader::addSpace(SnapshotSpace space,
                                     const ListingPlan &plan) {
  Subject subject;
  if (!space.isKernel)
    subject.pid = space.pid;
  const std::string of =
      space.isKernel ? "" : "pid " + std::to_string(space.pid) + ": ";
  if (rangeCount_ >= maxSnapshotRanges) {
    addProblem(snapshot_, "listing-cut",
               of + "not compared: there are more than " +
                   llvm::Twine(maxSnapshotRanges) + " ranges before",
               subject);
    return llvm::Error::success();
  }
  RangeSink sink(snapshot_, space, plan, space.isKernel);
  LineSelection all; // of addresses: the kernel's limit for espfix is no limit
  all.ranges = {{VirtAddr(0), VirtAddr(~uint64_t(0))}};
  all.hasPhysical = true;
  llvm::Expected<SelectedResult> result = runSelectedListing(
      plan, memory_, all, sink, maxSnapshotRanges - rangeCount_);
  if (!result)
    return result.takeError();
  rangeCount_ += space.ranges.size();
  if (result->isCut)
    addProblem(snapshot_, "listing-cut",
               of + "only the first ranges are compared; there are more than " +
                   llvm::Twine(maxSnapshotRanges),
               subject);
  if (result->absentTableCount) {
    subject.virtualStart = result->absentTables.front().at;
    subject.physical = result->absentTables.front().table;
    addProblem(
        snapshot_, "tables-absent",
        of + llvm::Twine(result->absentTableCount) +
            (result->absentTableCount == 1 ? " table is" : " tables are") +
            " not in the dump, the first for addresses from " +
            hex(*subject.virtualStart) + " on: what they map is not compared",
        subject);
  }
  if (result->emptyTableCount)
    addProblem(snapshot_, "tables-excluded",
               of + llvm::Twine(uint64_t(result->emptyTableCount)) +
                   " tables were excluded, as pages of zeros are, and read as "
                   "empty",
               subject, Severity::Warning);
  // Only its own tables, the kernel's at another place are no process's.
  for (const ListedRange &range : plan.ranges)
    if (!range.isSkipped)
      space.tableBytes +=
          countTableUse(memory_, plan.mode, plan.root, range.first, range.last)
              .tableBytes;
  llvm::stable_sort(space.ranges,
                    [](auto &a, auto &b) { return a.first < b.first; });
  snapshot_.spaces.push_back(std::move(space));
  return llvm::Error::success();
}

/// Slots of the kernel's half that lead elsewhere than those of \p reference.
std::vector<ListedRange>
SnapshotReader::findOwnSlots(PhysAddr root, PhysAddr reference) const {
  const PagingMode &mode = image_.mode;
  std::vector<ListedRange> slots;
  constexpr unsigned leastIndexBits = 9; // PAE: each process has copies there
  if (root == reference || mode.levels[0].indexBits < leastIndexBits)
    return slots;
  const uint64_t lastUser = image_.arch->lastUserAddress(image_).value;
  const unsigned count = mode.entryCount(0);
  for (unsigned index = mode.indexOf(VirtAddr(lastUser), 0) + 1; index < count;
       ++index) {
    uint64_t own = 0, shared = 0;
    if (readEntry(memory_, mode, root + index * mode.entryBytes, own) ||
        readEntry(memory_, mode, reference + index * mode.entryBytes, shared))
      continue;
    const DecodedEntry mine = mode.decode(own, 0);
    if (!(mine.isTable() || mine.isPage()) || mine == mode.decode(shared, 0))
      continue;
    const uint64_t span = mode.entrySpan(0);
    VirtAddr first(index * span);
    if (!mode.coverage.covers(first))
      first = VirtAddr(first.value | mode.coverage.upper);
    slots.push_back({first, first + (span - 1)});
  }
  return slots;
}

void SnapshotReader::addOwnSlots(const Task &task, PhysAddr root,
                                 PhysAddr reference, llvm::StringLiteral part) {
  std::vector<ListedRange> slots = findOwnSlots(root, reference);
  if (slots.empty())
    return;
  llvm::Expected<ListingPlan> plan =
      planTaskListing(image_, memory_, root, false);
  if (!plan)
    return llvm::consumeError(plan.takeError());
  plan->ranges = std::move(slots);
  SnapshotSpace space;
  space.pid = task.pid;
  space.comm = task.comm;
  space.part = part;
  if (llvm::Error error = addSpace(std::move(space), *plan))
    addProblem(snapshot_, "root-of-task", llvm::toString(std::move(error)));
}

void SnapshotReader::addProcess(const Task &task) {
  SnapshotSpace space;
  space.pid = task.pid;
  space.comm = task.comm;
  Subject subject;
  subject.pid = task.pid;
  llvm::Expected<ListingPlan> plan =
      planTaskListing(image_, memory_, *task.root, true);
  llvm::Error error =
      plan ? addSpace(std::move(space), *plan) : plan.takeError();
  if (error) {
    addProblem(snapshot_, "root-of-task",
               "pid " + std::to_string(task.pid) + ": " +
                   llvm::toString(std::move(error)),
               subject);
    return;
  }
  if (!image_.arch->tasksMapKernel || image_.rootIsOfTask)
    return;
  addOwnSlots(task, *task.root, image_.root, "kernel-half");
  auto *userRoot = image_.arch->userRoot;
  if (!userRoot)
    return;
  const PhysAddr user = userRoot(kernel_, *task.root);
  if (user != *task.root)
    addOwnSlots(task, user, userRoot(kernel_, image_.root), "user-table");
}

void SnapshotReader::addProcesses(const TaskList &tasks) {
  std::unordered_set<uint64_t> seen;
  size_t done = 0;
  for (const Task &task : tasks.tasks) {
    diagnostics_.progress("page tables", ++done, tasks.tasks.size());
    if (!task.isLeader())
      continue;
    SnapshotTask row;
    row.pid = task.pid;
    row.ppid = task.ppid;
    row.comm = task.comm;
    row.isKernelThread = task.isKernelThread;
    const Task *holder = task.memoryHolder();
    if (holder && !holder->isKernelThread) {
      row.root = holder->root;
      Subject subject;
      subject.pid = task.pid;
      if (!holder->root && !holder->rootProblem.empty())
        addProblem(snapshot_, "root-of-task",
                   "pid " + std::to_string(task.pid) +
                       ": no page tables: " + holder->rootProblem,
                   subject);
      const size_t before = snapshot_.spaces.size();
      if (holder->root && seen.insert(holder->mm.value).second)
        addProcess(*holder);
      if (snapshot_.spaces.size() > before)
        row.tableBytes = snapshot_.spaces[before].tableBytes;
    }
    snapshot_.tasks.push_back(std::move(row));
  }
  snapshot_.hasTasks = true;
}

void SnapshotReader::addModules(ModuleList &modules) {
  llvm::Expected<ModuleList> list = readModuleList(kernel_);
  if (!list) {
    addProblem(snapshot_, "module-list",
               "modules are not compared: " + llvm::toString(list.takeError()));
    return;
  }
  modules = std::move(*list);
  for (const std::string &problem : modules.problems)
    addProblem(snapshot_, "module-list", problem);
  for (const Module &module : modules.modules)
    snapshot_.modules.push_back(
        {module.name, module.sizeBytes, module.base, module.state});
  snapshot_.hasModules = true;
}

/// When the first process was started, in nanoseconds; and what KASLR chose.
void SnapshotReader::addBootMarks(const TaskList *tasks) {
  std::optional<Field> time =
      findOptionalField(kernel_.types(), "task_struct",
                        {"start_boottime", "real_start_time", "start_time"});
  const Task *init = tasks ? tasks->findPid(1) : nullptr;
  std::optional<uint64_t> started =
      init ? kernel_.reader().tryNumber(init->address, time) : std::nullopt;
  if (!started)
    return;
  snapshot_.bootMarks = {*started, image_.root.value,
                         snapshot_.imageFirst.value};
  for (const Piece &piece : snapshot_.spaces.front().pieces)
    if (piece.key == getRegionName(Region::DirectMap) ||
        piece.key == getRegionName(Region::KernelImage))
      snapshot_.bootMarks.push_back(piece.anchor.value);
}

llvm::Expected<Snapshot> SnapshotReader::read(const TaskList *tasks) {
  snapshot_.arch = image_.arch;
  snapshot_.release =
      image_.vmcoreinfo.release().value_or(image_.bannerRelease).str();
  llvm::Expected<ListingPlan> plan = planKernelListing(image_);
  if (!plan)
    return plan.takeError();
  SnapshotSpace space;
  space.isKernel = true;
  // The user half of the kernel's own table is empty, or a task's.
  std::erase_if(plan->ranges, [&](const ListedRange &range) {
    return range.first == VirtAddr(0) &&
           range.last <= image_.arch->lastUserAddress(image_) &&
           image_.rootIsOfTask;
  });
  if (llvm::Error error = addSpace(std::move(space), *plan))
    return error;
  for (const AddressMarker &marker : plan->markers)
    snapshot_.sections.push_back({marker.name, VirtAddr(marker.start)});
  ModuleList modules;
  addModules(modules);
  findImagePlace(kernel_, snapshot_);
  snapshot_.spaces.front().pieces =
      findKernelPieces(kernel_, modules, snapshot_);
  if (tasks)
    addProcesses(*tasks);
  addBootMarks(tasks);
  return std::move(snapshot_);
}

} // namespace

llvm::Expected<Snapshot> readSnapshot(const Kernel &kernel,
                                      const TaskList *tasks,
                                      Diagnostics &diagnostics) {
  return SnapshotReader(kernel, diagnostics).read(tasks);
}

Snapshot makeSnapshot(const SavedListing &listing) {
  Snapshot snapshot;
  snapshot.isListing = true;
  for (const std::string &name : listing.sections)
    snapshot.sections.push_back({name, VirtAddr()});
  SnapshotSpace space;
  space.isKernel = true;
  uint32_t section = 0;
  uint64_t absentCount = 0;
  bool hasSkipped = false;
  for (const SavedLine &line : listing.lines) {
    absentCount += line.isUnknown && !line.isSkipped;
    hasSkipped |= line.isSkipped;
    if (line.section != section && line.section)
      snapshot.sections[line.section - 1].first = line.first;
    section = line.section;
    if (!line.isUnknown && line.words.empty())
      continue;
    SnapshotRange range;
    range.first = line.first;
    range.last = line.last;
    range.section = line.section;
    if (!line.isUnknown)
      range.words = snapshot.intern(line.level, line.words);
    space.ranges.push_back(std::move(range));
  }
  if (absentCount)
    addProblem(snapshot, "tables-absent",
               llvm::Twine(absentCount) +
                   (absentCount == 1 ? " table was" : " tables were") +
                   " not in the dump that was listed: what they map is not "
                   "compared");
  if (hasSkipped)
    addProblem(snapshot, "lines-skipped",
               "the listing leaves out lines, as the kernel does; they are not "
               "compared",
               {}, Severity::Warning);
  if (listing.isCut)
    addProblem(snapshot, "listing-cut",
               "the listing ends before its end; what follows is not compared");
  if (listing.isCut && listing.lines.back().last != VirtAddr(~uint64_t(0))) {
    SnapshotRange rest;
    rest.first = listing.lines.back().last + 1;
    rest.last = VirtAddr(~uint64_t(0));
    space.ranges.push_back(rest);
  }
  llvm::stable_sort(space.ranges,
                    [](auto &a, auto &b) { return a.first < b.first; });
  snapshot.spaces.push_back(std::move(space));
  snapshot.spaces.front().pieces = findListingPieces(snapshot);
  return snapshot;
}

llvm::Expected<Snapshot> readListingSnapshot(const KernelImage &image,
                                             const PhysicalMemory &memory) {
  llvm::Expected<ListingPlan> plan = planKernelListing(image);
  if (!plan)
    return plan.takeError();
  std::string text;
  llvm::raw_string_ostream os(text);
  TextPrinter printer(plan->wording, plan->context, os);
  llvm::Expected<ListingResult> result =
      runListing(*plan, memory, printer, maxSnapshotRanges / 4);
  if (!result)
    return result.takeError();
  llvm::Expected<SavedListing> listing = parseListing(os.str());
  if (!listing)
    return listing.takeError();
  listing->isCut |= result->isCut;
  Snapshot snapshot = makeSnapshot(*listing);
  std::erase_if(snapshot.problems, [](const Finding &problem) {
    return problem.kind == "lines-skipped";
  });
  snapshot.arch = image.arch;
  snapshot.release =
      image.vmcoreinfo.release().value_or(image.bannerRelease).str();
  return snapshot;
}

void addAreaPieces(Snapshot &snapshot, const Kernel &kernel,
                   const TaskList &tasks) {
  llvm::Expected<MapsReader> reader = MapsReader::create(kernel);
  if (!reader) {
    addProblem(snapshot, "areas-of-task",
               "processes are compared by addresses, which ASLR chose: " +
                   llvm::toString(reader.takeError()),
               {}, Severity::Warning);
    return;
  }
  for (SnapshotSpace &space : snapshot.spaces) {
    const Task *task = space.isKernel ? nullptr : tasks.findPid(space.pid);
    if (!task || !space.part.empty())
      continue;
    llvm::Expected<MapsListing> maps = reader->read(task->mm);
    if (maps)
      space.pieces = findAreaPieces(*maps);
    else
      addProblem(snapshot, "areas-of-task",
                 "pid " + std::to_string(space.pid) + ": " +
                     llvm::toString(maps.takeError()),
                 {}, Severity::Warning);
  }
}

} // namespace vmpt
