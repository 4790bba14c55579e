//===- Arm.cpp - Linux on 32-bit Arm --------------------------------------===//
//
// The image lies in the linear map at PAGE_OFFSET, a choice of the
// configuration (the VMSPLIT options). RAM starts anywhere (PHYS_OFFSET), and
// the linear map with it, so that neither is said by VMCOREINFO: each VMSPLIT
// is tried with each start of RAM in the dump, and the fixed point decides.
// swapper_pg_dir lies right below the image's text: 16 KiB with short
// descriptors, with LPAE five pages, of which the first has the four entries.
// No note has a register that leads to a table.
//
// A process's table has the kernel's entries too: modules lie below
// PAGE_OFFSET, so user addresses end 16 MiB before it.
//
// linux v6.12 arch/arm/include/asm/memory.h, pgtable.h, mm/mmu.c, mm/dump.c.
//
#include "paging/modes/Arm.h"
#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

constexpr llvm::StringLiteral rootSymbols[] = {"swapper_pg_dir"};
constexpr uint64_t mebibyte = bit(20);

/// PAGE_OFFSET by VMSPLIT, the default first.
constexpr uint64_t pageOffsets[] = {0xc0000000, 0xb0000000, 0x80000000,
                                    0x40000000};

/// The top table lies below the text; on i386, which has the same symbols, in
/// the bss behind it.
bool owns(const Vmcoreinfo &info) {
  if (info.has("CONFIG_ARM_LPAE"))
    return true;
  const uint64_t self = info.symbol(rootSymbols[0]).value_or(~uint64_t(0));
  return self <= lowBits(32) && self < info.symbol("_stext").value_or(0);
}

std::vector<const PagingMode *> likelyModes(const RootQuery &query,
                                            std::string &reason) {
  const PagingMode *lpae = &arm::lpae, *narrow = &arm::shortDescriptors;
  auto order = [&](bool isLong) {
    return isLong ? std::vector{lpae, narrow} : std::vector{narrow, lpae};
  };
  if (auto levels = query.overrides.levels) {
    reason = "option --levels";
    return order(*levels != 2);
  }
  const bool isLong = query.vmcoreinfo.has("CONFIG_ARM_LPAE");
  reason = isLong ? "VMCOREINFO CONFIG_ARM_LPAE"
                  : "VMCOREINFO has no CONFIG_ARM_LPAE";
  return order(isLong);
}

/// linux v6.12 arch/arm/kernel/phys2virt.S: PHYS_OFFSET is a multiple of 2 MiB
/// (16 MiB up to 5.10). RAM that firmware keeps may lie before it.
std::vector<RootGuess> guessRoots(const RootQuery &query, VirtAddr self) {
  constexpr size_t maxStarts = 16;
  std::vector<uint64_t> starts;
  for (const MemoryRange &range : query.memory.ranges()) {
    const uint64_t start = alignDown(range.start.value, 2 * mebibyte);
    if (starts.size() < maxStarts && !llvm::is_contained(starts, start))
      starts.push_back(start);
  }
  std::vector<RootGuess> guesses;
  for (uint64_t pageOffset : pageOffsets)
    for (uint64_t start : starts)
      if (self.value >= pageOffset)
        guesses.push_back({PhysAddr(self.value - pageOffset + start),
                           "SYMBOL(swapper_pg_dir) - PAGE_OFFSET " +
                               hex(pageOffset) + " + start of RAM " +
                               hex(start)});
  return guesses;
}

/// From the top table, right below the text, to behind any image.
std::vector<MappedRun> mapImage(const RootQuery &query,
                                const AddressSpace &memory) {
  constexpr uint64_t after = 64 * mebibyte;
  std::optional<uint64_t> self = query.vmcoreinfo.symbol(rootSymbols[0]);
  if (!self || *self > lowBits(32))
    return {};
  return memory.mappedRuns(VirtAddr(alignDown(*self, 2 * mebibyte)),
                           VirtAddr(std::min(*self + after, lowBits(32))));
}

/// The highest VMSPLIT below the top table: an image is far smaller than what
/// lies between two of them.
uint64_t findPageOffset(const KernelImage &image) {
  const uint64_t self =
      image.vmcoreinfo.symbol(rootSymbols[0]).value_or(pageOffsets[0]);
  const uint64_t *found = llvm::find_if(
      pageOffsets, [&](uint64_t offset) { return offset <= self; });
  return found == std::end(pageOffsets) ? pageOffsets[0] : *found;
}

/// VMALLOC_START: high_memory, the end of the linear map, and 8 MiB to 16 MiB.
uint64_t findVmallocStart(const RootQuery &query, const KernelImage &image,
                          uint64_t pageOffset, std::string &source) {
  constexpr uint64_t gap = 8 * mebibyte, end = 0xff800000;
  if (auto start = query.vmcoreinfo.number("VMALLOC_START")) {
    source = "VMCOREINFO NUMBER(VMALLOC_START)";
    return *start & lowBits(32);
  }
  source = "the end of the linear map";
  const uint64_t self = image.vmcoreinfo.symbol(rootSymbols[0]).value_or(0);
  uint64_t highMemory = pageOffset;
  for (const MappedRun &run :
       image.addressSpace(query.memory)
           .mappedRuns(VirtAddr(pageOffset), VirtAddr(end - 1)))
    if (run.start.value - self == run.physical.value - image.root.value)
      highMemory = run.start.value + run.size;
  return (highMemory + gap) & ~(gap - 1);
}

/// What the kernel's own array has, as far as that can be told. linux v5.10 and
/// v6.12 arch/arm/include/asm/fixmap.h, memory.h: 5.11 moved the device tree.
void computeMarkers(const RootQuery &query, KernelImage &image) {
  const uint64_t pageOffset = findPageOffset(image);
  std::string source;
  const uint64_t vmalloc = findVmallocStart(query, image, pageOffset, source);
  const bool hasFdtArea = image.version() >= KernelVersion{5, 11};
  image.markers = {
      {pageOffset - 16 * mebibyte, "Modules"},
      {pageOffset, "Kernel Mapping"},
      {vmalloc, "vmalloc() Area"},
      {0xff800000, hasFdtArea ? "FDT Area" : "vmalloc() End"},
      {hasFdtArea ? 0xffc80000u : 0xffc00000u, "Fixmap Area"},
      {0xffff0000, "Vectors"},
      {0xffff2000, "Vectors End"},
  };
  image.evidence.add(
      "address markers", std::to_string(image.markers.size()) + " sections",
      "PAGE_OFFSET, " + source +
          " and constants: the kernel carries no "
          "address_markers[] (built without ARM_PTDUMP_DEBUGFS)");
}

void complete(const RootQuery &query, KernelImage &image) {
  const AddressSpace memory = image.addressSpace(query.memory);
  std::optional<MarkerArray> array;
  for (const MarkerArrayShape &shape :
       {MarkerArrayShape{.firstName = "Modules",
       .wordBytes = 4,
       .lowestStart = pageOffsets[3] - 16 * mebibyte},
        MarkerArrayShape{.firstName = "Kasan shadow start",
        .wordBytes = 4,
        .lowestStart = bit(28)}})
    if (!array)
      array =
          findMarkerArray(memory, image.imageRuns, shape, image.markerFault);
  if (!array)
    return computeMarkers(query, image);
  takeMarkerArray(std::move(*array), image);
  // Each text may be damaged: without the older one, too, it is the newer.
  image.dumper->wordsLevel = hasDumperText(memory, "%9lu%c %s", image) ||
                             !hasDumperText(memory, "%9lu%c", image);
  image.dumper->wordsDomain = hasDumperText(memory, "KERNEL ", image) ||
                              hasDumperText(memory, "VECTORS", image);
}

/// TASK_SIZE
VirtAddr lastUserAddress(const KernelImage &image) {
  if (const KernelRegion *shadow = image.findRegion(Region::KasanShadow))
    return shadow->first - 1;
  return VirtAddr(findPageOffset(image) - 16 * mebibyte - 1);
}

/// linux v6.12 arch/arm/include/asm/pgtable.h "Encode and decode a swap entry":
/// the same with entries of 8 bytes. 6.3 took bit 7 for "exclusive". Linux's
/// short entries say "present" where nobody may access the page.
constexpr NonPresentRules newRules(uint64_t protNone) {
  return {.protNone = protNone,
          .hugeProtNone = protNone,
          .typeShift = 2,
          .offsetShift = 8,
          .offsetBits = 24};
}
constexpr NonPresentRules oldRules(uint64_t protNone) {
  return {.protNone = protNone,
          .hugeProtNone = protNone,
          .typeShift = 2,
          .offsetShift = 7,
          .offsetBits = 25};
}
constexpr NonPresentFormat nonPresentFormats[] = {
    {8, {6, 3}, newRules(bit(57))},
    {8, {0, 0}, oldRules(bit(57))},
    {4, {6, 3}, newRules(bit(0))},
    {4, {0, 0}, oldRules(bit(0))},
};

/// linux v6.12 arch/arm/mm/dump.c, address_markers[].
constexpr RegionMarker regionMarkers[] = {
    {"Kasan shadow start", Region::KasanShadow},
    {"Modules", Region::Modules},
    {"Kernel Mapping", Region::DirectMap},
    {"vmalloc() Area", Region::Vmalloc},
    {"Fixmap Area", Region::Fixmap},
    // Where exceptions enter.
    {"Vectors", Region::CpuEntryArea},
};

/// linux v6.12 arch/arm/include/asm/pgtable-3level.h L_PTE_SPECIAL,
/// pmd_present(); short descriptors have neither such a bit nor huge pages.
SoftwareBits softwareBits(const PagingMode &mode, KernelVersion) {
  const bool isLpae = mode.entryBytes == 8;
  return {.special = isLpae ? bit(56) : 0, .hugeProtNoneIsAbsent = isLpae};
}

/// linux v6.12 arch/arm/include/asm/sparsemem.h, where a platform has no
/// numbers of its own.
unsigned sectionSizeBits(const KernelImage &) { return 28; }

/// linux v6.12 arch/arm/kernel/process.c gate_vma, with CONFIG_KUSER_HELPERS.
constexpr GateArea gateArea = {
    .name = "[vectors]",
    .start = 0xffff0000,
};

} // namespace

constexpr KernelOption options[] = {KernelOption::Levels};

const KernelArch kernelArchArm = {
    .arch = Arch::Arm,
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
    .crash = &crashArchArm,
    .options = options,
    .kernelStarts = pageOffsets,
    .gateArea = &gateArea,
    .sectionSizeBits = sectionSizeBits,
};

} // namespace vmpt
