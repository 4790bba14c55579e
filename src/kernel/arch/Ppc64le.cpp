//===- Ppc64le.cpp - Linux on 64-bit Power, little-endian -----------------===//
//
// Image, data and all of RAM are in one linear map, at the virtual address
// 0xc000000000000000 plus the physical one; so the root's symbol is its place.
// The kernel copies itself to address 0 if it is not made for a place of its
// own (kdump). Nothing in a dump holds the root: a guest registers its process
// table with the hypervisor, and notes have general registers only.
//
// Whether there are radix tables or a hash table is in VMCOREINFO since 6.6,
// and only of kernels that can kexec. Before that the fixed point tells: under
// a hash table no table has the linear map.
//
// User tables hold nothing of the kernel.
//
// linux v6.12 arch/powerpc/include/asm/book3s/64/{pgtable,radix,hash-64k,
// hash-4k}.h, arch/powerpc/mm/ptdump/ptdump.c populate_markers().
//
#include "paging/modes/Ppc64le.h"
#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

constexpr llvm::StringLiteral rootSymbols[] = {"swapper_pg_dir"};
constexpr llvm::StringLiteral firstMarker = "Start of kernel VM";
constexpr uint64_t kernelStart = ppc64le::kernelStart, linearMask = lowBits(60);

bool isLinear(uint64_t address) {
  return (address & ~lowBits(51)) == kernelStart;
}

bool owns(const Vmcoreinfo &info) {
  auto self = info.symbol(rootSymbols[0]);
  return self && isLinear(*self);
}

/// The file does not tell: QEMU writes big-endian headers for either. The
/// kernel's data is full of pointers into its linear map.
bool isBigEndian(const RootQuery &query) {
  constexpr size_t bytes = 1 << 16, least = 8;
  auto at = query.vmcoreinfo.symbol("init_uts_ns");
  if (!at || !isLinear(*at))
    return false;
  std::vector<uint8_t> raw(bytes);
  if (query.memory.tryRead(PhysAddr(alignDown(*at & linearMask, bytes)), raw))
    return false;
  size_t big = 0, little = 0;
  for (size_t offset = 0; offset < bytes; offset += 8) {
    const uint8_t *word = raw.data() + offset;
    big += isLinear(loadUnaligned<uint64_t>(word, ByteOrder::big));
    little += isLinear(loadUnaligned<uint64_t>(word, ByteOrder::little));
  }
  return big >= least && big > little;
}

/// The areas of hash kernels were moved: all into 0xc... (linux commit
/// 0034d395f89d, 5.2), and those with small pages once more (5.8).
bool isBeforeItsLayout(const RootQuery &query, const PagingMode &mode) {
  if (mode.windows.empty())
    return false;
  auto version = parseKernelVersion(query.vmcoreinfo.release().value_or(""));
  return version && *version < (mode.pageShift == 16 ? KernelVersion{5, 2}
                                                     : KernelVersion{5, 8});
}

std::vector<const PagingMode *> likelyModes(const RootQuery &query,
                                            std::string &reason) {
  if (isBigEndian(query)) {
    reason = "it is a big-endian kernel, by the pointers in its data, and "
             "only little-endian ones are read";
    return {};
  }
  std::vector<const PagingMode *> order(std::begin(ppc64le::modes),
                                        std::end(ppc64le::modes));
  auto isRadix = query.vmcoreinfo.number("RADIX_MMU");
  auto pageBytes = query.vmcoreinfo.decimal("PAGESIZE");
  if (pageBytes)
    reason = "VMCOREINFO PAGESIZE=" + std::to_string(*pageBytes);
  if (query.overrides.granule) {
    pageBytes = query.overrides.granule;
    reason = "option --granule";
  }
  if (isRadix)
    reason += std::string(reason.empty() ? "" : "; ") +
              "VMCOREINFO NUMBER(RADIX_MMU)=" + std::to_string(*isRadix);
  llvm::erase_if(order, [&](const PagingMode *mode) {
    return (pageBytes && bit(mode->pageShift) != *pageBytes) ||
           (isRadix && mode->windows.empty() != (*isRadix != 0));
  });
  llvm::erase_if(order, [&](const PagingMode *mode) {
    const bool isOther = isBeforeItsLayout(query, *mode);
    if (isOther && order.size() == 1)
      reason += ", where linux before 5.8 keeps its areas at other addresses";
    return isOther;
  });
  if (order.size() > 1)
    reason += std::string(reason.empty() ? "" : "; ") +
              "the mode in which the root is its own fixed point";
  return order;
}

std::vector<RootGuess> guessRoots(const RootQuery &, VirtAddr self) {
  if (!isLinear(self.value))
    return {};
  return {{PhysAddr(self.value & linearMask),
           "SYMBOL(swapper_pg_dir) in the linear map"}};
}

/// A table of Linux's under a hash table: what is in use leads to memory, and
/// one way of the kernel's ends at a page.
RootJudgement judgeHashRoot(const PhysicalMemory &memory, PagingMode &mode,
                            PhysAddr root) {
  std::vector<uint8_t> raw(mode.tableBytes(0));
  if (auto absent = memory.tryRead(root, raw))
    return {RootVerdict::Unconfirmed,
            "it is not in the dump (" + getAbsenceName(absent->absence).str() +
                ")",
            false};
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    const uint64_t entry =
        mode.load(raw.data() + size_t(index) * mode.entryBytes);
    const DecodedEntry found = mode.decode(entry, 0);
    uint8_t byte;
    if (mode.isEmpty(entry, 0))
      continue;
    auto absent = memory.tryRead(found.address, byte);
    if (!found.isTable() || !found.address.value ||
        (absent && absent->absence == Absence::OutsideRam))
      return {RootVerdict::Refuted,
              "entry " + std::to_string(index) + ", " + hex(entry) +
                  ", leads to no table",
              false};
  }
  const AddressSpace space(memory, mode, root);
  if (space.mappedRuns(ppc64le::firstOfTables(mode), mode.coverage.last(), 1)
          .empty())
    return {RootVerdict::Refuted, "it maps nothing of the kernel", false};
  return {RootVerdict::Confirmed, "", false};
}

/// The window maps the image in one piece, from its text to behind any bss.
std::vector<MappedRun> mapImage(const RootQuery &query,
                                const AddressSpace &memory) {
  constexpr uint64_t after = uint64_t(64) << 20;
  if (memory.mode().windows.empty())
    return mapKernelImage(query, memory);
  const uint64_t self = query.vmcoreinfo.symbol(rootSymbols[0]).value_or(0);
  const uint64_t text = query.vmcoreinfo.symbol("_stext").value_or(self);
  if (!isLinear(self) || !isLinear(text) || text > self ||
      self - text >= maxImageBytes)
    return {};
  const uint64_t first = alignDown(text, bit(16));
  return {{VirtAddr(first), PhysAddr(first & linearMask), self + after - first,
           0, PageRights::without(UserRights)}};
}

/// Three parts of one size, side by side: vmalloc, I/O, vmemmap.
struct Areas {
  uint64_t start, bytes;
  uint64_t vmemmap() const { return start + 2 * bytes; }
};

/// By radix__early_init_mmu() and hash__early_init_mmu().
Areas getAreas(unsigned pageShift, bool isHash) {
  if (isHash && pageShift == 12)
    return {ppc64le::hashStart4K, bit(40)};
  return {0xc008000000000000, bit(49)};
}

/// The dumper takes the vmemmap of a hash kernel on a radix MMU, too.
void computeMarkers(KernelImage &image) {
  constexpr uint64_t isa = bit(16), phb = bit(31), fixmap = bit(25);
  const unsigned pageShift = image.mode.pageShift;
  const Areas areas = getAreas(pageShift, !image.mode.windows.empty());
  const uint64_t io = areas.start + areas.bytes;
  image.markers = {
      {kernelStart, firstMarker.str()},
      {areas.start, "vmalloc() Area"},
      {io, "vmalloc() End"},
      {io, "isa I/O start"},
      {io + isa, "isa I/O end"},
      {io + isa, "phb I/O start"},
      {io + phb, "phb I/O end"},
      {io + phb, "I/O remap start"},
      {areas.vmemmap() - fixmap, "I/O remap end"},
      {getAreas(pageShift, /*isHash=*/true).vmemmap(), "vmemmap start"},
  };
  image.evidence.add(
      "address markers", std::to_string(image.markers.size()) + " sections",
      "constants of linux v6.12: the kernel carries no address_markers[] "
      "(built without PTDUMP)");
}

void complete(const RootQuery &query, KernelImage &image) {
  const Areas areas =
      getAreas(image.mode.pageShift, !image.mode.windows.empty());
  image.regions.push_back({Region::Vmemmap, VirtAddr(areas.vmemmap()),
                           VirtAddr(areas.vmemmap() + (areas.bytes - 1)),
                           "constants of linux v6.12"});
  if (!image.mode.windows.empty())
    image.evidence.add(
        "MMU", "hash table",
        "the root is none of a radix MMU; these are Linux's own tables, from "
        "which it fills the hash table, and they hold no linear map");
  if (auto offset = query.vmcoreinfo.hexValue("KERNELOFFSET"))
    image.evidence.add("KASLR offset", hex(*offset), "VMCOREINFO KERNELOFFSET");
  const AddressSpace memory = image.addressSpace(query.memory);
  auto array =
      findMarkerArray(memory, image.imageRuns,
                      {.firstName = firstMarker, .lowestStart = kernelStart},
                      image.markerFault);
  if (!array)
    return computeMarkers(image);
  takeMarkerArray(std::move(*array), image);
  if (image.version() >= KernelVersion{6, 13})
    image.dumper->wordsLevel = hasDumperText(memory, "P4D", image);
}

/// linux v6.12 arch/powerpc/include/asm/task_size_64.h TASK_SIZE_USER64
VirtAddr lastUserAddress(const KernelImage &image) {
  return VirtAddr(lowBits(image.mode.pageShift == 16 ? 52 : 46));
}

/// linux v6.12 arch/powerpc/include/asm/book3s/64/pgtable.h "Encode and
/// de-code a swap entry". PROT_NONE is a page that nobody may read; what is
/// "invalidated" is one that is being changed.
constexpr NonPresentFormat nonPresentFormats[] = {
    {8,
     {0, 0},
     {.protNone = ppc64le::invalidated,
      .hugeProtNone = ppc64le::invalidated,
      .offsetBits = ppc64le::pageBits}}};

/// The same file: _PAGE_SPECIAL, _PAGE_SOFT_DIRTY, _PAGE_SWP_SOFT_DIRTY; and
/// _PAGE_HPTEFLAGS, which an entry of nothing keeps under a hash table.
SoftwareBits softwareBits(const PagingMode &mode, KernelVersion) {
  return {.special = bit(10),
          .softDirty = bit(9),
          .swapSoftDirty = bit(9),
          .ignored = mode.windows.empty()   ? 0
                     : mode.pageShift == 16 ? bit(6) | bit(12) | bit(55)
                                            : bit(6) | bit(60) | bits(56, 53)};
}

constexpr RegionMarker regionMarkers[] = {
    {firstMarker, Region::DirectMap, ~uint64_t(0), "vmalloc() Area"},
    {"vmalloc() Area", Region::Vmalloc},
    {"isa I/O start", Region::PciIo},
    {"phb I/O start", Region::PciIo},
    {"I/O remap start", Region::PciIo},
    {"kasan shadow mem start", Region::KasanShadow},
};

/// linux v6.12 arch/powerpc/include/asm/sparsemem.h
unsigned sectionSizeBits(const KernelImage &) { return 24; }

constexpr KernelOption options[] = {KernelOption::Granule};

} // namespace

const KernelArch kernelArchPpc64le = {
    .arch = Arch::Ppc64le,
    .owns = owns,
    .rootSymbols = rootSymbols,
    .likelyModes = likelyModes,
    .guessRoots = guessRoots,
    .mapImage = mapImage,
    .complete = complete,
    .regionMarkers = regionMarkers,
    .lastUserAddress = lastUserAddress,
    .nonPresentFormats = nonPresentFormats,
    .softwareBits = softwareBits,
    .crash = &crashArchPpc64le,
    .options = options,
    .judgeRoot = judgeHashRoot,
    .rootProof = "its entries lead to tables, and these to the kernel's pages",
    .tasksMapKernel = false,
    .taskMode = [](const KernelImage &image, const PhysicalMemory &,
                   PhysAddr) { return ppc64le::ofProcess(image.mode); },
    .processMode =
        [](const PagingMode &mode) { return ppc64le::ofProcess(mode); },
    .sectionSizeBits = sectionSizeBits,
    // linux v6.12 arch/powerpc/mm/init-common.c pgtable_cache_add();
    // book3s64/radix_pgtable.c radix__mark_rodata_ro(), overlaps_kernel_text()
    .tablesInSlab = true,
    .rodataIsExecutable = true,
};

} // namespace vmpt
