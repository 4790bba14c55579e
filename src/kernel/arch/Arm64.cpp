//===- arm64.cpp - Linux on AArch64 ---------------------------------------===//
//
// The kernel has a table of its own, swapper_pg_dir, behind TTBR1: it maps the
// upper half of the address space and nothing else, and tasks' tables (TTBR0)
// map the lower half and nothing of the kernel. The image lies anywhere
// (KASLR); physical = virtual - kimage_voffset. No dump format in use here has
// TTBR1, TCR or MAIR, so all rests on VMCOREINFO and the fixed point.
//
// A kernel configured for 52 bits of virtual address also runs on hardware
// that has 48. What TCR_EL1.T1SZ says then differs from VA_BITS:
//   64K: the table is whole in memory, 1024 entries, of which the last 64 are
//        in use; TTBR1 points there (swapper_pg_dir + 0x1e00), but Linux's own
//        walks start at swapper_pg_dir and take 1024 entries. So do we: the
//        mode stays the 52-bit one, and `virtualBits` says 48.
//   4K:  the fifth level is left out: swapper_pg_dir is a 48-bit root.
//   16K: likewise a 47-bit root, with three levels.
// In the last two the linear map is still computed from the 52-bit
// PAGE_OFFSET, and PHYS_OFFSET wraps below zero to make up for that.
//
// address_markers[] is in the kernel only with PTDUMP_DEBUGFS: DEBUG_WX does
// not suffice, as it does on x86.
//
// linux v6.12 arch/arm64/kernel/vmcore_info.c, arch/arm64/mm/ptdump.c,
// arch/arm64/include/asm/{memory,pgtable,pgtable-hwdef}.h.
//
#include "paging/modes/Arm64.h"
#include "kernel/arch/Arm64Layout.h"
#include "kernel/find/KernelArch.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral rootSymbols[] = {"swapper_pg_dir"};

bool owns(const Vmcoreinfo &info) {
  return info.number("kimage_voffset") || info.number("TCR_EL1_T1SZ");
}

/// The size of the upper half that the hardware uses. VA_BITS is only the
/// configured one.
std::optional<unsigned> usedBits(const RootQuery &query, std::string &reason) {
  if (query.overrides.virtualBits) {
    reason = "option --va-bits";
    return query.overrides.virtualBits;
  }
  if (auto t1sz = query.vmcoreinfo.number("TCR_EL1_T1SZ"))
    if (*t1sz < 64) {
      reason = "VMCOREINFO NUMBER(TCR_EL1_T1SZ)=" + std::to_string(*t1sz);
      return unsigned(64 - *t1sz);
    }
  return std::nullopt;
}

bool allows(const KernelOverrides &overrides, const PagingMode &mode) {
  // A 64K table for 52 bits serves 48 as well.
  const bool shorter =
      mode.name == arm64::granule64K52.name && overrides.virtualBits == 48u;
  return (!overrides.granule || *overrides.granule == bit(mode.pageShift)) &&
         (!overrides.levels || *overrides.levels == mode.levelCount) &&
         (!overrides.virtualBits ||
          *overrides.virtualBits == mode.virtualBits || shorter);
}

std::vector<const PagingMode *> likelyModes(const RootQuery &query,
                                            std::string &reason) {
  std::vector<const PagingMode *> modes;
  const auto pageBytes = query.vmcoreinfo.decimal("PAGESIZE");
  const bool believed =
      pageBytes == 4096u || pageBytes == 16384u || pageBytes == 65536u;
  for (const PagingMode *mode : arm64::modes) {
    if (!allows(query.overrides, *mode))
      continue;
    if (!query.overrides.granule && believed &&
        *pageBytes != bit(mode->pageShift))
      continue;
    modes.push_back(mode);
  }
  std::string bitsReason;
  std::optional<unsigned> used = usedBits(query, bitsReason);
  const auto configured = query.vmcoreinfo.number("VA_BITS");
  auto rank = [&](const PagingMode *mode) {
    if (used && *used == mode->virtualBits)
      return 0;
    return configured && *configured == mode->virtualBits ? 1 : 2;
  };
  std::stable_sort(modes.begin(), modes.end(),
                   [&](auto *a, auto *b) { return rank(a) < rank(b); });
  reason = query.overrides.granule ? "option --granule"
           : believed              ? "VMCOREINFO PAGESIZE"
                                   : "the default: nothing says the granule";
  if (used)
    reason += ", " + bitsReason;
  else if (configured)
    reason += ", VMCOREINFO NUMBER(VA_BITS)=" + std::to_string(*configured);
  return modes;
}

std::vector<RootGuess> guessRoots(const RootQuery &query, VirtAddr self) {
  std::optional<uint64_t> offset = query.vmcoreinfo.number("kimage_voffset");
  if (!offset)
    return {};
  return {{PhysAddr(self.value - *offset),
           "SYMBOL(swapper_pg_dir) - NUMBER(kimage_voffset)"}};
}

/// Are all entries below those of a 48-bit upper half zero? With 52 bits in
/// use the linear map starts below.
bool looksLike48Bits(const RootQuery &query, const KernelImage &image) {
  for (unsigned index = 0; index < 1024 - 64; ++index) {
    uint64_t entry = 0;
    if (readEntry(query.memory, image.mode, image.root + 8 * index, entry) ||
        entry)
      return false;
  }
  return true;
}

void addVirtualBits(const RootQuery &query, KernelImage &image) {
  std::string reason;
  std::optional<unsigned> used = usedBits(query, reason);
  image.virtualBits = image.mode.virtualBits;
  if (image.mode.name == arm64::granule64K52.name) {
    if (!used && looksLike48Bits(query, image)) {
      used = 48;
      reason = "the root's first 960 entries are empty";
    }
    if (used == 48u)
      image.virtualBits = 48;
  }
  if (used != image.virtualBits)
    reason = "the paging mode";
  image.evidence.add("virtual address bits", std::to_string(image.virtualBits),
                     reason);
}

void addNumbers(const RootQuery &query, KernelImage &image) {
  for (llvm::StringRef name : {"VA_BITS", "kimage_voffset", "PHYS_OFFSET"})
    if (auto value = query.vmcoreinfo.number(name))
      image.evidence.add(
          name, name == "VA_BITS" ? std::to_string(*value) : hex(*value),
          "VMCOREINFO NUMBER(" + name + ")");
  if (auto offset = query.vmcoreinfo.hexValue("KERNELOFFSET"))
    image.evidence.add("KASLR offset", hex(*offset), "VMCOREINFO KERNELOFFSET");
}

/// The array's first entry, newest first. linux v6.12 arch/arm64/mm/ptdump.c;
/// v5.3 arch/arm64/mm/dump.c with and without KASAN.
constexpr llvm::StringLiteral firstMarkers[] = {
    "Linear Mapping start", "Kasan shadow start", "Modules start"};

/// Around the symbols that VMCOREINFO names: text and rodata lie between
/// _stext and swapper_pg_dir (up to 4.19 also data), data within the next
/// 128 MiB.
std::vector<MappedRun> mappedImage(const RootQuery &query,
                                   const AddressSpace &memory) {
  constexpr uint64_t reach = uint64_t(128) << 20;
  std::optional<uint64_t> root = query.vmcoreinfo.symbol("swapper_pg_dir");
  std::optional<uint64_t> text = query.vmcoreinfo.symbol("_stext");
  if (!root)
    return {};
  // A hostile pair of symbols must not make this a walk of everything.
  uint64_t from = text && *text <= *root && *root - *text < 4 * reach
                      ? *text
                      : *root - std::min(*root, reach);
  uint64_t to = *root > ~reach ? ~uint64_t(0) : *root + reach;
  return memory.mappedRuns(VirtAddr(from), VirtAddr(to));
}

bool takeOwnMarkers(const RootQuery &query, KernelImage &image) {
  AddressSpace memory = image.addressSpace(query.memory);
  for (const llvm::StringLiteral &name : firstMarkers) {
    // In __init data, or where the array is a copy, a template with zeros for
    // the run-time values can be met first.
    const MarkerArrayShape shape = {.firstName = name, .lowestStart = -bit(52)};
    if (auto array = findMarkerArray(memory, image.imageRuns, shape,
                                     image.markerFault)) {
      takeMarkerArray(std::move(*array), image);
      return true;
    }
  }
  return false;
}

void addMarkers(const RootQuery &query, KernelImage &image) {
  if (takeOwnMarkers(query, image))
    return;
  const Vmcoreinfo &info = query.vmcoreinfo;
  arm64::LayoutNumbers numbers;
  numbers.version = image.version();
  numbers.usedBits = image.virtualBits;
  // A table for 48 bits may be all that a kernel for 52 uses here.
  const auto configured = info.number("VA_BITS");
  numbers.configuredBits = configured == 52u ? 52 : image.mode.virtualBits;
  numbers.pageShift = image.mode.pageShift;
  if (auto size = info.size("page"); size && *size >= 32 && *size <= 1024)
    numbers.structPageBytes = *size;
  numbers.modulesStart = info.number("MODULES_VADDR");
  numbers.modulesEnd = info.number("MODULES_END");
  numbers.vmallocStart = info.number("VMALLOC_START");
  numbers.vmallocEnd = info.number("VMALLOC_END");
  numbers.vmemmapStart = info.number("VMEMMAP_START");
  numbers.vmemmapEnd = info.number("VMEMMAP_END");
  image.markers = arm64::computeMarkers(numbers);
  image.evidence.add(
      "address markers", std::to_string(image.markers.size()) + " sections",
      std::string("formulas of linux, ") +
          (numbers.modulesStart ? "VMCOREINFO's MODULES, VMALLOC and VMEMMAP "
                                : "") +
          "(the kernel carries no address_markers[]: built without "
          "PTDUMP_DEBUGFS); the fixmap's start is that of a distribution's "
          "configuration");
}

void complete(const RootQuery &query, KernelImage &image) {
  addVirtualBits(query, image);
  addNumbers(query, image);
  addMarkers(query, image);
}

/// TASK_SIZE_64 - 1.
VirtAddr lastUserAddress(const KernelImage &image) {
  return VirtAddr(bit(image.virtualBits) - 1);
}

/// linux arch/arm64/include/asm/pgtable.h "Encode and decode a swap entry".
/// "arm64/mm: Move PTE_PRESENT_INVALID to overlay PTE_NG" (6.10) gave PROT_NONE
/// bit 11; before, it had bit 58, and bit 59 was for invalidated huge
/// pages. 6.0 took a bit from the type for "exclusive".
constexpr NonPresentFormat nonPresentFormats[] = {
    {8,
     {6, 10},
     {.protNone = bit(11),
      .hugeProtNone = bit(11),
      .typeShift = 6,
      .offsetShift = 12,
      .offsetBits = 50}},
    {8,
     {5, 19},
     {.protNone = bit(58),
      .hugeProtNone = bit(58) | bit(59),
      .typeShift = 3,
      .offsetShift = 8,
      .offsetBits = 50}},
    {8,
     {0, 0},
     {.protNone = bit(58),
      .hugeProtNone = bit(58) | bit(59),
      .typeShift = 2,
      .typeBits = 6,
      .offsetShift = 8,
      .offsetBits = 50}},
};

/// linux v4.19 arch/arm64/mm/dump.c to v6.12 arch/arm64/mm/ptdump.c. The image
/// lies in the vmalloc area.
constexpr RegionMarker regionMarkers[] = {
    {"Linear Mapping start", Region::DirectMap},
    {"Linear Mapping", Region::DirectMap}, // up to 5.3
    {"Kasan shadow start", Region::KasanShadow},
    {"Modules start", Region::Modules},
    {"vmalloc() area", Region::Vmalloc},
    {"vmalloc() Area", Region::Vmalloc},
    {"Fixmap start", Region::Fixmap},
    {"PCI I/O start", Region::PciIo},
    {"vmemmap start", Region::Vmemmap},
    {"vmemmap", Region::Vmemmap},
};

/// linux v6.12 arch/arm64/include/asm/pgtable-prot.h, pgtable.h; "arm64/mm: Add
/// uffd write-protect support" (6.10).
SoftwareBits softwareBits(const PagingMode &, KernelVersion version) {
  SoftwareBits software = {.special = bit(56)};
  if (version >= KernelVersion{6, 10}) {
    software.uffdWp = bit(58);
    software.swapUffdWp = bit(3);
  }
  return software;
}

/// "arm64/sparsemem: reduce SECTION_SIZE_BITS" (5.12).
unsigned sectionSizeBits(const KernelImage &image) {
  if (image.version() < KernelVersion{5, 12})
    return 30;
  return image.mode.pageShift == 16 ? 29 : 27;
}

} // namespace

constexpr KernelOption options[] = {
    KernelOption::Levels, KernelOption::VirtualBits, KernelOption::Granule};

const KernelArch kernelArchArm64 = {
    .arch = Arch::Arm64,
    .owns = owns,
    .rootSymbols = rootSymbols,
    .likelyModes = likelyModes,
    .guessRoots = guessRoots,
    .mapImage = mappedImage,
    .complete = complete,
    .regionMarkers = regionMarkers,
    .lastUserAddress = lastUserAddress,
    .nonPresentFormats = nonPresentFormats,
    .softwareBits = softwareBits,
    .crash = &crashArchArm64,
    .options = options,
    .tasksMapKernel = false,
    .sectionSizeBits = sectionSizeBits,
    // linux v6.12 arch/arm64/include/asm/pgtable-prot.h: all of PAGE_KERNEL_*
    // have PTE_UXN, all of PAGE_* PTE_PXN.
    .kernelPagesNeed = bit(54),
    .userPagesNeed = bit(53),
    .userWriteBit = bit(51), // PTE_WRITE
};

} // namespace vmpt
