//===- PageDetails.h - all that is known of one page frame ----------------===//
#pragma once

#include "analysis/ReverseMap.h"
#include "kernel/pages/PageFlags.h"

#include <map>

namespace vmpt {

/// Whose page it is, by page->mapping. linux include/linux/page-flags.h
/// PAGE_MAPPING_*.
enum class PageOwner : uint8_t {
  None,
  Anonymous,
  Ksm,
  Movable, ///< Of a driver that can move it.
  File,
};
llvm::StringRef getPageOwnerName(PageOwner owner);

/// One of the places where a page is mapped.
struct PageMapping {
  ReverseMapOwner owner;
  Mapping mapping;
  Translation way; ///< The entries that lead there.
};

struct PageDetails {
  PageFacts facts;
  uint64_t flags = 0; ///< As in /proc/kpageflags.
  int32_t mapCount = 0;
  PageOwner owner = PageOwner::None;
  /// anon_vma, stable_node or address_space, without the bits that tell.
  VirtAddr mapping;
  std::optional<VirtAddr> inode;
  std::optional<uint64_t> inodeNumber;
  std::optional<uint32_t> device; ///< major << 20 | minor
  /// Within its file system, which can be mounted anywhere.
  std::string path;
  std::optional<uint64_t> fileOffset; ///< Bytes.
  std::optional<uint32_t> node;
  std::string zone;
  std::optional<VirtAddr> memcg;
  std::string cgroup;                ///< Its path in the hierarchy.
  std::vector<PageMapping> mappings; ///< Whoever has a ReverseMap adds them.
  /// What could not be found out, a sentence each.
  std::vector<std::string> problems;
};

/// Looks at single pages, for one thread. \p kernel and \p flags must outlive
/// the object.
class PageExplorer {
public:
  PageExplorer(const Kernel &kernel, PageFlags &flags)
      : kernel_(kernel), flags_(flags) {}

  PageDetails explore(uint64_t frame);
  /// The NUMA node of a frame, by the zone that spans it.
  std::optional<uint32_t> nodeOf(uint64_t frame);

private:
  struct Zone {
    uint64_t firstFrame, frameCount;
    uint32_t node;
    VirtAddr address;
  };
  struct Zones {
    std::vector<Zone> zones;
    std::string problem; ///< Why some or all are not known.
  };
  Zones readZones() const;
  const Zones &zones();
  const Zone *findZoneOf(uint64_t frame);
  void findOwner(PageDetails &details) const;
  void findFile(PageDetails &details) const;
  void findOffset(PageDetails &details) const;
  void findZone(PageDetails &details);
  void findCgroup(PageDetails &details) const;
  std::vector<std::pair<uint32_t, VirtAddr>> listNodes() const;
  /// Nothing if it cannot be read; 0: it has none.
  std::optional<uint64_t> memcgOf(const PageDetails &details) const;
  std::optional<std::string> textAt(VirtAddr at) const;
  /// Names from \p dentry up to the top of its file system.
  std::string pathOf(VirtAddr dentry, PageDetails &details) const;
  /// Looked for once, and known by where the words stand: they are literals.
  std::optional<Field>
  findField(llvm::StringRef type,
            std::initializer_list<llvm::StringRef> names) const;
  std::optional<uint64_t>
  number(VirtAddr object, llvm::StringRef type,
         std::initializer_list<llvm::StringRef> names) const;

  const Kernel &kernel_;
  PageFlags &flags_;
  std::optional<Zones> zones_;
  mutable std::map<std::pair<const char *, const char *>, std::optional<Field>>
      fields_;
};

} // namespace vmpt
