//===- x86_64.cpp - Linux on x86-64 ---------------------------------------===//
//
// The kernel image is linked at __START_KERNEL_map, 0xffffffff80000000, plus a
// random KASLR offset that its symbols already include. Where it lies in
// physical memory is `phys_base`: physical = virtual - __START_KERNEL_map +
// phys_base. phys_base is signed: KASLR can put the kernel below 16 MiB of its
// link address, and VMCOREINFO prints NUMBER() as %ld. (QEMU reads that number
// as hex and writes nonsense into the kdump header: it is not used.)
//
// The top table is `init_top_pgt` (`init_level4_pgt` up to 4.12), which
// `swapper_pg_dir` is a macro for; VMCOREINFO has it under the macro's name.
// With PTI each process has two tables side by side, the user's at +4096; the
// kernel's own table has no such twin that matters here.
//
// CR3 is a task's table, kept lazily by idle CPUs; its low bits are a PCID.
// NUMBER(sme_mask) is the address bit that AMD's memory encryption takes.
//
// linux v6.12 arch/x86/kernel/vmcore_info_64.c, arch/x86/mm/dump_pagetables.c.
//
#include "paging/modes/X86_64.h"
#include "kernel/arch/X86.h"
#include "kernel/arch/X86_64Layout.h"
#include "kernel/context/Kernel.h"
#include "kernel/find/KernelArch.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"

#include <bit>

namespace vmpt {

namespace {

constexpr uint64_t startKernelMap = 0xffffffff80000000;
/// Text, rodata and data: KERNEL_IMAGE_SIZE with KASLR; modules follow.
constexpr uint64_t kernelImageBytes = uint64_t(1) << 30;
constexpr uint64_t cr4La57 = bit(12);

constexpr llvm::StringLiteral rootSymbols[] = {"swapper_pg_dir", "init_top_pgt",
                                               "init_level4_pgt"};

bool owns(const Vmcoreinfo &info) {
  return info.symbol("init_top_pgt") || info.symbol("init_level4_pgt") ||
         info.number("phys_base") || info.number("pgtable_l5_enabled");
}

std::vector<const PagingMode *> likelyModes(const RootQuery &query,
                                            std::string &reason) {
  const PagingMode *four = &x86_64::fourLevel, *five = &x86_64::fiveLevel;
  if (query.overrides.levels) {
    reason = "option --levels";
    return {*query.overrides.levels == 5 ? five : four};
  }
  if (auto enabled = query.vmcoreinfo.number("pgtable_l5_enabled")) {
    reason =
        "VMCOREINFO NUMBER(pgtable_l5_enabled)=" + std::to_string(*enabled);
    if (*enabled)
      return {five, four};
    return {four, five};
  }
  if (auto isFive = x86::findControlBit(query.dump.machine, cr4La57)) {
    reason = "CR4.LA57 in the QEMU CPU state";
    if (*isFive)
      return {five, four};
    return {four, five};
  }
  reason = "the default: nothing in the dump says 5-level";
  return {four, five};
}

std::optional<uint64_t> physBaseOf(const RootQuery &query) {
  if (query.overrides.physBase)
    return query.overrides.physBase;
  return query.vmcoreinfo.number("phys_base");
}

/// By the root, which is part of the image, if it is the kernel's own.
std::optional<uint64_t> physBaseOfRoot(const KernelImage &image) {
  if (image.rootIsOfTask)
    return std::nullopt;
  for (llvm::StringRef name : rootSymbols)
    if (auto self = image.vmcoreinfo.symbol(name))
      return image.root.value - (*self - startKernelMap);
  return std::nullopt;
}

std::vector<RootGuess> guessRoots(const RootQuery &query, VirtAddr self) {
  std::optional<uint64_t> physBase = physBaseOf(query);
  if (!physBase)
    return {};
  return {{PhysAddr(self.value - startKernelMap + *physBase),
           std::string("SYMBOL(swapper_pg_dir) - __START_KERNEL_map + ") +
               (query.overrides.physBase ? "option --phys-base"
                                         : "NUMBER(phys_base)")}};
}

/// The memory-encryption bit: AMD's C-bit, by CPUID Fn8000_001F[EBX] bit 47 or
/// 51 so far ([amd/vol2] 7.10.1).
std::vector<uint64_t> encryptionMasks(const RootQuery &query) {
  auto mask = query.vmcoreinfo.number("sme_mask");
  if (mask == 0u)
    return {0};
  if (mask && std::has_single_bit(*mask) && (*mask & bits(51, 12)))
    return {*mask, 0};
  return {0, bit(51), bit(47)};
}

/// The direct map, vmalloc and vmemmap lie between the entries of the LDT and
/// of the CPU entry area, and PTI's user half has none of them (linux v6.12
/// Documentation/arch/x86/x86_64/mm.rst).
bool mapsKernel(const AddressSpace &memory) {
  const PagingMode &mode = memory.mode();
  const bool five = mode.levelCount == 5;
  const unsigned first = five ? 401 : 273, last = five ? 510 : 507;
  for (unsigned index = first; index <= last; ++index) {
    uint64_t entry = 0;
    if (!readEntry(memory.physical(), mode, memory.root() + 8 * index, entry) &&
        !mode.isHole(entry, 0))
      return true;
  }
  return false;
}

/// What lies where the kernel is linked, moved by KASLR or not.
std::vector<MappedRun> mapImage(const RootQuery &, const AddressSpace &memory) {
  // Recorded or not, the tables on this way are the listing's own.
  return memory.mappedRuns(VirtAddr(startKernelMap),
                           VirtAddr(startKernelMap + kernelImageBytes - 1));
}

/// Where the kernel lies; all of it follows from the root and its symbol.
void addPlacement(const RootQuery &query, KernelImage &image) {
  if (query.overrides.physBase)
    image.evidence.add("phys_base", hex(*query.overrides.physBase),
                       "option --phys-base");
  else if (auto physBase = query.vmcoreinfo.number("phys_base"))
    image.evidence.add("phys_base", hex(*physBase),
                       "VMCOREINFO NUMBER(phys_base)");
  else if (auto physBase = physBaseOfRoot(image))
    image.evidence.add(
        "phys_base", hex(*physBase),
        "root table - (SYMBOL(swapper_pg_dir) - __START_KERNEL_map)");
  if (auto offset = query.vmcoreinfo.hexValue("KERNELOFFSET"))
    image.evidence.add("KASLR offset", hex(*offset), "VMCOREINFO KERNELOFFSET");
}

void addAddressMask(const RootQuery &query, KernelImage &image) {
  auto mask = query.vmcoreinfo.number("sme_mask");
  std::string source = "52 bits: VMCOREINFO has no sme_mask";
  if (mask == image.encryptionMask)
    source = "VMCOREINFO NUMBER(sme_mask)";
  else if (image.encryptionMask)
    source = "with " + hex(image.encryptionMask) +
             " taken for the encryption bit the root is its own fixed point";
  else if (mask)
    source = "52 bits: NUMBER(sme_mask)=" + hex(*mask) +
             " of VMCOREINFO does not fit the tables";
  image.evidence.add("physical address mask",
                     hex(image.mode.rootAddressBits().all()), source);
}

/// Constants are those of a kernel that is not moved; one whose image was has
/// its direct map elsewhere, too (CONFIG_RANDOMIZE_MEMORY).
bool contradictsTables(const RootQuery &query, const KernelImage &image) {
  if (!query.vmcoreinfo.hexValue("KERNELOFFSET").value_or(0))
    return false;
  const auto map =
      llvm::find_if(image.markers, [](const AddressMarker &marker) {
        return marker.name == "Low Kernel Mapping";
      });
  if (map == image.markers.end())
    return false;
  const VirtAddr ofRoot(map->start + image.root.value);
  const Translation path =
      translate(query.memory, image.mode, image.root, ofRoot);
  return path.outcome != Translation::Outcome::TableAbsent &&
         (!path.isMapped() || path.address != image.root);
}

void addMarkers(const RootQuery &query, KernelImage &image) {
  static constexpr MarkerArrayShape shape = {
      .firstName = "User Space",
      .wordBytes = 8,
      .wordsPerEntry = 3,
      .firstStartIsZero = true,
  };
  AddressSpace memory = image.addressSpace(query.memory);
  if (auto array =
          findMarkerArray(memory, image.imageRuns, shape, image.markerFault)) {
    takeMarkerArray(std::move(*array), image);
    return;
  }
  std::string source;
  image.markers = makeX86_64Markers(query, image, source);
  image.evidence.add("address markers",
                     std::to_string(image.markers.size()) + " sections",
                     source);
  if (image.markerFault.empty() && contradictsTables(query, image))
    image.markerFault = "there is no address_markers[], and the direct map is "
                        "not where documented constants have it";
}

void complete(const RootQuery &query, KernelImage &image) {
  addAddressMask(query, image);
  addPlacement(query, image);
  addMarkers(query, image);
}

VirtAddr lastUserAddress(const KernelImage &image) {
  return VirtAddr(bit(image.mode.virtualBits - 1) - 1);
}

/// X86_FEATURE_PTI is word 7, bit 11 since 4.15 (linux
/// arch/x86/include/asm/cpufeatures.h). Without symbols, the tables tell: PTI
/// poisons the kernel's copy of user entries with NX (arch/x86/mm/pti.c).
bool hasPti(const Kernel &kernel, PhysAddr kernelRoot) {
  constexpr unsigned capabilityWord = 7, capabilityBit = 11;
  llvm::Expected<VirtAddr> cpu = kernel.address("boot_cpu_data");
  if (cpu) {
    std::optional<Field> field =
        findOptionalField(kernel.types(), "cpuinfo_x86", {"x86_capability"});
    if (field && field->sizeBytes > 4 * capabilityWord)
      if (auto word = kernel.reader().tryNumber(
              *cpu, Field{field->offset + 4 * capabilityWord, 4}))
        return *word & bit(capabilityBit);
  }
  llvm::consumeError(cpu.takeError());
  const PagingMode &mode = kernel.memory().mode();
  for (unsigned index = 0; index < mode.entryCount(0) / 2; ++index) {
    uint64_t entry = 0;
    if (!readEntry(kernel.memory().physical(), mode, kernelRoot + index * 8,
                   entry) &&
        !mode.isHole(entry, 0))
      return entry >> 63;
  }
  return false;
}

/// CPUID 80000008H, less what memory encryption takes: linux
/// arch/x86/kernel/cpu/common.c get_cpu_address_sizes().
std::optional<unsigned> physicalBits(const Kernel &kernel) {
  constexpr unsigned fewest = 32, most = 52;
  auto cpu = kernel.symbols().find("boot_cpu_data");
  if (!cpu)
    return std::nullopt;
  auto bits = kernel.reader().tryNumber(
      cpu->address,
      findOptionalField(kernel.types(), "cpuinfo_x86", {"x86_phys_bits"}));
  if (!bits || *bits < fewest || *bits > most)
    return std::nullopt;
  return unsigned(*bits);
}

PhysAddr userRoot(const Kernel &kernel, PhysAddr kernelRoot) {
  return hasPti(kernel, kernelRoot) ? kernelRoot + bit(12) : kernelRoot;
}

constexpr NonPresentFormat nonPresentFormats[] = {x86::wideEntries};

/// linux v6.12 arch/x86/mm/dump_pagetables.c, address_markers[]; EFI's 64 GiB:
/// Documentation/arch/x86/x86_64/mm.rst.
constexpr RegionMarker regionMarkers[] = {
    {"LDT remap", Region::LdtRemap},
    {"Low Kernel Mapping", Region::DirectMap},
    {"vmalloc() Area", Region::Vmalloc},
    {"Vmemmap", Region::Vmemmap},
    {"KASAN shadow", Region::KasanShadow},
    {"CPU entry Area", Region::CpuEntryArea},
    {"ESPfix Area", Region::Espfix},
    {"EFI Runtime Services", Region::EfiRuntime, uint64_t(64) << 30},
    {"High Kernel Mapping", Region::KernelImage},
    {"Modules", Region::Modules},
    {"Fixmap Area", Region::Fixmap},
};

/// linux v6.12 arch/x86/include/asm/pgtable_types.h. `ignored` is
/// _PAGE_KNL_ERRATUM_MASK.
SoftwareBits softwareBits(const PagingMode &, KernelVersion) {
  return {.special = bit(9),
          .softDirty = bit(11),
          .uffdWp = bit(10),
          .swapSoftDirty = bit(1),
          .swapUffdWp = bit(2),
          .ignored = bits(6, 5)};
}

} // namespace

/// linux v6.12 arch/x86/kernel/cpu/common.c cpu_init_gs: the kernel's GS base;
/// swapped for the user's while user code runs.
constexpr llvm::StringLiteral perCpuRegisters[] = {"gs_base", "kernel_gs_base"};

/// linux v6.12 arch/x86/include/uapi/asm/vsyscall.h VSYSCALL_ADDR, with
/// CONFIG_X86_VSYSCALL_EMULATION.
constexpr GateArea gateArea = {
    .name = "[vsyscall]",
    .start = 0xffffffffff600000,
    .mode = "vsyscall_mode",
};

constexpr KernelOption options[] = {KernelOption::Levels,
                                    KernelOption::PhysBase};

const KernelArch kernelArchX86_64 = {
    .arch = Arch::X86_64,
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
    .crash = &crashArchX86_64,
    .userRoot = userRoot,
    .options = options,
    .physBase = physBaseOfRoot,
    .gateArea = &gateArea,
    .hasUncachedPageFlag = true,
    .rootRegister = "cr3",
    .userHalfBit = bit(12),
    .perCpuRegisters = perCpuRegisters,
    .mapsKernel = mapsKernel,
    .hasModuleStyle = true,
    .physicalBits = physicalBits,
    .encryptionMasks = encryptionMasks,
};

} // namespace vmpt
