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
#include "kernel/context/KernelDebug.h"
#include "kernel/find/KernelArch.h"

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
  for (const CpuRegisters &cpu : query.dump.machine.cpus)
    if (auto cr4 = cpu.find("cr4")) {
      reason = "CR4.LA57 in the QEMU CPU state";
      if (*cr4 & cr4La57)
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

std::vector<RootGuess> guessRoots(const RootQuery &query, VirtAddr self) {
  std::optional<uint64_t> physBase = physBaseOf(query);
  if (!physBase)
    return {};
  return {{PhysAddr(self.value - startKernelMap + *physBase),
           std::string("SYMBOL(swapper_pg_dir) - __START_KERNEL_map + ") +
               (query.overrides.physBase ? "option --phys-base"
                                         : "NUMBER(phys_base)")}};
}

std::vector<RootGuess> registerRoots(const RootQuery &query) {
  std::vector<RootGuess> guesses;
  for (size_t i = 0; i < query.dump.machine.cpus.size(); ++i)
    if (auto cr3 = query.dump.machine.cpus[i].find("cr3"))
      guesses.push_back(
          {x86_64::fourLevel.rootIn(*cr3), "CR3 of CPU " + std::to_string(i)});
  return guesses;
}

/// Where the kernel lies; all of it follows from the root and its symbol.
void addPlacement(const RootQuery &query, KernelImage &image) {
  std::optional<uint64_t> self;
  for (llvm::StringRef name : rootSymbols)
    if (!self)
      self = query.vmcoreinfo.symbol(name);
  if (query.overrides.physBase)
    image.evidence.add("phys_base", hex(*query.overrides.physBase),
                       "option --phys-base");
  else if (auto physBase = query.vmcoreinfo.number("phys_base"))
    image.evidence.add("phys_base", hex(*physBase),
                       "VMCOREINFO NUMBER(phys_base)");
  else if (self)
    image.evidence.add(
        "phys_base", hex(image.root.value - (*self - startKernelMap)),
        "root table - (SYMBOL(swapper_pg_dir) - __START_KERNEL_map)");
  if (auto offset = query.vmcoreinfo.hexValue("KERNELOFFSET"))
    image.evidence.add("KASLR offset", hex(*offset), "VMCOREINFO KERNELOFFSET");
}

void applyEncryptionMask(const RootQuery &query, KernelImage &image) {
  std::optional<uint64_t> mask = query.vmcoreinfo.number("sme_mask");
  image.encryptionMask = mask.value_or(0) & bits(51, 12);
  image.mode = withoutAddressBits(*image.mode, image.encryptionMask);
  image.evidence.add("physical address mask",
                     hex(image.mode->rootAddressBits().all()),
                     mask ? "VMCOREINFO NUMBER(sme_mask)"
                          : "52 bits: VMCOREINFO has no sme_mask");
}

void addMarkers(const RootQuery &query, KernelImage &image) {
  static constexpr MarkerArrayShape shape = {
      .firstName = "User Space",
      .wordBytes = 8,
      .wordsPerEntry = 3,
      .firstStartIsZero = true,
  };
  AddressSpace memory = image.addressSpace(query.memory);
  // Recorded or not, the tables on this way are the listing's own.
  image.imageRuns =
      memory.mappedRuns(VirtAddr(startKernelMap),
                        VirtAddr(startKernelMap + kernelImageBytes - 1));
  if (auto array = findMarkerArray(memory, image.imageRuns, shape)) {
    image.evidence.add(
        "address markers", std::to_string(array->markers.size()) + " sections",
        "address_markers[] in the kernel's memory at " + hex(array->address));
    image.markers = std::move(array->markers);
    return;
  }
  std::string source;
  image.markers = makeX86_64Markers(query, image, source);
  image.evidence.add("address markers",
                     std::to_string(image.markers.size()) + " sections",
                     source);
}

void complete(const RootQuery &query, KernelImage &image) {
  applyEncryptionMask(query, image);
  addPlacement(query, image);
  addMarkers(query, image);
}

VirtAddr lastUserAddress(const KernelImage &image) {
  return VirtAddr(bit(image.mode->virtualBits - 1) - 1);
}

/// X86_FEATURE_PTI is word 7, bit 11 since 4.15 (linux
/// arch/x86/include/asm/cpufeatures.h). Without symbols, the tables tell: PTI
/// poisons the kernel's copy of user entries with NX (arch/x86/mm/pti.c).
bool hasPti(const KernelDebug &debug, PhysAddr kernelRoot) {
  constexpr unsigned capabilityWord = 7, capabilityBit = 11;
  llvm::Expected<VirtAddr> cpu = debug.address("boot_cpu_data");
  if (cpu) {
    std::optional<Field> field =
        findOptionalField(debug.types(), "cpuinfo_x86", {"x86_capability"});
    if (field && field->sizeBytes > 4 * capabilityWord)
      if (auto word = debug.reader().tryNumber(
              *cpu, Field{field->offset + 4 * capabilityWord, 4}))
        return *word & bit(capabilityBit);
  }
  llvm::consumeError(cpu.takeError());
  const PagingMode &mode = debug.memory().mode();
  for (unsigned index = 0; index < mode.entryCount(0) / 2; ++index) {
    uint64_t entry = 0;
    if (!readEntry(debug.memory().physical(), mode, kernelRoot + index * 8,
                   entry) &&
        !mode.isHole(entry, 0))
      return entry >> 63;
  }
  return false;
}

PhysAddr userRoot(const KernelDebug &debug, PhysAddr kernelRoot) {
  return hasPti(debug, kernelRoot) ? kernelRoot + bit(12) : kernelRoot;
}

constexpr NonPresentFormat nonPresentFormats[] = {x86::wideEntries};

} // namespace

const KernelArch kernelArchX86_64 = {
    .arch = Arch::X86_64,
    .owns = owns,
    .rootSymbols = rootSymbols,
    .likelyModes = likelyModes,
    .guessRoots = guessRoots,
    .registerRoots = registerRoots,
    .complete = complete,
    .lastUserAddress = lastUserAddress,
    .nonPresentFormats = nonPresentFormats,
    .userRoot = userRoot,
    .hasGateArea = true,
};

} // namespace vmpt
