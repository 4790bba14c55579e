//===- i386.cpp - Linux on 32-bit x86 -------------------------------------===//
//
// The image lies in the linear map at PAGE_OFFSET, which is a choice of the
// configuration (the VMSPLIT options) that VMCOREINFO does not tell; each is
// tried, and the fixed point decides. KASLR moves the image in physical and
// virtual memory alike. VMCOREINFO has neither phys_base nor KERNELOFFSET;
// CONFIG_X86_PAE=y says PAE, and its lack says nothing but that.
//
// A PAE root is four entries; tasks' roots are 32-byte aligned without PTI and
// two pages with it. QEMU sets "accessed" in them, hardware does not.
// QEMU writes 32-bit guests as ELFCLASS64 with EM_386 when an address needs it.
//
// linux v6.1 arch/x86/kernel/crash_core_32.c, arch/x86/Kconfig PAGE_OFFSET,
// arch/x86/mm/dump_pagetables.c.
//
#include "paging/modes/I386.h"
#include "kernel/arch/X86.h"
#include "kernel/context/Kernel.h"
#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

constexpr llvm::StringLiteral rootSymbols[] = {"swapper_pg_dir"};
constexpr uint64_t cr4Pae = bit(5);

/// PAGE_OFFSET by VMSPLIT, the default first.
constexpr uint64_t pageOffsets[] = {0xc0000000, 0xb0000000, 0x80000000,
                                    0x78000000, 0x40000000};

bool owns(const Vmcoreinfo &info) {
  return info.has("CONFIG_X86_PAE") ||
         info.symbol("swapper_pg_dir").value_or(~uint64_t(0)) <= lowBits(32);
}

std::vector<const PagingMode *> likelyModes(const RootQuery &query,
                                            std::string &reason) {
  const PagingMode *pae = &i386::pae, *two = &i386::twoLevel;
  auto order = [&](bool isPae) {
    return isPae ? std::vector{pae, two} : std::vector{two, pae};
  };
  if (auto levels = query.overrides.levels) {
    reason = "option --levels";
    return order(*levels != 2);
  }
  if (query.vmcoreinfo.has("CONFIG_X86_PAE")) {
    reason = "VMCOREINFO CONFIG_X86_PAE";
    return order(true);
  }
  if (auto isPae = x86::findControlBit(query.dump.machine, cr4Pae)) {
    reason = "CR4.PAE in the QEMU CPU state";
    return order(*isPae);
  }
  reason = "VMCOREINFO has no CONFIG_X86_PAE";
  return order(false);
}

std::vector<RootGuess> guessRoots(const RootQuery &, VirtAddr self) {
  std::vector<RootGuess> guesses;
  for (uint64_t pageOffset : pageOffsets)
    if (self.value >= pageOffset)
      guesses.push_back(
          {PhysAddr(self.value - pageOffset),
           "SYMBOL(swapper_pg_dir) - PAGE_OFFSET " + hex(pageOffset)});
  return guesses;
}

/// By the root and its symbol; by the symbol alone where a task's root stands
/// for the kernel's, or the image lies elsewhere than in the direct map.
uint64_t findPageOffset(const KernelImage &image) {
  const std::optional<uint64_t> self = image.vmcoreinfo.symbol(rootSymbols[0]);
  if (!self)
    return pageOffsets[0];
  const uint64_t distance = *self - image.root.value;
  if (!image.rootIsOfTask && llvm::is_contained(pageOffsets, distance))
    return distance;
  const uint64_t *found = llvm::find_if(
      pageOffsets, [&](uint64_t offset) { return offset <= *self; });
  return found == std::end(pageOffsets) ? pageOffsets[0] : *found;
}

void addMarkers(const RootQuery &query, KernelImage &image) {
  static constexpr MarkerArrayShape shape = {
      .firstName = "User Space",
      .wordBytes = 4,
      .wordsPerEntry = 3,
      .firstStartIsZero = true,
  };
  if (auto array = findMarkerArray(image.addressSpace(query.memory),
                                   image.imageRuns, shape, image.markerFault)) {
    takeMarkerArray(std::move(*array), image);
    return;
  }
  // The rest depends on the size of memory and on the configuration.
  image.markers = {{0, "User Space"},
                   {findPageOffset(image), "Kernel Mapping"}};
  image.evidence.add("address markers", "2 sections",
                     "the kernel carries no address_markers[] (built without "
                     "PTDUMP), and the others cannot be computed");
}

/// Up to PAGE_OFFSET, where the direct map starts.
VirtAddr lastUserAddress(const KernelImage &image) {
  const KernelRegion *map = image.findRegion(Region::DirectMap);
  if (map && map->first != VirtAddr(0))
    return map->first - 1;
  return VirtAddr(pageOffsets[0] - 1);
}

/// With PTI a process has two roots side by side, in 8 KiB, whose entries for
/// user addresses are the same; QEMU sets "accessed" in those in use. Without
/// PTI anything may follow a root. The CPU's feature bits need symbols that
/// these kernels seldom have.
PhysAddr userRoot(const Kernel &kernel, PhysAddr kernelRoot) {
  const KernelImage &image = kernel.image();
  const PagingMode &mode = image.mode;
  const PhysAddr userTable = kernelRoot + bit(12);
  constexpr uint64_t accessedBit = bit(5);
  if (kernelRoot.value & bit(12))
    return kernelRoot;
  const unsigned last = mode.indexOf(lastUserAddress(image), 0);
  unsigned presentCount = 0;
  for (unsigned index = 0; index <= last; ++index) {
    uint64_t kernels = 0, users = 0;
    const PhysicalMemory &memory = kernel.memory().physical();
    if (readEntry(memory, mode, kernelRoot + index * mode.entryBytes,
                  kernels) ||
        readEntry(memory, mode, userTable + index * mode.entryBytes, users) ||
        ((kernels ^ users) & ~accessedBit))
      return kernelRoot;
    presentCount += !mode.isHole(kernels, 0);
  }
  return presentCount ? userTable : kernelRoot;
}

constexpr NonPresentFormat nonPresentFormats[] = {x86::wideEntries,
                                                  x86::narrowEntries};

/// linux v6.1 arch/x86/mm/dump_pagetables.c, address_markers[].
constexpr RegionMarker regionMarkers[] = {
    {"Kernel Mapping", Region::DirectMap},
    {"vmalloc() Area", Region::Vmalloc},
    {"Persistent kmap() Area", Region::PersistentKmap},
    {"LDT remap", Region::LdtRemap},
    {"CPU entry area", Region::CpuEntryArea},
    {"Fixmap area", Region::Fixmap},
    {"Fixmap Area", Region::Fixmap},
};

/// linux v6.12 arch/x86/include/asm/pgtable_types.h; the erratum's bits only
/// with entries of 8 bytes.
SoftwareBits softwareBits(const PagingMode &mode, KernelVersion) {
  return {.special = bit(9), .ignored = mode.entryBytes == 8 ? bits(6, 5) : 0};
}

/// linux v6.12 arch/x86/include/asm/sparsemem.h
unsigned sectionSizeBits(const KernelImage &image) {
  return image.mode.entryBytes == 8 ? 29 : 26;
}

} // namespace

constexpr KernelOption options[] = {KernelOption::Levels};

const KernelArch kernelArchI386 = {
    .arch = Arch::I386,
    .owns = owns,
    .rootSymbols = rootSymbols,
    .likelyModes = likelyModes,
    .guessRoots = guessRoots,
    .mapImage = mapKernelImage,
    .complete = addMarkers,
    .regionMarkers = regionMarkers,
    .lastUserAddress = lastUserAddress,
    .nonPresentFormats = nonPresentFormats,
    .softwareBits = softwareBits,
    .crash = &crashArchI386,
    .userRoot = userRoot,
    .options = options,
    .kernelStarts = pageOffsets,
    .sectionSizeBits = sectionSizeBits,
    .hasUncachedPageFlag = true,
    .rootRegister = "cr3",
    .userHalfBit = bit(12),
    .hasModuleStyle = true,
    .checkSkipsBios = true,
};

} // namespace vmpt
