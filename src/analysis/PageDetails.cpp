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

std::optional<uint64_t>
PageExplorer::number(VirtAddr object, llvm::StringRef type,
                     std::initializer_list<llvm::StringRef> names) const {
  std::optional<Field> field = findOptionalField(kernel_.types(), type, names);
  if (field && (!field->sizeBytes || field->sizeBytes > 8))
    field->sizeBytes = kernel_.reader().wordBytes();
  return kernel_.reader().tryNumber(object, field);
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
  const TypeSources &types = kernel_.types();
  auto parent = findOptionalField(types, "dentry", {"d_parent"});
  auto name =
      findOptionalField(types, "dentry", {"d_name.name", "__d_name.name"});
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
    llvm::Expected<std::string> word =
        kernel_.memory().readString(*text, maxNameBytes);
    if (!word) {
      llvm::consumeError(word.takeError());
      break;
    }
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
  const TypeSources &types = kernel_.types();
  auto alias = findOptionalField(types, "dentry", {"d_u.d_alias", "d_alias"});
  std::optional<uint64_t> first =
      number(inode, "inode", {"i_dentry.first", "i_dentry"});
  if (alias && first && *first)
    details.path = pathOf(VirtAddr(*first - alias->offset), details);
}

/// page->index counts pages from the start of the file; of hugetlbfs before
/// 6.8, huge pages.
void PageExplorer::findOffset(PageDetails &details) const {
  const PageLayout &layout = flags_.layout();
  if (!layout.index)
    return;
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

/// By the ranges of zones: which bits of page->flags name them depends on the
/// configuration.
void PageExplorer::findZone(PageDetails &details) const {
  const TypeSources &types = kernel_.types();
  auto zones = findOptionalField(types, "pglist_data", {"node_zones"});
  llvm::Expected<uint64_t> zoneBytes = types.getSizeBytes("zone");
  if (!zones || !zoneBytes || !*zoneBytes) {
    if (!zoneBytes)
      llvm::consumeError(zoneBytes.takeError());
    details.problems.push_back("node and zone are unknown: struct zone is");
    return;
  }
  std::vector<VirtAddr> nodes;
  const unsigned word = kernel_.reader().wordBytes();
  if (auto only = kernel_.symbols().find("contig_page_data"))
    nodes.push_back(only->address);
  else if (auto list = kernel_.symbols().find("node_data"))
    for (unsigned i = 0; i < maxNodes; ++i) {
      auto node =
          kernel_.reader().tryNumber(list->address + i * word, Field{0, word});
      if (!node || !*node)
        break;
      nodes.push_back(VirtAddr(*node));
    }
  const uint64_t frame = details.facts.frame;
  for (size_t node = 0; node < nodes.size(); ++node)
    for (unsigned i = 0; i < maxZones && zones->offset + (i + 1) * *zoneBytes <=
                                             zones->offset + zones->sizeBytes;
         ++i) {
      const VirtAddr zone = nodes[node] + zones->offset + i * *zoneBytes;
      auto first = number(zone, "zone", {"zone_start_pfn"});
      auto count = number(zone, "zone", {"spanned_pages"});
      if (!first || !count || frame < *first || frame - *first >= *count)
        continue;
      details.node = uint32_t(node);
      if (auto name = number(zone, "zone", {"name"})) {
        llvm::Expected<std::string> text =
            kernel_.memory().readString(VirtAddr(*name), 32);
        if (text)
          details.zone = *text;
        else
          llvm::consumeError(text.takeError());
      }
      return;
    }
}

/// linux include/linux/memcontrol.h: page->memcg_data (5.11), mem_cgroup;
/// kernfs_node names from the cgroup up.
void PageExplorer::findCgroup(PageDetails &details) const {
  const PageLayout &layout = flags_.layout();
  if (!layout.memcg || details.facts.isSlab)
    return;
  llvm::Expected<uint64_t> data =
      kernel_.reader().word(details.facts.head.address + *layout.memcg);
  if (!data)
    return llvm::consumeError(data.takeError());
  // MEMCG_DATA_KMEM: an obj_cgroup stands there instead; flags are below 4.
  if (!(*data & ~uint64_t(3)) || (*data & 3))
    return;
  details.memcg = VirtAddr(*data);
  auto cgroup = number(*details.memcg, "mem_cgroup", {"css.cgroup"});
  auto node = cgroup ? number(VirtAddr(*cgroup), "cgroup", {"kn"})
                     : std::optional<uint64_t>();
  std::string path;
  for (unsigned depth = 0; node && *node && depth < maxDepth; ++depth) {
    auto parent =
        number(VirtAddr(*node), "kernfs_node", {"__parent", "parent"});
    auto name = number(VirtAddr(*node), "kernfs_node", {"name"});
    if (!parent || !name)
      return;
    if (!*parent) {
      details.cgroup = path.empty() ? "/" : path;
      return;
    }
    llvm::Expected<std::string> text =
        kernel_.memory().readString(VirtAddr(*name), maxNameBytes);
    if (!text)
      return llvm::consumeError(text.takeError());
    path = "/" + *text + path;
    node = parent;
  }
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
