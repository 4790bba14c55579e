#include "analysis/MachineMap.h"

#include "analysis/MapsReader.h"
#include "analysis/Pieces.h"
#include "analysis/TableWalk.h"
#include "analysis/Translator.h"
#include "kernel/areas/Vmalloc.h"
#include "kernel/context/Problems.h"
#include "kernel/find/KernelArch.h"
#include "kernel/pages/NonPresentEntry.h"

#include <algorithm>

namespace vmpt {

namespace {

/// A stock kernel's modules have some hundred thousand.
constexpr size_t maxModuleSymbols = 1 << 20;

/// Of what starts at \p first; a size that wraps is a damaged one.
VirtAddr lastOf(VirtAddr first, uint64_t sizeBytes) {
  const VirtAddr last = first + (sizeBytes - 1);
  return last < first ? VirtAddr(~uint64_t(0)) : last;
}

void sortAreas(std::vector<MapArea> &areas) {
  llvm::stable_sort(areas, [](const MapArea &a, const MapArea &b) {
    return a.first < b.first;
  });
}

bool areSame(const RightsRules &a, const RightsRules &b) {
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](const RightsRule &x, const RightsRule &y) {
                      return x.mask == y.mask && x.bits == y.bits &&
                             x.denied == y.denied;
                    });
}

/// A process's mode can have the kernel's name and rights of its own (s390x).
bool areSame(const PagingMode &a, const PagingMode &b) {
  return a.name == b.name && areSame(a.pageRights, b.pageRights) &&
         areSame(a.tableRights, b.tableRights) &&
         areSame(a.largePageRights, b.largePageRights);
}

std::string ownerOf(const VmallocArea &area, AddressNames &names) {
  switch (area.kind) {
  case VmallocArea::MapRam:
    return "vm_map_ram";
  case VmallocArea::Lazy:
    return "unpurged";
  case VmallocArea::Struct:
  case VmallocArea::None:
    break;
  }
  return area.caller.value ? names.print(area.caller) : "vm_struct";
}

/// The pages of a process as ranges of frames.
class FrameVisitor final : public TableVisitor {
public:
  FrameVisitor(const PagingMode &mode, const NonPresentRules &rules,
               uint64_t &budget)
      : mode_(mode), rules_(rules), budget_(budget) {}

  void page(const TableEntry &entry, PhysAddr first) override {
    add(entry, first);
  }
  /// A page that nobody may touch is the process's all the same.
  void hole(const TableEntry &entry) override {
    const NonPresentEntry held =
        decodeNonPresent(rules_, mode_, entry.value, entry.level);
    if (held.kind == EntryKind::ProtNone && held.address)
      add(entry, *held.address);
  }
  void absent(const TableEntry &, PhysAddr, AbsentByte) override {}

  std::vector<FrameOwners::Run> runs;

private:
  void add(const TableEntry &entry, PhysAddr first) {
    if (!budget_ || !--budget_)
      return;
    const uint64_t frame = first.value >> mode_.pageShift;
    const uint64_t pages = mode_.entrySpan(entry.level) >> mode_.pageShift;
    if (!runs.empty() && runs.back().last + 1 == frame)
      runs.back().last += pages;
    else
      runs.push_back({frame, frame + pages - 1, 0});
  }

  const PagingMode &mode_;
  const NonPresentRules &rules_;
  uint64_t &budget_;
};

class MapReader {
public:
  MapReader(const Kernel &kernel, Diagnostics &diagnostics, MachineMap &map)
      : kernel_(kernel), image_(kernel.image()), diagnostics_(diagnostics),
        map_(map), rules_(findNonPresentRules(kernel)),
        frameBudget_(32 * (memory().presentBytes() >> image_.mode.pageShift) +
                     65536) {}

  void readKernel();
  void readAreas();
  void readModules(const ModuleList &modules, AddressNames &names);
  void readTasks(const TaskList &tasks);

private:
  const PhysicalMemory &memory() const { return kernel_.memory().physical(); }
  size_t indexOf(const PagingMode &mode);
  void addSpans(MapSpace &space, const AddressSpace &from, VirtAddr first,
                VirtAddr last);
  void addProcess(const TaskTables &row);
  void readAreasOf(MapSpace &space);
  void gap(llvm::StringRef kind, const llvm::Twine &sentence,
           Subject subject = {}) {
    map_.problems.push_back(
        {kind.str(), sentence.str(), std::move(subject), Severity::Gap});
  }

  const Kernel &kernel_;
  const KernelImage &image_;
  Diagnostics &diagnostics_;
  MachineMap &map_;
  const NonPresentRules rules_;
  uint64_t frameBudget_;
  std::optional<MapsReader> maps_;
  FrameOwners owners_;
};

size_t MapReader::indexOf(const PagingMode &mode) {
  const auto found = llvm::find_if(map_.modes, [&](const PagingMode &known) {
    return areSame(known, mode);
  });
  if (found != map_.modes.end())
    return size_t(found - map_.modes.begin());
  map_.modes.push_back(mode);
  return map_.modes.size() - 1;
}

/// What of [first, last] \p from translates, half by half.
void MapReader::addSpans(MapSpace &space, const AddressSpace &from,
                         VirtAddr first, VirtAddr last) {
  const Coverage &coverage = from.mode().coverage;
  for (std::optional<VirtAddr> at = coverage.firstFrom(first);
       at && *at <= last;) {
    const VirtAddr end = std::min(coverage.lastFrom(*at), last);
    space.spans.push_back(
        {*at, end, indexOf(from.mode()), from.root(), std::nullopt});
    at = end.value == ~uint64_t(0) ? std::nullopt : coverage.firstFrom(end + 1);
  }
}

void MapReader::readKernel() {
  map_.modes.push_back(kernel_.memory().mode());
  map_.lastUser = image_.arch->lastUserAddress(image_);
  MapSpace space;
  addSpans(space, kernel_.memory(), VirtAddr(0), VirtAddr(~uint64_t(0)));
  for (const MapSpan &span : space.spans) {
    const TableUse use = countTableUse(memory(), image_.mode, image_.root,
                                       span.first, span.last);
    space.use.tableBytes += use.tableBytes;
    space.use.mappedBytes += use.mappedBytes;
    space.use.absentTables += use.absentTables;
    space.use.isCut |= use.isCut;
  }
  if (space.use.absentTables)
    gap("table-absent", llvm::Twine(space.use.absentTables) +
                            " page tables of the kernel are not in the dump");
  if (space.use.isCut)
    gap("tables-cut", "page tables of the kernel without end");
  map_.spaces.push_back(std::move(space));
  for (const AddressMarker &marker : image_.markers)
    map_.sections.push_back({VirtAddr(marker.start), marker.name});
  Snapshot place;
  if (findImagePlace(kernel_, place))
    map_.image = PhysicalRange{place.imageFirst, place.imageLast};
}

void MapReader::readModules(const ModuleList &modules, AddressNames &names) {
  std::vector<ModuleSymbol> &symbols = map_.moduleSymbols;
  for (const Module &module : modules.modules) {
    for (const ModuleRange &part : module.ranges)
      if (part.sizeBytes)
        map_.kernelAreas.push_back(
            {part.start, lastOf(part.start, part.sizeBytes), "module",
             module.name + " " + getModulePartName(part.part).str()});
    if (symbols.size() >= maxModuleSymbols) {
      gap("module-symbols", "modules have more symbols than a kernel loads; "
                            "those of the others are left out");
      break;
    }
    for (const ModuleSymbol &symbol : names.symbolsOf(module))
      if (module.findRange(symbol.at))
        symbols.push_back(symbol);
  }
  for (const MapArea &area : map_.kernelAreas)
    if (area.last.value != ~uint64_t(0))
      symbols.push_back({area.last + 1, ""});
  // An end behind what starts there.
  llvm::stable_sort(symbols, [](const ModuleSymbol &a, const ModuleSymbol &b) {
    return a.at < b.at;
  });
}

void MapReader::readAreas() {
  ModuleList modules;
  if (llvm::Expected<ModuleList> list = readModuleList(kernel_))
    modules = std::move(*list);
  else
    gap("modules",
        "modules are not known: " + llvm::toString(list.takeError()));
  for (const std::string &problem : modules.problems)
    gap("module-list", problem);
  std::vector<MapArea> &areas = map_.kernelAreas;
  AddressNames names(kernel_, modules);
  readModules(modules, names);
  if (llvm::Expected<VmallocList> list = readVmallocList(kernel_)) {
    for (const VmallocArea &area : list->areas)
      if (area.sizeBytes && area.kind != VmallocArea::None)
        areas.push_back({area.start, lastOf(area.start, area.sizeBytes),
                         "vmalloc", ownerOf(area, names)});
    for (const std::string &problem : list->problems)
      gap("vmalloc-list", problem);
  } else {
    gap("vmalloc", "areas of vmalloc space are not known: " +
                       llvm::toString(list.takeError()));
  }
  sortAreas(areas);
}

void MapReader::readAreasOf(MapSpace &space) {
  if (!maps_)
    return;
  const Task &task = *space.task;
  Subject subject;
  subject.pid = task.pid;
  const std::string who = "pid " + std::to_string(task.pid) + ": ";
  llvm::Expected<MapsListing> listing = maps_->read(task.memoryHolder()->mm);
  if (!listing)
    return gap("areas-of-task", who + llvm::toString(listing.takeError()),
               subject);
  for (const std::string &problem : listing->problems)
    gap("areas-of-task", who + problem, subject);
  for (const MapsRow &row : listing->rows)
    if (row.start < row.end)
      space.areas.push_back(
          {row.start, row.end - 1, "area", row.name, row.flags, row.offset});
  sortAreas(space.areas);
}

void MapReader::addProcess(const TaskTables &row) {
  const Task &holder = *row.task->memoryHolder();
  MapSpace space;
  space.task = row.task;
  space.sharers = row.sharers;
  const Translator translator = Translator::ofTask(kernel_, *holder.root);
  const AddressSpace &user = translator.spaceOf(VirtAddr(0));
  const VirtAddr lastUser = lastUserAddress(image_, user.mode());
  const bool mapsKernel = image_.arch->tasksMapKernel;
  addSpans(space, user, VirtAddr(0),
           mapsKernel ? VirtAddr(~uint64_t(0)) : lastUser);
  const size_t own = space.spans.size();
  if (auto userRoot = image_.arch->userRoot)
    if (const PhysAddr root = userRoot(kernel_, *holder.root);
        root != *holder.root)
      for (MapSpan &span : space.spans)
        if (span.first <= lastUser)
          span.userRoot = root;
  // Where the kernel has a root of its own for other addresses.
  for (const MapSpan &span : map_.spaces.front().spans)
    if (!mapsKernel && own && space.spans[own - 1].last < span.first)
      space.spans.push_back(span);
  if (space.spans.empty())
    return;
  space.use = row.use ? *row.use
                      : countTableUse(memory(), user.mode(), *holder.root,
                                      VirtAddr(0), lastUser);
  FrameVisitor visitor(user.mode(), rules_, frameBudget_);
  TableWalk(memory(), user.mode())
      .walk(*holder.root, VirtAddr(0),
            std::min(space.spans.front().last, lastUser), visitor);
  space.frames =
      owners_.add(uint32_t(map_.spaces.size()), std::move(visitor.runs));
  readAreasOf(space);
  map_.spaces.push_back(std::move(space));
}

void MapReader::readTasks(const TaskList &tasks) {
  if (llvm::Expected<MapsReader> maps = MapsReader::create(kernel_))
    maps_.emplace(std::move(*maps));
  else
    gap("areas", "memory areas of processes are not known: " +
                     llvm::toString(maps.takeError()));
  Problems missing;
  llvm::DenseSet<uint64_t> seen;
  for (const TaskTables &row :
       countTaskTables(tasks, image_, memory(), diagnostics_)) {
    const Task *holder =
        row.task->isLeader() ? row.task->memoryHolder() : nullptr;
    if (!holder || row.task->isKernelThread ||
        !seen.insert(holder->mm.value).second)
      continue;
    const std::string who = "pid " + std::to_string(row.task->pid) + ": ";
    if (!holder->root) {
      missing.add(who + "no page tables: " + holder->rootProblem);
      continue;
    }
    addProcess(row);
    const TableUse &use = map_.spaces.back().use;
    if (use.absentTables)
      missing.add(who + llvm::Twine(use.absentTables) +
                  " page tables are not in the dump");
    if (use.isCut)
      missing.add(who + "page tables without end");
  }
  for (const std::string &problem : missing.take())
    gap("root-of-task", problem);
  if (!frameBudget_)
    gap("frames-cut", "processes map more pages than memory has room for; who "
                      "maps which frame is not all known");
  map_.owners = owners_.take();
  const std::vector<uint64_t> shared = owners_.countShared(map_.owners);
  for (size_t i = 0; i < shared.size(); ++i)
    map_.spaces[i + 1].sharedFrames = shared[i];
}

void addFrameProblems(MachineMap &map) {
  const FrameMap &frames = map.frames;
  if (frames.absentPages)
    map.problems.push_back(
        {"pages-absent",
         std::to_string(frames.absentPages) +
             " struct pages are not in the dump: " + frames.absentReason,
         {},
         Severity::Gap});
  if (frames.isCut)
    map.problems.push_back({"pages-cut",
                            "there are more struct pages than the dump has "
                            "room for; the rest is left out",
                            {},
                            Severity::Gap});
}

} // namespace

std::vector<PhysAddr> MachineMap::rootsOf(size_t mode) const {
  std::vector<PhysAddr> roots;
  llvm::DenseSet<uint64_t> seen;
  auto add = [&](PhysAddr root) {
    if (seen.insert(root.value >> 2).second)
      roots.push_back(root);
  };
  for (const MapSpace &space : spaces)
    for (const MapSpan &span : space.spans)
      if (span.mode == mode) {
        add(span.root);
        if (span.userRoot)
          add(*span.userRoot);
      }
  return roots;
}

MachineMap readMachineMap(const Kernel &kernel, const TaskList *tasks,
                          PageFlags *flags, Diagnostics &diagnostics) {
  MachineMap map;
  MapReader reader(kernel, diagnostics, map);
  reader.readKernel();
  reader.readAreas();
  if (tasks)
    reader.readTasks(*tasks);
  map.frames = readFrameMap(kernel.memory().physical(),
                            kernel.image().mode.pageShift, flags);
  addFrameProblems(map);
  return map;
}

} // namespace vmpt
