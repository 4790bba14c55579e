//===- riscv64.cpp - Linux on 64-bit RISC-V -------------------------------===//
//
// One kernel runs in Sv57, Sv48 or Sv39, whatever the CPU offers; the choice
// is made at boot. Up to 6.3 VMCOREINFO has no key of this architecture at
// all, and no note holds satp: then the fixed point alone finds both the root
// and the mode. Later kernels say VA_BITS (the actual ones) and
// va_kernel_pa_offset, from 7.1 on also satp.
//
// The image lies at KERNEL_LINK_ADDR, 0xffffffff80000000 (plus a KASLR
// offset), in all modes, from 5.13 on; before, in the linear map.
//
// ptdump fills in address_markers[] at boot. Where a kernel carries none, the
// areas follow from VMCOREINFO and, below the linear map, from each other.
//
// linux v6.12 arch/riscv/kernel/vmcore_info.c, arch/riscv/mm/ptdump.c,
// arch/riscv/include/asm/pgtable.h; v7.1 for satp.
//
#include "paging/modes/RiscV64.h"
#include "kernel/find/KernelArch.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral rootSymbols[] = {"swapper_pg_dir"};

bool owns(const Vmcoreinfo &info) {
  return info.number("va_kernel_pa_offset") || info.number("phys_ram_base") ||
         info.number("satp");
}

/// All modes, the one that \p fits first.
template <class Fits> std::vector<const PagingMode *> modesBy(Fits fits) {
  std::vector<const PagingMode *> order(std::begin(riscv64::modes),
                                        std::end(riscv64::modes));
  std::stable_partition(order.begin(), order.end(), fits);
  return order;
}

std::vector<const PagingMode *> likelyModes(const RootQuery &query,
                                            std::string &reason) {
  if (auto levels = query.overrides.levels) {
    reason = "option --levels";
    return modesBy([&](auto *mode) { return mode->levelCount == *levels; });
  }
  // satp.MODE: 8, 9, 10 ([riscv/priv] "satp").
  if (auto satp = query.vmcoreinfo.number("satp")) {
    reason = "VMCOREINFO NUMBER(satp)=" + hex(*satp);
    return modesBy(
        [&](auto *mode) { return mode->levelCount == (*satp >> 60) - 5; });
  }
  if (auto virtualBits = query.vmcoreinfo.number("VA_BITS")) {
    reason = "VMCOREINFO NUMBER(VA_BITS)=" + std::to_string(*virtualBits);
    return modesBy(
        [&](auto *mode) { return mode->virtualBits == *virtualBits; });
  }
  reason = "the mode in which the root is its own fixed point";
  return modesBy([](auto *) { return true; });
}

/// PAGE_OFFSET of linux v4.15 to v6.3 arch/riscv (Kconfig,
/// include/asm/page.h), and 64 GiB or more behind it.
std::optional<DirectMapStarts> directMapStarts(const RootQuery &query,
                                               const PagingMode &mode) {
  if (query.overrides.levels || query.vmcoreinfo.number("satp") ||
      query.vmcoreinfo.number("VA_BITS"))
    return std::nullopt;
  switch (mode.levelCount) {
  case 5:
    return DirectMapStarts{VirtAddr(0xff60000000000000),
                           VirtAddr(0xff600fffffffffff)};
  case 4:
    return DirectMapStarts{VirtAddr(0xffffaf8000000000),
                           VirtAddr(0xffffbfffffffffff)};
  default:
    return DirectMapStarts{VirtAddr(0xffffffd600000000),
                           VirtAddr(0xffffffefffffffff)};
  }
}

std::vector<RootGuess> guessRoots(const RootQuery &query, VirtAddr self) {
  std::vector<RootGuess> guesses;
  if (auto offset = query.vmcoreinfo.number("va_kernel_pa_offset"))
    guesses.push_back({PhysAddr(self.value - *offset),
                       "SYMBOL(swapper_pg_dir) - NUMBER(va_kernel_pa_offset)"});
  return guesses;
}

/// Numbers of a memory layout, each from VMCOREINFO where it is there.
class Layout {
public:
  Layout(const Vmcoreinfo &info, const PagingMode &mode)
      : info_(info), mode_(mode) {}

  std::vector<AddressMarker> makeMarkers();
  /// What was not in VMCOREINFO: " PAGE_OFFSET VMEMMAP_START".
  const std::string &unnamed() const { return unnamed_; }

private:
  uint64_t get(llvm::StringRef name, uint64_t otherwise) {
    if (auto value = info_.number(name))
      return *value;
    unnamed_ += (" " + name).str();
    return otherwise;
  }
  uint64_t usualPageOffset() const;
  uint64_t imageStart();

  const Vmcoreinfo &info_;
  const PagingMode &mode_;
  std::string unnamed_;
};

/// linux v5.17 to v6.6 and v6.12 to v7.3 arch/riscv/include/asm/page.h.
uint64_t Layout::usualPageOffset() const {
  switch (mode_.levelCount) {
  case 5:
    return 0xff60000000000000;
  case 4:
    return 0xffffaf8000000000;
  default:
    break;
  }
  auto version = parseKernelVersion(info_.release().value_or(""));
  return version && *version < KernelVersion{6, 10} ? 0xffffffd800000000
                                                    : 0xffffffd600000000;
}

/// kernel_map.virt_addr. The image starts at a 2 MiB border, _stext not.
uint64_t Layout::imageStart() {
  auto link = info_.number("KERNEL_LINK_ADDR");
  auto kaslr = info_.hexValue("KERNELOFFSET");
  if (link && kaslr)
    return *link + *kaslr;
  if (auto text = info_.symbol("_stext"))
    return alignDown(*text, bit(21));
  unnamed_ += " KERNEL_LINK_ADDR";
  return link.value_or(0xffffffff80000000);
}

std::vector<AddressMarker> Layout::makeMarkers() {
  constexpr uint64_t mebibyte = bit(20);
  const uint64_t top = bit(mode_.levels[0].shift);
  const uint64_t pageOffset = get("PAGE_OFFSET", usualPageOffset());
  // KERN_VIRT_SIZE is a quarter of the address space, half of it vmalloc.
  const uint64_t vmallocEnd = get("VMALLOC_END", pageOffset);
  const uint64_t vmallocStart = get("VMALLOC_START", pageOffset - 64 * top);
  unsigned pageStructShift = 6;
  if (auto size = info_.size("page"))
    for (pageStructShift = 0; bit(pageStructShift) < *size;)
      if (++pageStructShift == 12)
        break;
  const uint64_t vmemmapStart =
      get("VMEMMAP_START",
          vmallocStart - bit(mode_.virtualBits - 12 - 1 + pageStructShift));
  const uint64_t vmemmapEnd = get("VMEMMAP_END", vmallocStart);
  const uint64_t pciStart = vmemmapStart - 16 * mebibyte;
  const uint64_t image = imageStart();
  return {
      {pciStart - 6 * mebibyte, "Fixmap start"},
      {pciStart, "Fixmap end"},
      {pciStart, "PCI I/O start"},
      {vmemmapStart, "PCI I/O end"},
      {vmemmapStart, "vmemmap start"},
      {vmemmapEnd, "vmemmap end"},
      {vmallocStart, "vmalloc() area"},
      {vmallocEnd, "vmalloc() end"},
      {pageOffset, "Linear mapping"},
      // Up to 2 GiB below the image's end; nothing lies between.
      {get("MODULES_VADDR", image - bit(31)), "Modules/BPF mapping"},
      {image, "Kernel mapping"},
  };
}

void addMarkers(const RootQuery &query, KernelImage &image) {
  static constexpr MarkerArrayShape shape = {.firstName = "Fixmap start"};
  AddressSpace memory = image.addressSpace(query.memory);
  if (auto array =
          findMarkerArray(memory, image.imageRuns, shape, image.markerFault)) {
    takeMarkerArray(std::move(*array), image);
    image.dumper->wordsRswAsNumber = hasDumperText(memory, "RSW(%d)", image);
    return;
  }
  Layout layout(query.vmcoreinfo, image.mode);
  image.markers = layout.makeMarkers();
  std::string source = "VMCOREINFO and formulas: the kernel carries no "
                       "address_markers[] (built without PTDUMP)";
  if (!layout.unnamed().empty())
    source += "; not in VMCOREINFO:" + layout.unnamed();
  image.evidence.add("address markers",
                     std::to_string(image.markers.size()) + " sections",
                     source);
}

void complete(const RootQuery &query, KernelImage &image) {
  if (auto offset = query.vmcoreinfo.hexValue("KERNELOFFSET"))
    image.evidence.add("KASLR offset", hex(*offset), "VMCOREINFO KERNELOFFSET");
  addMarkers(query, image);
}

/// linux v6.12 arch/riscv/kernel/vmcore_info.c; the first came with 6.0,
/// va_kernel_pa_offset with 6.5. Makedumpfile and libkdumpfile begin with them.
std::string laterKeys(const KernelImage &image, uint64_t directMapOffset) {
  std::string text;
  auto add = [&](llvm::StringRef name, uint64_t value, bool isDecimal = false) {
    if (!image.vmcoreinfo.number(name))
      text += ("NUMBER(" + name +
               ")=" + (isDecimal ? std::to_string(value) : hex(value)) + "\n")
                  .str();
  };
  const KernelRegion *direct = image.findRegion(Region::DirectMap);
  if (!direct)
    return text;
  add("VA_BITS", image.mode.virtualBits, true);
  add("phys_ram_base", direct->first.value - directMapOffset, true);
  add("PAGE_OFFSET", direct->first.value);
  const struct {
    Region region;
    llvm::StringLiteral first, end;
  } spans[] = {{Region::Vmalloc, "VMALLOC_START", "VMALLOC_END"},
               {Region::Vmemmap, "VMEMMAP_START", "VMEMMAP_END"},
               {Region::Modules, "MODULES_VADDR", "MODULES_END"}};
  for (const auto &span : spans)
    if (const KernelRegion *region = image.findRegion(span.region)) {
      add(span.first, region->first.value);
      add(span.end, region->last.value + 1);
    }
  if (const KernelRegion *kernel = image.findRegion(Region::KernelImage))
    add("KERNEL_LINK_ADDR", kernel->first.value);
  if (!image.imageRuns.empty())
    add("va_kernel_pa_offset", image.imageRuns.front().start.value -
                                   image.imageRuns.front().physical.value);
  return text;
}

/// TASK_SIZE: the lower half.
VirtAddr lastUserAddress(const KernelImage &image) {
  return VirtAddr(lowBits(image.mode.virtualBits - 1));
}

/// linux arch/riscv/include/asm/pgtable.h "Encode and decode a swap entry". 6.3
/// took bit 6 for "exclusive"; 5.17 moved PROT_NONE from bit 1 to 5.
constexpr NonPresentFormat nonPresentFormats[] = {
    {8,
     {6, 3},
     {.protNone = bit(5),
      .hugeProtNone = bit(5) | bits(3, 1),
      .typeShift = 7,
      .offsetShift = 12,
      .offsetBits = 52}},
    {8,
     {5, 17},
     {.protNone = bit(5),
      .hugeProtNone = bit(5) | bits(3, 1),
      .typeShift = 6,
      .offsetShift = 11,
      .offsetBits = 53}},
    {8,
     {0, 0},
     {.protNone = bit(1),
      .hugeProtNone = bit(1),
      .typeShift = 2,
      .offsetShift = 7,
      .offsetBits = 57}},
};

/// linux v5.17 to v6.12 arch/riscv/mm/ptdump.c, address_markers[].
constexpr RegionMarker regionMarkers[] = {
    {"Fixmap start", Region::Fixmap},
    {"PCI I/O start", Region::PciIo},
    {"vmemmap start", Region::Vmemmap},
    {"vmalloc() area", Region::Vmalloc},
    {"Linear mapping", Region::DirectMap},
    {"Kasan shadow start", Region::KasanShadow},
    {"Modules/BPF mapping", Region::Modules},
    {"Kernel mapping", Region::KernelImage},
};

/// linux v6.12 arch/riscv/include/asm/pgtable-bits.h
SoftwareBits softwareBits(const PagingMode &, KernelVersion) {
  return {.special = bit(8)};
}

} // namespace

constexpr KernelOption options[] = {KernelOption::Levels};

const KernelArch kernelArchRiscV64 = {
    .arch = Arch::RiscV64,
    .owns = owns,
    .rootSymbols = rootSymbols,
    .likelyModes = likelyModes,
    .guessRoots = guessRoots,
    .mapImage = mapKernelImage,
    .complete = complete,
    .regionMarkers = regionMarkers,
    .lastUserAddress = lastUserAddress,
    .nonPresentFormats = nonPresentFormats,
    .softwareBits = softwareBits,
    .crash = &crashArchRiscV64,
    .options = options,
    .hasNamelessVdso = true,
    .laterKeys = laterKeys,
    .directMapStarts = directMapStarts,
};

} // namespace vmpt
