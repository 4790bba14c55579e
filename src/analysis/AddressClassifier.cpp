#include "analysis/AddressClassifier.h"

#include "analysis/MapsReader.h"
#include "analysis/Translator.h"
#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

/// No process maps anything below (vm.mmap_min_addr, as it is shipped).
constexpr uint64_t mmapMinAddress = 65536;
/// MAX_ERRNO: linux include/linux/err.h.
constexpr uint64_t maxErrno = 4095;
/// Modules lie near each other: 128 MiB on arm64, 1 GiB on x86 have regions of
/// their own; elsewhere they are in vmalloc space.
constexpr uint64_t moduleReach = uint64_t(128) << 20;

using What = AddressClass;

std::string nameOf(const Task &task) {
  return task.comm + " (pid " + std::to_string(task.pid) + ")";
}

std::string rangeText(VirtAddr first, VirtAddr last) {
  return hex(first) + "-" + hex(last);
}

class Classifier {
public:
  Classifier(CrashScene &scene, VirtAddr at, const Task *task,
             std::optional<VirtAddr> sp, Crash &crash)
      : scene_(scene), kernel_(scene.kernel()), at_(at), task_(task), sp_(sp),
        crash_(crash), pageBytes_(bit(kernel_.memory().mode().pageShift)),
        region_(findRegionAt(kernel_.image(), at)),
        isMapped_(kernel_.memory().find(at).isMapped()) {}

  AddressFacts classify() {
    for (bool (Classifier::*step)() :
         {&Classifier::isSpecial, &Classifier::isUser, &Classifier::isStack,
          &Classifier::isModule, &Classifier::isImage,
          &Classifier::isModuleSpace, &Classifier::isVmalloc,
          &Classifier::isDirectMap, &Classifier::isVmemmap,
          &Classifier::isRegion})
      if ((this->*step)())
        return std::move(facts_);
    return {What::Unknown, "in no region of the kernel"};
  }

private:
  bool say(What what, const llvm::Twine &description) {
    facts_ = {what, description.str()};
    return true;
  }
  bool isSpecial();
  bool isBeyondLimit();
  bool isUser();
  bool isStack();
  bool isModule();
  bool isImage();
  bool isModuleSpace();
  bool isVmalloc();
  bool isDirectMap();
  bool isVmemmap();
  bool isRegion();
  bool isAreaOf(const VmallocList &areas);
  bool isGuardByTables();
  std::string symbol();
  std::optional<VirtAddr> address(llvm::StringRef name) const;
  bool isInRegion(Region wanted) const {
    return region_ && region_->region == wanted;
  }

  CrashScene &scene_;
  const Kernel &kernel_;
  const VirtAddr at_;
  const Task *task_;
  const std::optional<VirtAddr> sp_;
  Crash &crash_;
  const uint64_t pageBytes_;
  const KernelRegion *region_;
  const bool isMapped_;
  AddressFacts facts_;
};

std::optional<VirtAddr> Classifier::address(llvm::StringRef name) const {
  if (std::optional<Symbol> symbol = kernel_.symbols().find(name))
    return symbol->address;
  return std::nullopt;
}

/// " (hex_asc+0x0/0x11)", or nothing.
std::string Classifier::symbol() {
  std::optional<AddressName> name = scene_.names().find(at_);
  // Where data has no names, the last of the text goes on over it.
  if (!name || name->symbol == "_etext")
    return "";
  return " (" + scene_.names().print(at_) + ")";
}

bool Classifier::isSpecial() {
  const uint64_t value = at_.value;
  if (value < pageBytes_)
    return say(What::NullPage,
               value ? "offset " + hex(value) + " from a null pointer"
                     : "a null pointer");
  if (value > ~maxErrno ||
      (kernel_.reader().wordBytes() == 4 && value > uint32_t(~maxErrno)))
    return say(What::ErrorPointer, "an error number as a pointer, " +
                                       llvm::Twine(int32_t(uint32_t(value))) +
                                       ", or an offset before null");
  const PagingMode &mode = kernel_.memory().mode();
  if (kernel_.image().arch->spacesOverlap)
    return isBeyondLimit();
  if (!mode.coverage.covers(at_) && !ofLowerRoot(mode).coverage.covers(at_))
    return say(What::NonCanonical,
               "not canonical: bits " +
                   llvm::Twine(unsigned(mode.virtualBits)) +
                   " and up are neither all clear nor all set");
  return false;
}

/// s390x: how deep its tables are is said by each root.
bool Classifier::isBeyondLimit() {
  const bool isUser = scene_.isUserAddress(at_);
  PagingMode mode = kernel_.memory().mode();
  if (isUser) {
    const auto root = task_ ? scene_.rootOf(*task_) : std::nullopt;
    if (!root)
      return false;
    mode = getTaskMode(kernel_.image(), kernel_.memory().physical(), *root);
  }
  if (mode.coverage.covers(at_))
    return false;
  return say(What::BeyondLimit,
             "beyond the limit of " +
                 llvm::Twine(isUser ? "the process's" : "the kernel's") +
                 " tables: their " + llvm::Twine(unsigned(mode.levelCount)) +
                 " levels translate up to " + hex(mode.coverage.last()));
}

bool Classifier::isUser() {
  if (!scene_.isUserAddress(at_))
    return false;
  const std::string half = kernel_.image().arch->spacesOverlap
                               ? "an address of user space"
                               : "an address of the user half";
  if (!task_ || !task_->mm.value)
    return say(at_.value < mmapMinAddress ? What::NullPage : What::User,
               at_.value < mmapMinAddress
                   ? "offset " + llvm::Twine(hex(at_)) +
                         " from a null pointer: no process maps so low"
                   : llvm::Twine(half));
  llvm::Expected<MapsReader> reader = MapsReader::create(kernel_);
  llvm::Expected<MapsListing> maps =
      reader ? reader->read(task_->mm)
             : llvm::Expected<MapsListing>(reader.takeError());
  if (!maps) {
    crash_.miss("areas-of-task",
                "memory areas of " + nameOf(*task_) +
                    " are not known: " + llvm::toString(maps.takeError()));
    return say(at_.value < mmapMinAddress ? What::NullPage : What::User, half);
  }
  for (const MapsRow &row : maps->rows)
    if (row.start <= at_ && at_ < row.end)
      return say(What::User, half + ", in the area " +
                                 rangeText(row.start, row.end) +
                                 (row.name.empty() ? "" : " " + row.name) +
                                 " of " + nameOf(*task_));
  if (at_.value < mmapMinAddress)
    return say(What::NullPage, "offset " + hex(at_) + " from a null pointer: " +
                                   nameOf(*task_) + " has no area there");
  return say(What::User, half + ", in no area of " + nameOf(*task_));
}

/// Below a stack there may be anything, the guard page of another area for one:
/// the stack overflowed only if its pointer is near its end.
bool Classifier::isStack() {
  const uint64_t size = scene_.stackBytes();
  for (const Task &task : scene_.tasks().tasks) {
    std::optional<VirtAddr> stack = scene_.stackOf(task);
    if (!stack)
      continue;
    const std::string range = rangeText(*stack, *stack + (size - 1));
    if (at_ - *stack < size)
      return say(What::KernelStack,
                 "the kernel stack " + range + " of " + nameOf(task));
    if (*stack - at_ > pageBytes_ || isMapped_)
      continue;
    const bool isOwn = !task_ || task_->address == task.address;
    const bool isNearEnd = sp_ && *sp_ - (*stack - pageBytes_) < 2 * pageBytes_;
    crash_.know("the kernel stack of " + nameOf(task) + " is " + range,
                "task_struct.stack; its size: " +
                    llvm::Twine(scene_.stackBytesSource()));
    if (isOwn && (isNearEnd || !sp_))
      return say(What::StackGuard, "the guard page below the kernel stack " +
                                       range + " of " + nameOf(task) + ", " +
                                       llvm::Twine(*stack - at_) +
                                       " bytes below it");
  }
  return false;
}

bool Classifier::isModule() {
  for (const Module &module : scene_.modules().modules) {
    const ModuleRange *range = module.findRange(at_);
    if (!range)
      continue;
    const std::string of = " of module " + module.name + symbol();
    switch (range->part) {
    case ModulePart::Text:
      return say(What::ModuleText, "text" + of);
    case ModulePart::Rodata:
    case ModulePart::RoAfterInit:
      return say(What::ModuleRodata, "read-only data" + of);
    case ModulePart::Data:
      return say(What::ModuleData, "data" + of);
    default:
      return say(What::ModuleInit,
                 "initialisation code or data" + of + ", which is freed");
    }
  }
  return false;
}

bool Classifier::isImage() {
  const std::optional<VirtAddr> start = address("_stext"),
                                end = address("_end"),
                                textEnd = address("_etext"),
                                rodata = address("__start_rodata"),
                                rodataEnd = address("__end_rodata");
  const bool inRuns =
      llvm::any_of(kernel_.image().imageRuns, [&](const MappedRun &run) {
        return at_ - run.start < run.size;
      });
  if (start && end ? !(*start <= at_ && at_ < *end) : !inRuns)
    return false;
  if (start && textEnd && *start <= at_ && at_ < *textEnd)
    return say(What::KernelText, "the kernel's text" + symbol());
  if (rodata && rodataEnd && *rodata <= at_ && at_ < *rodataEnd)
    return say(What::KernelRodata, "the kernel's read-only data" + symbol());
  const Translation found = kernel_.memory().find(at_);
  const PageRights rights = found.rights(kernel_.memory().mode());
  if (isMapped_ && !rights.writable) {
    crash_.know("the page is mapped read-only", "the kernel's own page tables");
    return rights.executable
               ? say(What::KernelText, "the kernel's text" + symbol())
               : say(What::KernelRodata,
                     "the kernel's read-only data" + symbol());
  }
  return say(What::KernelData, "the kernel's data" + symbol());
}

/// Where modules go, and none of them is there.
bool Classifier::isModuleSpace() {
  std::string near;
  if (!isInRegion(Region::Modules)) {
    if (!isInRegion(Region::Vmalloc))
      return false;
    for (const Module &module : scene_.modules().modules)
      if (at_ - module.base < moduleReach || module.base - at_ < moduleReach)
        near = module.name;
    if (near.empty())
      return false;
    crash_.know("the address is within 128M of module " + near +
                    ", so in the space of modules",
                "the list of modules");
  }
  if (isMapped_)
    return say(What::Modules, "the space of modules, in none of them");
  if (scene_.areas() && isAreaOf(*scene_.areas()) &&
      facts_.what != What::VmallocFreed)
    return true;
  const std::string &last = scene_.oopses().lastUnloadedModule;
  if (!last.empty())
    crash_.know("the module unloaded last is " + last, "the log");
  return say(What::ModuleFreed,
             "the space of modules, where no module is loaded" +
                 (last.empty() ? "" : "; " + last + " was unloaded last"));
}

/// In an area, its guard page, or one that waits to be unmapped.
bool Classifier::isAreaOf(const VmallocList &areas) {
  constexpr uint64_t noGuard = 0x40; ///< VM_NO_GUARD
  for (const VmallocArea &area : areas.areas) {
    if (at_ - area.start >= area.sizeBytes)
      continue;
    const VirtAddr last = area.start + (area.sizeBytes - 1);
    std::string text = rangeText(area.start, last);
    if (area.caller.value)
      text += " of " + scene_.names().print(area.caller);
    if (area.kind == VmallocArea::Lazy || area.kind == VmallocArea::None)
      return say(What::VmallocFreed,
                 "the vmalloc area " + text +
                     ", which was freed and waits to be unmapped");
    if (area.kind == VmallocArea::Struct && !(area.flags & noGuard) &&
        last - at_ < pageBytes_ && !isMapped_)
      return say(What::VmallocGuard,
                 "the guard page of the vmalloc area " + text);
    return say(What::VmallocArea, "the vmalloc area " + text);
  }
  return false;
}

/// Without the list of areas: a guard page is behind pages that are mapped.
bool Classifier::isGuardByTables() {
  const bool isBehindMapped =
      kernel_.memory().find(at_ - pageBytes_).isMapped();
  crash_.know(
      isBehindMapped
          ? "the page before is mapped, this one is not: what the guard "
            "page of an area looks like"
          : "neither this page nor the one before is mapped: no area "
            "ends here",
      "the kernel's own page tables, since not all vmalloc areas are known");
  return isBehindMapped;
}

bool Classifier::isVmalloc() {
  if (!isInRegion(Region::Vmalloc))
    return false;
  const auto &areas = scene_.areas();
  if (areas && isAreaOf(*areas))
    return true;
  if (areas && areas->isWhole()) {
    crash_.know("no vmalloc area has the address",
                "the kernel's list of " + llvm::Twine(areas->areas.size()) +
                    " areas");
    return isMapped_
               ? say(What::VmallocArea, "vmalloc space, mapped without an area")
               : say(What::VmallocFreed, "vmalloc space that no area has");
  }
  if (isMapped_)
    return say(What::VmallocArea, "vmalloc space, mapped");
  if (areas)
    crash_.miss("vmalloc-areas", "not all vmalloc areas are known: " +
                                     llvm::Twine(areas->problems.back()));
  else
    crash_.miss("vmalloc-areas", "vmalloc areas are not known: " +
                                     llvm::Twine(scene_.areasProblem()));
  return isGuardByTables()
             ? say(What::VmallocGuard, "the guard page behind a vmalloc area")
             : say(What::VmallocFreed, "vmalloc space that is not mapped");
}

bool Classifier::isDirectMap() {
  if (!isInRegion(Region::DirectMap))
    return false;
  const std::optional<DirectMap> &map = scene_.directMap();
  if (!map) {
    crash_.miss("direct-map", "where physical memory lies in the direct map is "
                              "not known: nothing is mapped there");
    return say(What::DirectMap, "the direct map");
  }
  const PhysAddr physical(at_.value - map->offset);
  bool isRam = false;
  uint64_t end = 0; // of what lies below
  for (const MemoryRange &range : kernel_.memory().physical().ranges()) {
    if (range.absence == Absence::OutsideRam)
      continue;
    isRam |= physical - range.start < range.size;
    if (range.start <= physical)
      end = range.start.value + range.size;
  }
  if (isRam)
    return say(What::DirectMap, "the direct map of physical " + hex(physical));
  crash_.know("physical " + hex(physical) +
                  " is no memory: that below ends at " + hex(end),
              "the dump's memory ranges");
  return say(What::DirectMapOutsideRam,
             "the direct map of physical " + hex(physical) +
                 ", where the machine has no memory, as far as the dump says");
}

bool Classifier::isVmemmap() {
  if (!isInRegion(Region::Vmemmap))
    return false;
  return isMapped_
             ? say(What::Vmemmap, "struct pages")
             : say(What::VmemmapHole, "vmemmap, where it has no struct pages");
}

bool Classifier::isRegion() {
  if (!region_)
    return false;
  const std::string name = getRegionName(region_->region).str();
  switch (region_->region) {
  case Region::KasanShadow:
    return say(What::KasanShadow, "KASAN's shadow of other memory");
  case Region::Fixmap:
    return say(What::Fixmap, "the fixmap");
  case Region::CpuEntryArea:
    return say(What::CpuEntryArea, "the CPU entry area");
  case Region::KernelImage:
    return say(What::OtherRegion, "beside the kernel's image");
  default:
    return say(What::OtherRegion, "the region " + name);
  }
}

} // namespace

void judgeSpace(const CrashScene &scene, llvm::StringRef source, Crash &crash) {
  if (!scene.kernel().image().arch->spacesOverlap)
    return;
  // What the kernel fetches is its own.
  if (crash.space == FaultSpace::Unknown &&
      crash.access == FaultAccess::Execute)
    crash.space = FaultSpace::Kernel;
  switch (crash.space) {
  case FaultSpace::Kernel:
    return crash.know("the address is of the kernel's own space", source);
  case FaultSpace::User:
    return crash.know("the address is of the process's space", source);
  case FaultSpace::Unknown:
    return crash.miss("address-space",
                      "nothing says whose address space " +
                          hex(*crash.address) +
                          " is of: it is taken for the kernel's");
  }
}

AddressFacts classifyAddress(CrashScene &scene, VirtAddr at, const Task *task,
                             std::optional<VirtAddr> sp, Crash &crash) {
  return Classifier(scene, at, task, sp, crash).classify();
}

} // namespace vmpt
