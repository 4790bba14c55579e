#include "analysis/PageDetails.h"

namespace vmpt {

namespace {

constexpr unsigned maxDepth = 256;
constexpr size_t maxNameBytes = 256;
constexpr unsigned maxNodes = 1024, maxZones = 16;
constexpr uint64_t mappingBits = 3;

} // namespace

llvm::StringRef getPageOwnerName(PageOwner owner) {
  switch (owner) {
  case PageOwner::None:
    return "none";
  case PageOwner::Anonymous:
    return "anonymous";
  case PageOwner::Ksm:
    return "ksm";
  case PageOwner::Movable:
    return "movable";
  case PageOwner::File:
    return "file";
  }
  return "none";
}

std::optional<Field>
PageExplorer::findField(llvm::StringRef type,
                        std::initializer_list<llvm::StringRef> names) const {
  auto [known, isNew] =
      fields_.try_emplace({type.data(), names.begin()->data()});
  if (isNew)
    known->second = findOptionalField(kernel_.types(), type, names);
  return known->second;
}

std::optional<uint64_t>
PageExplorer::number(VirtAddr object, llvm::StringRef type,
                     std::initializer_list<llvm::StringRef> names) const {
  std::optional<Field> field = findField(type, names);
  if (field && (!field->sizeBytes || field->sizeBytes > 8))
    field->sizeBytes = kernel_.reader().wordBytes();
  return kernel_.reader().tryNumber(object, field);
}

std::optional<std::string> PageExplorer::textAt(VirtAddr at) const {
  llvm::Expected<std::string> text =
      kernel_.memory().readString(at, maxNameBytes);
  if (text)
    return std::move(*text);
  llvm::consumeError(text.takeError());
  return std::nullopt;
}

void PageExplorer::findOwner(PageDetails &details) const {
  // Memory of slabs and page tables has other things in that place.
  const uint64_t mapping = details.facts.head.mapping;
  const uint64_t others = bit(KpfSlab) | bit(KpfPgTable) | bit(KpfBuddy) |
                          bit(KpfOffline) | bit(KpfReserved);
  if (!mapping || (details.flags & others))
    return;
  details.mapping = VirtAddr(mapping & ~mappingBits);
  constexpr PageOwner owners[] = {PageOwner::File, PageOwner::Anonymous,
                                  PageOwner::Movable, PageOwner::Ksm};
  details.owner = owners[mapping & mappingBits];
  // A page that was never any file's: what is left of another use.
  if (details.owner == PageOwner::File && details.facts.head.refCount == 0)
    details.owner = PageOwner::None;
}

std::string PageExplorer::pathOf(VirtAddr dentry, PageDetails &details) const {
  auto parent = findField("dentry", {"d_parent"});
  auto name = findField("dentry", {"d_name.name", "__d_name.name"});
  if (!parent || !name)
    return "";
  std::string path;
  for (unsigned depth = 0; depth < maxDepth; ++depth) {
    llvm::Expected<VirtAddr> above = kernel_.reader().pointer(dentry, *parent);
    llvm::Expected<VirtAddr> text = kernel_.reader().pointer(dentry, *name);
    if (!above || !text) {
      llvm::consumeError(above ? llvm::Error::success() : above.takeError());
      llvm::consumeError(text ? llvm::Error::success() : text.takeError());
      break;
    }
    if (*above == dentry)
      return path.empty() ? "/" : path;
    std::optional<std::string> word = textAt(*text);
    if (!word)
      break;
    path = "/" + *word + path;
    dentry = *above;
  }
  details.problems.push_back("the file's path could not be followed to the top "
                             "of its file system");
  return "(unreadable)" + path;
}

/// linux include/linux/fs.h: address_space.host, inode.i_dentry.
void PageExplorer::findFile(PageDetails &details) const {
  std::optional<uint64_t> host =
      number(details.mapping, "address_space", {"host"});
  if (!host) {
    details.problems.push_back("which file the page is of is unknown: struct "
                               "address_space is unknown or not in the dump");
    return;
  }
  if (!*host) // swap cache, and file systems' own
    return;
  const VirtAddr inode(*host);
  details.inode = inode;
  details.inodeNumber = number(inode, "inode", {"i_ino"});
  if (auto super = number(inode, "inode", {"i_sb"}))
    if (auto device = number(VirtAddr(*super), "super_block", {"s_dev"}))
      details.device = uint32_t(*device);
  auto alias = findField("dentry", {"d_u.d_alias", "d_alias"});
  std::optional<uint64_t> first =
      number(inode, "inode", {"i_dentry.first", "i_dentry"});
  if (alias && first && *first)
    details.path = pathOf(VirtAddr(*first - alias->offset), details);
}

/// page->index counts pages from the start of the file; of hugetlbfs before
/// 6.8, huge pages.
void PageExplorer::findOffset(PageDetails &details) const {
  const PageLayout &layout = flags_.layout();
  if (!layout.index) {
    details.problems.push_back("the page's offset is unknown: where struct "
                               "page has it is");
    return;
  }
  llvm::Expected<uint64_t> index =
      kernel_.reader().word(details.facts.head.address + *layout.index);
  if (!index)
    return llvm::consumeError(index.takeError());
  const unsigned shift = kernel_.image().mode.pageShift;
  uint64_t pages = *index;
  if (details.facts.isHugetlb &&
      kernel_.image().version() < KernelVersion{6, 8})
    pages <<= std::min(details.facts.order, 32u);
  pages += details.facts.frame - details.facts.headFrame;
  details.fileOffset = pages << shift;
}

/// linux mm/mmzone.c: contig_page_data, or node_data[] by the node's number;
/// nr_node_ids says how many there can be.
std::vector<std::pair<uint32_t, VirtAddr>> PageExplorer::listNodes() const {
  std::vector<std::pair<uint32_t, VirtAddr>> nodes;
  if (auto only = kernel_.symbols().find("contig_page_data"))
    return {{0, only->address}};
  auto list = kernel_.symbols().find("node_data");
  if (!list)
    return nodes;
  std::optional<uint64_t> count;
  if (auto ids = kernel_.symbols().find("nr_node_ids"))
    count = kernel_.reader().tryNumber(ids->address, Field{0, 4});
  const unsigned word = kernel_.reader().wordBytes();
  for (unsigned i = 0;
       i < std::min<uint64_t>(count.value_or(maxNodes), maxNodes); ++i) {
    auto node =
        kernel_.reader().tryNumber(list->address + i * word, Field{0, word});
    if (node && *node)
      nodes.push_back({i, VirtAddr(*node)});
    else if (!node || !count)
      break;
  }
  return nodes;
}

PageExplorer::Zones PageExplorer::readZones() const {
  Zones found;
  const TypeSources &types = kernel_.types();
  auto zones = findOptionalField(types, "pglist_data", {"node_zones"});
  auto start = findOptionalField(types, "zone", {"zone_start_pfn"});
  llvm::Expected<uint64_t> zoneBytes = types.getSizeBytes("zone");
  if (!zones || !start || !zoneBytes || !*zoneBytes) {
    llvm::consumeError(zoneBytes.takeError());
    found.problem = "node and zone are unknown: struct zone is";
    return found;
  }
  // VMCOREINFO and --offset say where an array starts, not where it ends.
  const uint64_t zoneCount =
      zones->sizeBytes ? zones->sizeBytes / *zoneBytes : maxZones;
  const auto nodes = listNodes();
  bool wereRead = !nodes.empty();
  for (const auto &[nodeNumber, node] : nodes)
    for (unsigned i = 0; i < std::min<uint64_t>(zoneCount, maxZones); ++i) {
      const VirtAddr zone = node + zones->offset + i * *zoneBytes;
      auto first = number(zone, "zone", {"zone_start_pfn"});
      auto count = number(zone, "zone", {"spanned_pages"});
      wereRead &= first && count;
      if (first && count && *count)
        found.zones.push_back({*first, *count, nodeNumber, zone});
    }
  if (!wereRead)
    found.problem = "node and zone are unknown: not all zones could be read";
  return found;
}

const PageExplorer::Zones &PageExplorer::zones() {
  if (!zones_)
    zones_ = readZones();
  return *zones_;
}

/// By the ranges of zones: which bits of page->flags name them depends on the
/// configuration.
const PageExplorer::Zone *PageExplorer::findZoneOf(uint64_t frame) {
  for (const Zone &zone : zones().zones)
    if (frame >= zone.firstFrame && frame - zone.firstFrame < zone.frameCount)
      return &zone;
  return nullptr;
}

std::optional<uint32_t> PageExplorer::nodeOf(uint64_t frame) {
  const Zone *zone = findZoneOf(frame);
  return zone ? std::optional<uint32_t>(zone->node) : std::nullopt;
}

void PageExplorer::findZone(PageDetails &details) {
  if (const Zone *zone = findZoneOf(details.facts.frame)) {
    details.node = zone->node;
    if (auto name = number(zone->address, "zone", {"name"}))
      details.zone = textAt(VirtAddr(*name)).value_or("");
  } else if (!zones().problem.empty()) {
    details.problems.push_back(zones().problem); // frame 0 of a PC lies in none
  }
}

/// linux include/linux/memcontrol.h page_memcg(): page->memcg_data (5.11) with
/// flags in its low bits. A page of the kernel's own has its obj_cgroup there.
std::optional<uint64_t>
PageExplorer::memcgOf(const PageDetails &details) const {
  constexpr uint64_t ofSlabObjects = 1, ofKernel = 2, flags = 3;
  const PageLayout &layout = flags_.layout();
  llvm::Expected<uint64_t> data =
      kernel_.reader().word(details.facts.head.address + *layout.memcg);
  if (!data) {
    llvm::consumeError(data.takeError());
    return std::nullopt;
  }
  if (*data & ofSlabObjects)
    return 0;
  if (*data & ofKernel)
    return number(VirtAddr(*data & ~flags), "obj_cgroup", {"memcg"});
  return *data;
}

/// kernfs_node names from the cgroup up.
void PageExplorer::findCgroup(PageDetails &details) const {
  if (!flags_.layout().memcg) {
    // No such member, or no struct layouts at all.
    if (!kernel_.types().hasMember("list_head", "next"))
      details.problems.push_back("the cgroup is unknown: struct page is known "
                                 "by VMCOREINFO alone; pass --vmlinux");
    return;
  }
  if (details.facts.isSlab)
    return;
  const std::optional<uint64_t> memcg = memcgOf(details);
  if (memcg && !*memcg)
    return;
  std::optional<uint64_t> node;
  if (memcg) {
    details.memcg = VirtAddr(*memcg);
    if (auto cgroup = number(*details.memcg, "mem_cgroup", {"css.cgroup"}))
      node = number(VirtAddr(*cgroup), "cgroup", {"kn"});
  }
  std::string path;
  for (unsigned depth = 0; node && *node && depth < maxDepth; ++depth) {
    auto parent =
        number(VirtAddr(*node), "kernfs_node", {"__parent", "parent"});
    auto name = number(VirtAddr(*node), "kernfs_node", {"name"});
    if (!parent || !name)
      break;
    if (!*parent) {
      details.cgroup = path.empty() ? "/" : path;
      return;
    }
    std::optional<std::string> text = textAt(VirtAddr(*name));
    if (!text)
      break;
    path = "/" + *text + path;
    node = parent;
  }
  details.problems.push_back("the path of its cgroup could not be followed");
}

PageDetails PageExplorer::explore(uint64_t frame) {
  PageDetails details;
  details.facts = flags_.look(frame);
  details.flags = flags_.flags(details.facts);
  if (details.facts.state != PageFacts::State::Known)
    return details;
  details.mapCount = flags_.mapCount(details.facts);
  findOwner(details);
  if (details.owner == PageOwner::File)
    findFile(details);
  if (details.owner == PageOwner::File || details.owner == PageOwner::Anonymous)
    findOffset(details);
  findZone(details);
  findCgroup(details);
  return details;
}

} // namespace vmpt
