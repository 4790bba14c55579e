#include "kernel/areas/LearnedVmalloc.h"

#include "kernel/areas/LearnedVmapNodes.h"
#include "kernel/areas/Vmalloc.h"
#include "kernel/areas/VmapNodes.h"
#include "kernel/context/ListWalk.h"
#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

constexpr size_t maxAreas = 1 << 20;
/// A few areas could fit by chance.
constexpr size_t leastAreas = 8;
/// As many as are looked at: more say no more.
constexpr size_t mostAreas = 4096;

class VmallocLearner {
public:
  explicit VmallocLearner(const Kernel &kernel)
      : kernel_(kernel), reader_(kernel.reader()),
        word_(kernel.reader().wordBytes()),
        pageBytes_(bit(kernel.image().mode.pageShift)),
        lowest_(firstKernelPointer(kernel.image())) {}

  llvm::Expected<LearnedPlaces> learn();

private:
  /// linux v5.4, v6.18 include/linux/vmalloc.h struct vm_struct: next, addr,
  /// size, flags, pages, page_order (CONFIG_HAVE_ARCH_HUGE_VMALLOC),
  /// nr_pages, phys_addr, caller.
  struct Shape {
    bool hasOrder = false;
    uint64_t physicalBytes = 8;
    uint64_t pageCount = 0, physical = 0, caller = 0; ///< Offsets.
  };
  struct Area {
    VirtAddr start, end, structure;
  };

  llvm::Error findHeads();
  llvm::Error readAreas(uint64_t listOffset);
  std::vector<Shape> makeShapes() const;
  bool fits(const Shape &shape, const Area &area) const;
  bool fitsAll(const Shape &shape) const;
  bool isCode(uint64_t at) const;
  LearnedPlaces makePlaces(const Shape &shape, uint64_t listOffset) const;

  const Kernel &kernel_;
  const StructReader &reader_;
  const uint64_t word_, pageBytes_;
  const VirtAddr lowest_;
  std::optional<LearnedVmapNodes> nodes_; ///< Since 6.9.
  std::vector<VirtAddr> heads_;
  std::vector<Area> areas_; ///< Those with a vm_struct.
};

/// One list, or since 6.9 one of each node.
llvm::Error VmallocLearner::findHeads() {
  if (hasVmapNodes(kernel_.symbols())) {
    llvm::Expected<LearnedVmapNodes> nodes = learnVmapNodes(kernel_);
    if (!nodes)
      return nodes.takeError();
    nodes_ = *nodes;
    for (uint64_t i = 0; i < nodes_->count; ++i)
      heads_.push_back(nodes_->first + i * nodes_->bytes + nodes_->busyHead);
    return llvm::Error::success();
  }
  const std::optional<Symbol> head = kernel_.symbols().find("vmap_area_list");
  if (!head)
    return llvm::make_error<LookupError>(
        "no symbol names vmap_area_list or vmap_nodes");
  heads_ = {head->address};
  return llvm::Error::success();
}

llvm::Error VmallocLearner::readAreas(uint64_t listOffset) {
  const Field word{0, unsigned(word_)};
  std::vector<VirtAddr> links;
  for (VirtAddr head : heads_)
    if (links.size() < maxAreas)
      llvm::append_range(links, followList(reader_, head, maxAreas,
                                           "the list of vmalloc areas")
                                    .links);
  for (VirtAddr link : links) {
    if (areas_.size() == mostAreas)
      break;
    const VirtAddr at = link - listOffset;
    auto start = reader_.tryNumber(at, word);
    auto end = reader_.tryNumber(at + word_, word);
    auto structure = reader_.tryNumber(link + 2 * word_, word);
    if (!start || !end || !structure || *start >= *end)
      return llvm::make_error<LookupError>(
          "what is on the list of vmalloc areas at " + hex(at) + " is none");
    if (*structure)
      areas_.push_back(
          {VirtAddr(*start), VirtAddr(*end), VirtAddr(*structure)});
  }
  return llvm::Error::success();
}

std::vector<VmallocLearner::Shape> VmallocLearner::makeShapes() const {
  std::vector<Shape> shapes;
  for (bool hasOrder : {false, true})
    for (uint64_t physicalBytes : {4, 8}) {
      if (physicalBytes < word_)
        continue;
      Shape shape{hasOrder, physicalBytes};
      shape.pageCount = 5 * word_ + (hasOrder ? 4 : 0);
      // u64 is aligned to a word: to 4 bytes on i386.
      shape.physical = alignUp(shape.pageCount + 4, word_);
      shape.caller = shape.physical + physicalBytes;
      shapes.push_back(shape);
    }
  return shapes;
}

bool VmallocLearner::isCode(uint64_t at) const {
  auto isIn = [&](Region region) {
    const KernelRegion *found = kernel_.image().findRegion(region);
    return found && found->contains(VirtAddr(at));
  };
  return isIn(Region::KernelImage) || isIn(Region::Modules) ||
         llvm::any_of(kernel_.image().imageRuns,
                      [&](const MappedRun &run) {
                        return at - run.start.value < run.size;
                      }) ||
         // Where modules have no region of their own, or overflow it.
         llvm::any_of(areas_, [&](const Area &area) {
           return area.start.value <= at && at < area.end.value;
         });
}

bool VmallocLearner::fits(const Shape &shape, const Area &area) const {
  auto number = [&](uint64_t offset, uint64_t bytes) {
    return reader_.tryNumber(area.structure, Field{offset, bytes});
  };
  const auto address = number(word_, word_), size = number(2 * word_, word_),
             flags = number(3 * word_, word_), pages = number(4 * word_, word_),
             pageCount = number(shape.pageCount, 4),
             physical = number(shape.physical, shape.physicalBytes),
             caller = number(shape.caller, word_);
  if (!address || !size || !flags || !pages || !pageCount || !physical ||
      !caller)
    return false;
  // arm64 has the pieces of the kernel's image here, as VM_MAP.
  const bool hasPhysical = *flags & (VmIoremap | VmMap);
  // A guard page and, of huge pages, the rest of the last one are not counted.
  return *address == area.start.value && *size == area.end - area.start &&
         (!*pageCount || *pages) && *pageCount <= *size / pageBytes_ &&
         (hasPhysical || !*physical) && *physical % pageBytes_ == 0 &&
         (!*caller || VirtAddr(*caller) >= lowest_);
}

/// Not all can be without pages, and most have a caller in code that is still
/// there (a module's init is freed): padding would fit otherwise.
bool VmallocLearner::fitsAll(const Shape &shape) const {
  bool hasPages = false;
  size_t callers = 0;
  for (const Area &area : areas_) {
    if (!fits(shape, area))
      return false;
    const uint64_t count =
        reader_.tryNumber(area.structure, Field{shape.pageCount, 4})
            .value_or(0);
    callers +=
        isCode(reader_.tryNumber(area.structure, Field{shape.caller, word_})
                   .value_or(0));
    hasPages |= count && (count + 1) * pageBytes_ == area.end - area.start;
  }
  return hasPages && callers > areas_.size() / 2;
}

LearnedPlaces VmallocLearner::makePlaces(const Shape &shape,
                                         uint64_t listOffset) const {
  LearnedPlaces places("learned from the " + std::to_string(areas_.size()) +
                       " vmalloc areas in memory");
  places.put("vmap_area.va_start", 0, word_);
  places.put("vmap_area.va_end", word_, word_);
  places.put("vmap_area.list", listOffset, 2 * word_);
  places.put("vmap_area.vm", listOffset + 2 * word_, word_);
  // "mm: vmalloc: add flags to mark vm_map_ram area" (6.3)
  if (kernel_.image().version() >= KernelVersion{6, 3})
    places.put("vmap_area.flags", listOffset + 3 * word_, word_);
  const char *words[] = {"vm_struct.next", "vm_struct.addr", "vm_struct.size",
                         "vm_struct.flags", "vm_struct.pages"};
  for (unsigned i = 0; i < std::size(words); ++i)
    places.put(words[i], i * word_, word_);
  if (shape.hasOrder)
    places.put("vm_struct.page_order", 5 * word_, 4);
  places.put("vm_struct.nr_pages", shape.pageCount, 4);
  places.put("vm_struct.phys_addr", shape.physical, shape.physicalBytes);
  places.put("vm_struct.caller", shape.caller, word_);
  if (nodes_) {
    places.putSize("vmap_node", nodes_->bytes);
    places.put("vmap_node.busy.head", nodes_->busyHead, 2 * word_);
    places.put("vmap_node.lazy.head", nodes_->lazyHead, 2 * word_);
  }
  return places;
}

llvm::Expected<LearnedPlaces> VmallocLearner::learn() {
  auto unknown = [&](const llvm::Twine &why) {
    return llvm::make_error<LookupError>(
        "struct vm_struct is unknown, and " + why + " (tried " +
        kernel_.types().describe() + "); pass --vmlinux or --btf");
  };
  const auto list = findOptionalField(kernel_.types(), "vmap_area", {"list"});
  const uint64_t listOffset = list ? list->offset : 5 * word_;
  if (listOffset != 5 * word_)
    return unknown(
        "struct vmap_area is that of another time than 5.4 and later");
  if (llvm::Error error = findHeads())
    return unknown(llvm::toString(std::move(error)));
  if (llvm::Error error = readAreas(listOffset))
    return error;
  if (areas_.size() < leastAreas)
    return unknown("there are only " + llvm::Twine(areas_.size()) +
                   " areas to learn it from");
  std::vector<Shape> found;
  for (const Shape &shape : makeShapes())
    if (fitsAll(shape))
      found.push_back(shape);
  if (found.size() == 1)
    return makePlaces(found.front(), listOffset);
  return unknown(llvm::Twine(found.size()) + " layouts fit all " +
                 llvm::Twine(areas_.size()) + " areas");
}

} // namespace

llvm::Expected<LearnedPlaces> learnVmalloc(const Kernel &kernel) {
  return VmallocLearner(kernel).learn();
}

} // namespace vmpt
