#include "kernel/areas/Vmalloc.h"

#include "kernel/areas/LearnedVmalloc.h"
#include "kernel/areas/VmapNodes.h"
#include "kernel/context/FieldTable.h"
#include "kernel/context/ListWalk.h"
#include "kernel/context/Problems.h"

#include <unordered_set>

namespace vmpt {

namespace {

/// 128 TiB of areas of two pages would be more; no machine has a millionth.
constexpr size_t maxAreas = 1 << 24;
/// MAX_NUMNODES of x86 and arm64, as it can be configured, is at most 1024.
constexpr uint64_t maxNodes = 1 << 16;

class VmallocReader {
public:
  VmallocReader(const SymbolSources &symbols, const TypeSources &types,
                const StructReader &reader)
      : symbols_(symbols), types_(types), reader_(reader) {}

  llvm::Error findMembers();
  llvm::Error readAreas();
  VmallocList take();

private:
  llvm::Error readNodes();
  void readPurgeList();
  void readList(VirtAddr head, bool isLazy, const llvm::Twine &what);
  void add(VirtAddr at, bool isLazy);
  void markVmallocedPages();
  bool mayHaveNodes() const;
  bool hasOneNode() const;
  llvm::Expected<VmallocArea> readArea(VirtAddr at, bool isLazy) const;
  llvm::Error readStruct(VirtAddr at, VmallocArea &area) const;

  const SymbolSources &symbols_;
  const TypeSources &types_;
  const StructReader &reader_;
  Field areaStart_, areaEnd_, areaList_;
  std::optional<Field> areaStruct_, areaFlags_, purgeList_;
  Field address_, size_, flags_, pageCount_, physical_, caller_, pages_;
  std::optional<Field> pageOrder_;
  VmallocList list_;
  Problems problems_;
};

llvm::Error VmallocReader::findMembers() {
  const WantedField wanted[] = {
      {&areaStart_, "vmap_area", {"va_start"}},
      {&areaEnd_, "vmap_area", {"va_end"}},
      {&areaList_, "vmap_area", {"list"}},
      {&address_, "vm_struct", {"addr"}},
      {&size_, "vm_struct", {"size"}},
      {&flags_, "vm_struct", {"flags"}},
      {&pageCount_, "vm_struct", {"nr_pages"}},
      {&physical_, "vm_struct", {"phys_addr"}},
      {&caller_, "vm_struct", {"caller"}},
      {&pages_, "vm_struct", {"pages"}},
  };
  if (llvm::Error error = findFields(types_, wanted))
    return error;
  areaStruct_ = findOptionalField(types_, "vmap_area", {"vm", "private"});
  areaFlags_ = findOptionalField(types_, "vmap_area", {"flags"});
  purgeList_ = findOptionalField(types_, "vmap_area", {"purge_list"});
  pageOrder_ = findOptionalField(types_, "vm_struct", {"page_order"});
  if (physical_.sizeBytes)
    list_.physicalDigits = unsigned(2 * physical_.sizeBytes);
  if (mayHaveNodes())
    list_.hasOneNode = hasOneNode();
  return llvm::Error::success();
}

/// CONFIG_NUMA, by a member or a function that only such kernels have; without
/// types and symbols, nobody knows.
bool VmallocReader::mayHaveNodes() const {
  if (types_.hasMember("list_head", "next"))
    return types_.hasMember("vm_area_struct", "vm_policy");
  return symbols_.find("numa_default_policy") || !symbols_.find("vfs_read");
}

/// True if no node but 0 is online, by VMCOREINFO's node_online_map; or if
/// there can be no other.
bool VmallocReader::hasOneNode() const {
  if (auto count = symbols_.find("nr_node_ids"))
    if (reader_.tryNumber(count->address, Field{0, 4}) == 1)
      return true;
  auto map = symbols_.find("node_online_map");
  llvm::Expected<uint64_t> bytes = types_.getSizeBytes("nodemask_t");
  if (!map || !bytes || *bytes > maxNodes / 8) {
    if (!bytes)
      llvm::consumeError(bytes.takeError());
    return false;
  }
  for (uint64_t at = 0; at < *bytes; at += reader_.wordBytes())
    if (reader_.tryNumber(map->address + at, Field{0, reader_.wordBytes()}) !=
        (at ? 0u : 1u))
      return false;
  return true;
}

llvm::Error VmallocReader::readStruct(VirtAddr at, VmallocArea &area) const {
  uint64_t pages = 0;
  const std::pair<const Field *, uint64_t *> members[] = {
      {&address_, &area.start.value},
      {&size_, &area.sizeBytes},
      {&flags_, &area.flags},
      {&caller_, &area.caller.value},
      {&pageCount_, &area.pageCount},
      {&physical_, &area.physical.value},
      {&pages_, &pages},
  };
  for (const auto &[field, value] : members) {
    llvm::Expected<uint64_t> number = reader_.number(at, *field);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  area.pageOrder = reader_.tryNumber(at, pageOrder_).value_or(0);
  area.pages = VirtAddr(pages);
  return llvm::Error::success();
}

llvm::Expected<VmallocArea> VmallocReader::readArea(VirtAddr at,
                                                    bool isLazy) const {
  VmallocArea area;
  llvm::Expected<VirtAddr> start = reader_.pointer(at, areaStart_);
  if (!start)
    return start.takeError();
  llvm::Expected<VirtAddr> end = reader_.pointer(at, areaEnd_);
  if (!end)
    return end.takeError();
  if (*end <= *start)
    return llvm::make_error<FormatError>("it goes from " + hex(*start) +
                                         " to " + hex(*end));
  area.start = *start;
  area.sizeBytes = *end - *start;
  area.kind = isLazy ? VmallocArea::Lazy : VmallocArea::MapRam;
  std::optional<uint64_t> structure = reader_.tryNumber(at, areaStruct_);
  if (!isLazy && structure && *structure) {
    area.kind = VmallocArea::Struct;
    if (llvm::Error error = readStruct(VirtAddr(*structure), area))
      return error;
    return area;
  }
  std::optional<uint64_t> flags = reader_.tryNumber(at, areaFlags_);
  if (isLazy || !flags)
    return area;
  // Up to 5.3 VM_LAZY_FREE is 2 and such areas stay on the list; since 6.3
  // VMAP_RAM is 1, and what has neither is being taken down.
  if (purgeList_ && *flags & 2)
    area.kind = VmallocArea::Lazy;
  else if (!purgeList_ && !(*flags & 1))
    area.kind = VmallocArea::None;
  return area;
}

void VmallocReader::add(VirtAddr at, bool isLazy) {
  llvm::Expected<VmallocArea> area = readArea(at, isLazy);
  if (!area)
    problems_.add("no vmalloc area at " + hex(at) + ": " +
                  llvm::toString(area.takeError()));
  else if (area->kind != VmallocArea::None)
    list_.areas.push_back(*area);
}

void VmallocReader::readList(VirtAddr head, bool isLazy,
                             const llvm::Twine &what) {
  ListMembers members = followList(reader_, head, maxAreas, what);
  for (const std::string &problem : members.problems)
    problems_.add(problem);
  for (VirtAddr link : members.links)
    add(link - areaList_.offset, isLazy);
}

/// Since 6.9: the busy lists of all nodes, then their lazy ones.
llvm::Error VmallocReader::readNodes() {
  Field busy, lazy;
  const WantedField wanted[] = {{&busy, "vmap_node", {"busy.head"}},
                                {&lazy, "vmap_node", {"lazy.head"}}};
  if (llvm::Error error = findFields(types_, wanted))
    return error;
  llvm::Expected<uint64_t> bytes = types_.getSizeBytes("vmap_node");
  if (!bytes)
    return bytes.takeError();
  llvm::Expected<VmapNodeArray> nodes = findVmapNodes(symbols_, reader_);
  if (!nodes)
    return nodes.takeError();
  if (nodes->count > maxNodes)
    return llvm::make_error<FormatError>("nr_vmap_nodes is " +
                                         hex(nodes->count) +
                                         ", which is more than any kernel has");
  for (const auto &[field, isLazy] :
       {std::pair(busy, false), std::pair(lazy, true)})
    for (uint64_t i = 0; i < nodes->count; ++i)
      readList(nodes->first + i * *bytes + field.offset, isLazy,
               "the list of vmalloc areas of node " + llvm::Twine(i));
  return llvm::Error::success();
}

/// A list of its own since 5.11; from 5.4 to 5.10 a chain of llist_nodes.
void VmallocReader::readPurgeList() {
  if (auto head = symbols_.find("purge_vmap_area_list"))
    return readList(head->address, true, "the list of lazily freed areas");
  auto first = symbols_.find("vmap_purge_list");
  list_.lacksLazyAreas = !first || !purgeList_;
  if (list_.lacksLazyAreas)
    return problems_.add("areas that are freed and not yet unmapped are not "
                         "listed: no symbol names their list");
  llvm::Expected<uint64_t> at = reader_.word(first->address);
  std::unordered_set<uint64_t> seen;
  while (at && *at) {
    if (!seen.insert(*at).second || seen.size() > maxAreas)
      return problems_.add("the chain of lazily freed areas does not end: " +
                           hex(*at) + " comes again");
    add(VirtAddr(*at) - purgeList_->offset, true);
    at = reader_.word(VirtAddr(*at));
  }
  if (!at)
    problems_.add("the chain of lazily freed areas is broken: " +
                  llvm::toString(at.takeError()));
}

llvm::Error VmallocReader::readAreas() {
  if (hasVmapNodes(symbols_))
    return readNodes();
  llvm::Expected<Symbol> head = symbols_.get("vmap_area_list");
  if (!head)
    return head.takeError();
  readList(head->address, false, "the list of vmalloc areas");
  // Before 5.4 they are on the same list.
  if (!(purgeList_ && areaFlags_))
    readPurgeList();
  return llvm::Error::success();
}

/// is_vmalloc_addr(vm_struct.pages): what vmalloc gave is an area, too.
void VmallocReader::markVmallocedPages() {
  std::vector<std::pair<uint64_t, uint64_t>> ranges; // start, size
  for (const VmallocArea &area : list_.areas)
    ranges.push_back({area.start.value, area.sizeBytes});
  llvm::sort(ranges);
  for (VmallocArea &area : list_.areas) {
    auto after = llvm::partition_point(ranges, [&](const auto &range) {
      return range.first <= area.pages.value;
    });
    area.hasVmallocedPages =
        area.pages.value && after != ranges.begin() &&
        area.pages.value - std::prev(after)->first < std::prev(after)->second;
  }
}

VmallocList VmallocReader::take() {
  markVmallocedPages();
  list_.problems = problems_.take();
  return std::move(list_);
}

} // namespace

llvm::Expected<VmallocList> readVmallocList(const SymbolSources &symbols,
                                            const TypeSources &types,
                                            const StructReader &reader) {
  VmallocReader areas(symbols, types, reader);
  if (llvm::Error error = areas.findMembers())
    return error;
  if (llvm::Error error = areas.readAreas())
    return error;
  return areas.take();
}

llvm::Expected<VmallocList> readVmallocList(const Kernel &kernel) {
  if (kernel.types().hasMember("vm_struct", "addr"))
    return readVmallocList(kernel.symbols(), kernel.types(), kernel.reader());
  llvm::Expected<LearnedPlaces> learned = learnVmalloc(kernel);
  if (!learned)
    return learned.takeError();
  TypeSources types = kernel.types();
  types.add(*learned);
  llvm::Expected<VmallocList> list =
      readVmallocList(kernel.symbols(), types, kernel.reader());
  if (list)
    list->learnedFrom = learned->describe();
  return list;
}

} // namespace vmpt
