#include "kernel/pages/MemoryMap.h"

#include "kernel/find/KernelArch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>
#include <numeric>

namespace vmpt {

namespace {

/// linux include/linux/mmzone.h SECTION_*: flags in the low bits of
/// mem_section.section_mem_map, which is the array's address less what the
/// section's first frame is away from frame 0.
constexpr uint64_t sectionHasMemMap = bit(1), sectionIsOnline = bit(2);
constexpr uint64_t sectionFlags = lowBits(6);
/// 128 TiB of memory in sections of 128 MiB.
constexpr size_t maxSections = size_t(1) << 20;
constexpr size_t maxNodes = 1024;

} // namespace

MemoryMap::MemoryMap(std::vector<MemorySection> sections, uint64_t pageBytes,
                     uint64_t frameCount)
    : sections_(std::move(sections)), pageBytes_(pageBytes),
      frameCount_(frameCount) {
  sortByAddress();
}

void MemoryMap::sortByAddress() {
  byAddress_.resize(sections_.size());
  std::iota(byAddress_.begin(), byAddress_.end(), size_t(0));
  llvm::sort(byAddress_, [&](size_t a, size_t b) {
    return sections_[a].pages < sections_[b].pages;
  });
}

std::optional<VirtAddr> MemoryMap::findPage(uint64_t frame) const {
  auto next = llvm::partition_point(
      sections_, [&](const MemorySection &s) { return s.firstFrame <= frame; });
  if (next == sections_.begin())
    return std::nullopt;
  const MemorySection &section = *std::prev(next);
  if (frame >= section.endFrame())
    return std::nullopt;
  return section.pages + (frame - section.firstFrame) * pageBytes_;
}

std::optional<uint64_t> MemoryMap::findFrame(VirtAddr page) const {
  auto next = llvm::partition_point(
      byAddress_, [&](size_t index) { return sections_[index].pages <= page; });
  if (next == byAddress_.begin())
    return std::nullopt;
  const MemorySection &section = sections_[*std::prev(next)];
  const uint64_t offset = page - section.pages;
  if (offset % pageBytes_ || offset / pageBytes_ >= section.frameCount)
    return std::nullopt;
  return section.firstFrame + offset / pageBytes_;
}

class MemoryMapFinder {
public:
  MemoryMapFinder(const Kernel &kernel, uint64_t pageBytes)
      : kernel_(kernel), image_(kernel.image()), vmcoreinfo_(image_.vmcoreinfo),
        reader_(kernel.reader()), pageShift_(image_.mode.pageShift) {
    map_.pageBytes_ = pageBytes;
  }

  llvm::Expected<MemoryMap> find() {
    sectionShift_ = sectionShift();
    readNodes();
    llvm::Error error = findSections();
    if (error) {
      const bool found = findFlat() || findVmemmap();
      if (!found)
        return error;
      llvm::consumeError(std::move(error));
    }
    if (map_.sections_.empty())
      return llvm::make_error<LookupError>("no struct page was found: " +
                                           whyNoSections());
    setFrameCount();
    map_.sortByAddress();
    return std::move(map_);
  }

private:
  std::string whyNoSections() const {
    if (!map_.problems_.empty())
      return map_.problems_.front();
    return map_.source_ + " names no section with a memory map" +
           (absentRoots_.empty() ? "" : "; taken for zeros: " + absentRoots_);
  }

  /// What /proc/kpageflags rounds up to, and a section's frames.
  unsigned sectionShift() const {
    if (auto bits = vmcoreinfo_.number("SECTION_SIZE_BITS"))
      if (*bits > pageShift_ && *bits < 48)
        return unsigned(*bits) - pageShift_;
    auto bitsOfArch = findKernelArch(image_.mode.arch)->sectionSizeBits;
    return (bitsOfArch ? bitsOfArch(image_) : 27) - pageShift_;
  }

  std::optional<VirtAddr> symbol(llvm::StringRef name) const {
    std::optional<Symbol> found = kernel_.symbols().find(name);
    return found ? std::optional<VirtAddr>(found->address) : std::nullopt;
  }

  std::optional<uint64_t> wordAt(std::optional<VirtAddr> at) const {
    if (!at)
      return std::nullopt;
    llvm::Expected<uint64_t> value = reader_.word(*at);
    if (value)
      return *value;
    llvm::consumeError(value.takeError());
    return std::nullopt;
  }

  /// [first, end) of each node; a flat kernel has one.
  struct Node {
    uint64_t firstFrame, endFrame;
    VirtAddr address;
  };

  void readNodes() {
    const TypeSources &types = kernel_.types();
    auto start = findOptionalField(types, "pglist_data", {"node_start_pfn"});
    auto count =
        findOptionalField(types, "pglist_data", {"node_spanned_pages"});
    if (!start || !count)
      return;
    start->sizeBytes = count->sizeBytes = reader_.wordBytes();
    auto add = [&](VirtAddr node) {
      auto first = reader_.tryNumber(node, start);
      auto frames = reader_.tryNumber(node, count);
      const uint64_t limit = bit(52 - pageShift_);
      if (first && frames && *first < limit && *frames <= limit)
        nodes_.push_back({*first, *first + *frames, node});
    };
    if (std::optional<VirtAddr> only = symbol("contig_page_data"))
      return add(*only);
    std::optional<VirtAddr> list = symbol("node_data");
    for (size_t i = 0; list && i < maxNodes; ++i) {
      std::optional<uint64_t> node = wordAt(*list + i * reader_.wordBytes());
      if (!node || !*node)
        break;
      add(VirtAddr(*node));
    }
  }

  /// The array of roots (or of sections, without CONFIG_SPARSEMEM_EXTREME).
  llvm::Expected<VirtAddr> sectionTable() const {
    // VMCOREINFO has the table's address since "kdump: write correct address
    // of mem_section into vmcoreinfo" (4.15).
    if (auto at = vmcoreinfo_.symbol("mem_section"))
      return VirtAddr(*at);
    std::optional<VirtAddr> variable = symbol("mem_section");
    if (!variable)
      return llvm::make_error<LookupError>(
          "symbol 'mem_section' is unknown (tried " +
          kernel_.symbols().describe() +
          "), and no other way to the struct pages was found; pass --vmlinux "
          "or --symbol");
    // "mm/sparsemem: Allocate mem_section at runtime for
    // CONFIG_SPARSEMEM_EXTREME=y" (4.15) made it a pointer.
    std::optional<uint64_t> value = wordAt(variable);
    if (!value)
      return llvm::make_error<LookupError>("mem_section at " + hex(*variable) +
                                           " cannot be read");
    if (image_.version() >= KernelVersion{4, 15} && !(*value & sectionFlags))
      return VirtAddr(*value);
    return *variable;
  }

  /// Of 2 MiB each, those of a section that have struct pages. linux
  /// include/linux/mmzone.h struct mem_section_usage (5.3), vmemmap only.
  std::vector<uint64_t> subsections(uint64_t usage) const {
    const unsigned count = unsigned(bit(sectionShift_ + pageShift_ - 21));
    std::vector<uint64_t> map((count + 63) / 64, ~uint64_t(0));
    if (!usage || !hasSubsections_ || sectionShift_ + pageShift_ < 21)
      return map;
    // "mm/sparsemem: fix race in accessing memory_section->usage" (6.8, and
    // older series) put an rcu_head before it, which is zero as long as the
    // section is in use.
    uint64_t offset = 0;
    auto field = findOptionalField(kernel_.types(), "mem_section_usage",
                                   {"subsection_map"});
    if (field)
      offset = field->offset;
    else if (wordAt(VirtAddr(usage)) == 0)
      offset = 2 * reader_.wordBytes();
    const unsigned perWord = reader_.wordBytes() * 8;
    for (unsigned done = 0; done < count; done += perWord) {
      auto word = wordAt(VirtAddr(usage) + offset + done / 8);
      if (!word)
        return std::vector<uint64_t>(map.size(), ~uint64_t(0));
      const uint64_t mask = lowBits(perWord) << done % 64;
      map[done / 64] = (map[done / 64] & ~mask) | (*word << done % 64 & mask);
    }
    return map;
  }

  void addSection(uint64_t number, uint64_t encoded, uint64_t usage) {
    // Since 4.19 kpageflags asks pfn_to_online_page().
    const uint64_t needed = image_.version() < KernelVersion{4, 19}
                                ? sectionHasMemMap
                                : sectionHasMemMap | sectionIsOnline;
    if ((encoded & needed) != needed)
      return;
    if (map_.sections_.size() == maxSections) {
      if (!isCut_)
        map_.problems_.push_back("more than " + std::to_string(maxSections) +
                                 " sections of memory; the rest is left out");
      isCut_ = true;
      return;
    }
    const uint64_t first = number << sectionShift_;
    const std::vector<uint64_t> map = subsections(usage);
    const uint64_t step = std::min(bit(sectionShift_), bit(21) >> pageShift_);
    bool isOpen = false;
    for (uint64_t done = 0; done < bit(sectionShift_); done += step) {
      const uint64_t index = done / step;
      if (!(map[index / 64] >> index % 64 & 1)) {
        isOpen = false;
        continue;
      }
      if (!isOpen) {
        VirtAddr pages((encoded & ~sectionFlags) +
                       (first + done) * map_.pageBytes_);
        if (reader_.wordBytes() == 4)
          pages.value &= lowBits(32);
        map_.sections_.push_back({first + done, 0, pages});
      }
      isOpen = true;
      map_.sections_.back().frameCount += step;
    }
  }

  llvm::Error findSections() {
    llvm::Expected<VirtAddr> table = sectionTable();
    if (!table)
      return table.takeError();
    const TypeSources &types = kernel_.types();
    llvm::Expected<Field> field =
        findField(types, "mem_section", {"section_mem_map"});
    if (!field)
      return field.takeError();
    llvm::Expected<uint64_t> size = types.getSizeBytes("mem_section");
    if (!size)
      return size.takeError();
    const unsigned word = reader_.wordBytes();
    if (*size < word || *size > 256 || field->offset > *size - word)
      return llvm::make_error<LookupError>(
          "struct mem_section has " + hex(*size) + " bytes, which cannot be");
    sectionBytes_ = *size;
    memMapOffset_ = field->offset;
    findSubsections();
    readRoots(*table);
    map_.source_ = "sections of mem_section at " + hex(*table);
    return llvm::Error::success();
  }

  /// "mm: teach pfn_to_online_page() about ZONE_DEVICE section collisions"
  /// (5.12) asks for the subsection too.
  void findSubsections() {
    if (image_.version() < KernelVersion{5, 12} ||
        sectionShift_ + pageShift_ <= 21 || pageShift_ > 21)
      return;
    auto usage = findOptionalField(kernel_.types(), "mem_section", {"usage"});
    if (usage)
      hasSubsections_ =
          kernel_.types().hasMember("mem_section_usage", "subsection_map");
    else // no types: 64-bit kernels have vmemmap
      hasSubsections_ = reader_.wordBytes() == 8;
    usageOffset_ = usage ? usage->offset : memMapOffset_ + reader_.wordBytes();
    if (usageOffset_ > sectionBytes_ - reader_.wordBytes())
      hasSubsections_ = false;
  }

  uint64_t sectionLimit() const {
    uint64_t bits = vmcoreinfo_.number("MAX_PHYSMEM_BITS").value_or(52);
    bits = std::clamp<uint64_t>(bits, pageShift_ + sectionShift_, 52);
    return bit(unsigned(bits) - pageShift_ - sectionShift_);
  }

  /// A root of CONFIG_SPARSEMEM_EXTREME fills a page with sections; without,
  /// the table has the sections themselves, of which one that is in use is
  /// odd, as no root is.
  void readRoots(VirtAddr table) {
    const uint64_t limit = sectionLimit();
    const uint64_t perRoot = bit(pageShift_) / sectionBytes_;
    const unsigned word = reader_.wordBytes();
    const auto length = vmcoreinfo_.decimal("LENGTH(mem_section)");
    bool isStatic = length && *length == limit && perRoot > 1;
    if (!length)
      for (uint64_t i = 0; i < limit && !isStatic; ++i) {
        auto value = wordAt(table + i * sectionBytes_ + memMapOffset_);
        if (!value || i * sectionBytes_ > bit(pageShift_))
          break;
        if (*value) {
          isStatic = *value & 1;
          break;
        }
      }
    if (isStatic)
      return readSections(table, 0, limit);
    const uint64_t roots = std::min(length.value_or(~uint64_t(0)),
                                    (limit + perRoot - 1) / perRoot);
    for (uint64_t root = 0; root < roots && !isCut_; ++root) {
      llvm::Expected<uint64_t> at = reader_.word(table + root * word);
      if (at) {
        if (*at)
          readSections(VirtAddr(*at), root * perRoot, perRoot);
        continue;
      }
      // Roots without a section are zeros, and makedumpfile leaves out pages
      // of nothing but zeros.
      const bool isZeros = kernel_.memory().physical().mayExcludeZeroPages() &&
                           at.errorIsA<MemoryError>();
      std::string reason = llvm::toString(at.takeError());
      if (!isZeros) {
        map_.problems_.push_back("the table of memory sections breaks off at "
                                 "root " +
                                 hex(root) + ": " + reason);
        return;
      }
      if (absentRoots_.empty())
        absentRoots_ = std::move(reason);
      const uint64_t next =
          alignUp((table + root * word).value + 1, bit(pageShift_));
      root = (next - table.value) / word - 1;
    }
  }

  void readSections(VirtAddr at, uint64_t first, uint64_t count) {
    // A static table can be large; a root never is.
    constexpr uint64_t step = 4096;
    for (uint64_t done = 0; done < count && !isCut_; done += step) {
      const uint64_t now = std::min(step, count - done);
      std::vector<uint8_t> raw(now * sectionBytes_);
      if (llvm::Error error =
              reader_.memory().read(at + done * sectionBytes_, raw)) {
        map_.problems_.push_back(
            "memory sections from " + hex(first + done) +
            " on cannot be read: " + llvm::toString(std::move(error)));
        return;
      }
      for (uint64_t i = 0; i < now; ++i) {
        const uint8_t *from = raw.data() + i * sectionBytes_;
        auto member = [&](uint64_t offset) {
          return reader_.wordBytes() == 8
                     ? loadUnaligned<uint64_t>(from + offset,
                                               kernel_.memory().order())
                     : loadUnaligned<uint32_t>(from + offset,
                                               kernel_.memory().order());
        };
        addSection(first + done + i, member(memMapOffset_),
                   hasSubsections_ ? member(usageOffset_) : 0);
      }
    }
  }

  /// CONFIG_FLATMEM: mem_map, and the one node's range.
  bool findFlat() {
    std::optional<VirtAddr> variable = symbol("mem_map");
    std::optional<uint64_t> array = wordAt(variable);
    if (!array || !*array)
      return false;
    // mem_map belongs to ARCH_PFN_OFFSET, the node's own pointer to the first
    // frame of the node. linux mm/mm_init.c alloc_node_mem_map().
    uint64_t first = 0, end = 0;
    auto field =
        findOptionalField(kernel_.types(), "pglist_data", {"node_mem_map"});
    if (!nodes_.empty()) {
      first = nodes_[0].firstFrame;
      end = nodes_[0].endFrame;
    }
    std::optional<uint64_t> own;
    if (field && !nodes_.empty())
      own = wordAt(nodes_[0].address + field->offset);
    if (own && *own >= *array && first >= (*own - *array) / map_.pageBytes_)
      first -= (*own - *array) / map_.pageBytes_;
    if (auto count = wordAt(symbol("max_mapnr")); count && *count)
      end = std::max(end, std::min(first + *count, bit(52 - pageShift_)));
    if (end <= first)
      return false;
    map_.sections_.push_back({first, end - first, VirtAddr(*array)});
    map_.source_ = "the array mem_map at " + hex(*array);
    isFlat_ = true;
    return true;
  }

  /// CONFIG_SPARSEMEM_VMEMMAP whose sections nothing names.
  bool findVmemmap() {
    std::optional<uint64_t> start = wordAt(symbol("vmemmap_base"));
    if (!start)
      start = vmcoreinfo_.symbol("vmemmap");
    if (const KernelRegion *region = image_.findRegion(Region::Vmemmap);
        region && !start)
      start = region->first.value;
    if (!start || nodes_.empty())
      return false;
    for (const Node &node : nodes_)
      if (node.firstFrame < node.endFrame)
        map_.sections_.push_back(
            {node.firstFrame, node.endFrame - node.firstFrame,
             VirtAddr(*start) + node.firstFrame * map_.pageBytes_});
    llvm::sort(map_.sections_,
               [](const MemorySection &a, const MemorySection &b) {
                 return a.firstFrame < b.firstFrame;
               });
    map_.source_ = "vmemmap at " + hex(*start);
    map_.problems_.push_back(
        "mem_section is unknown: which memory is online is taken from the "
        "nodes' ranges");
    return true;
  }

  /// linux fs/proc/page.c get_max_dump_pfn(): max_pfn, since 5.8 rounded up
  /// to a section with SPARSEMEM.
  void setFrameCount() {
    const uint64_t limit = bit(52 - pageShift_);
    uint64_t count = 0;
    if (auto value = wordAt(symbol("max_pfn")); value && *value <= limit)
      count = *value;
    for (const Node &node : nodes_)
      if (!count || node.endFrame > count)
        count = std::max(count, node.endFrame);
    if (!count)
      count = map_.sections_.back().endFrame();
    if (!isFlat_ && image_.version() >= KernelVersion{5, 8})
      count = alignUp(count, bit(sectionShift_));
    // No RAM lies beyond the last section.
    const uint64_t last =
        alignUp(map_.sections_.back().endFrame(), bit(sectionShift_));
    if (count > last) {
      map_.problems_.push_back("max_pfn is " + hex(count) +
                               ", but the memory map ends at frame " +
                               hex(last));
      count = last;
    }
    map_.frameCount_ = count;
  }

  const Kernel &kernel_;
  const KernelImage &image_;
  const Vmcoreinfo &vmcoreinfo_;
  const StructReader &reader_;
  const unsigned pageShift_;
  unsigned sectionShift_ = 15;
  uint64_t sectionBytes_ = 0, memMapOffset_ = 0, usageOffset_ = 0;
  bool hasSubsections_ = false;
  bool isFlat_ = false, isCut_ = false;
  std::string absentRoots_; ///< Why the first of them was taken for zeros.
  std::vector<Node> nodes_;
  MemoryMap map_;
};

llvm::Expected<MemoryMap> MemoryMap::create(const Kernel &kernel,
                                            uint64_t pageBytes) {
  return MemoryMapFinder(kernel, pageBytes).find();
}

} // namespace vmpt
