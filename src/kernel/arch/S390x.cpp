//===- S390x.cpp - Linux on IBM Z -----------------------------------------===//
//
// The kernel and each process have an address space of their own, all from 0
// on: nothing in an address says whose it is. While the kernel runs, control
// registers 1 and 13 hold its ASCE and 7 that of a process; a CPU that was
// stopped in user code has a process's in 1. An ASCE says how many levels its
// tables have, and so does each entry of the top table.
//
// Each CPU sees its own pages at 0 (prefixing); a dump is of absolute storage,
// without that. In absolute page 0 the kernel leaves the address of its
// VMCOREINFO note, and in each CPU's prefix pages its ASCE.
//
// Up to 6.9 the kernel lies in the identity mapping, virtual equal to physical
// address, wherever KASLR put it. Since then it is mapped near the top of the
// address space, and the identity mapping may start elsewhere than at 0.
//
// linux v6.12 arch/s390/kernel/vmcore_info.c, arch/s390/include/asm/lowcore.h,
// arch/s390/include/asm/pgtable.h; v6.1 for the older layout.
//
#include "paging/modes/S390x.h"
#include "kernel/arch/S390xLayout.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral rootSymbols[] = {"swapper_pg_dir"};

/// struct lowcore
constexpr uint64_t kernelAsceOffset = 0x388, vmcoreinfoOffset = 0xe0c;
/// In the order of trust.
constexpr llvm::StringLiteral kernelRegisters[] = {"cr13", "cr1"};

bool owns(const Vmcoreinfo &info) {
  return info.symbol("lowcore_ptr").has_value();
}

struct NamedAsce {
  uint64_t value;
  std::string source;
};

/// What may be the kernel's ASCE, and is not judged yet.
std::vector<NamedAsce> findAsces(const RootQuery &query) {
  std::vector<NamedAsce> asces;
  auto add = [&](uint64_t value, std::string source) {
    constexpr size_t most = 64; // CPUs of a hostile dump
    if (s390x::regionThird.rootIn(value) != PhysAddr(0) &&
        asces.size() < most &&
        llvm::none_of(asces, [&](auto &known) { return known.value == value; }))
      asces.push_back({value, std::move(source)});
  };
  const Machine &machine = query.dump.machine;
  for (llvm::StringRef name : kernelRegisters)
    for (size_t i = 0; i < machine.cpus.size(); ++i)
      if (auto value = machine.cpus[i].find(name))
        add(*value, "control register " + name.drop_front(2).str() + " of " +
                        machine.cpuName(i));
  for (size_t i = 0; i < machine.cpus.size(); ++i)
    if (auto prefix = machine.cpus[i].find("prefix")) {
      auto value = query.memory.readNumber<uint64_t>(
          PhysAddr(*prefix + kernelAsceOffset), ByteOrder::big);
      if (value)
        add(*value, "kernel_asce in the lowcore of " + machine.cpuName(i));
      else
        llvm::consumeError(value.takeError());
    }
  return asces;
}

/// All modes, the one of \p levels first. No kernel runs on two levels.
std::vector<const PagingMode *> modesFirst(unsigned levels) {
  std::vector<const PagingMode *> order = {
      &s390x::regionThird, &s390x::regionSecond, &s390x::regionFirst};
  std::stable_partition(order.begin(), order.end(),
                        [&](auto *mode) { return mode->levelCount == levels; });
  return order;
}

std::vector<const PagingMode *> likelyModes(const RootQuery &query,
                                            std::string &reason) {
  if (auto levels = query.overrides.levels) {
    reason = "option --levels";
    return modesFirst(*levels);
  }
  const std::vector<NamedAsce> asces = findAsces(query);
  if (asces.empty()) {
    reason = "the mode in which the root is its own fixed point";
    return modesFirst(3);
  }
  reason =
      "the type in " + asces.front().source + ", " + hex(asces.front().value);
  return modesFirst(s390x::modeOf(asces.front().value).levelCount);
}

/// The virtual minus the physical address of the kernel's image.
uint64_t findImageOffset(const Vmcoreinfo &info) {
  auto physical = info.hexValue("KERNELOFFPHYS");
  return physical ? info.hexValue("KERNELOFFSET").value_or(0) - *physical : 0;
}

std::vector<RootGuess> guessRoots(const RootQuery &query, VirtAddr self) {
  std::vector<RootGuess> guesses;
  for (const NamedAsce &asce : findAsces(query))
    guesses.push_back({s390x::regionThird.rootIn(asce.value), asce.source});
  const uint64_t offset = findImageOffset(query.vmcoreinfo);
  guesses.push_back({PhysAddr(self.value - offset),
                     offset ? "SYMBOL(swapper_pg_dir) - KERNELOFFSET + "
                              "KERNELOFFPHYS"
                            : "SYMBOL(swapper_pg_dir), mapped one to one"});
  return guesses;
}

/// With VMCOREINFO as others do. Else text is what may be executed and not be
/// written, and the rest of the image follows it.
std::vector<MappedRun> mapImage(const RootQuery &query,
                                const AddressSpace &memory) {
  if (query.vmcoreinfo.symbol("swapper_pg_dir"))
    return mapKernelImage(query, memory);
  constexpr uint64_t behindText = uint64_t(64) << 20;
  const std::vector<MappedRun> all =
      memory.mappedRuns(VirtAddr(0), memory.mode().coverage.last());
  const MappedRun *text = nullptr;
  for (const MappedRun &run : all)
    if (run.rights.executable && !run.rights.writable &&
        (!text || run.size > text->size))
      text = &run;
  if (!text)
    return {};
  const uint64_t first = text->start.value;
  return memory.mappedRuns(
      text->start, VirtAddr(first + std::min(text->size + behindText, ~first)));
}

/// The markers name it since 6.1. Before 5.15 it is called after DMA.
void addAmode31(const Vmcoreinfo &info, KernelImage &image) {
  for (const AddressMarker &marker : image.markers)
    if (marker.name == "Amode31 Area Start" && marker.start)
      return;
  constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral> keys[] = {
      {"SAMODE31", "EAMODE31"}, {"SDMA", "EDMA"}};
  for (const auto &[first, end] : keys) {
    const auto start = info.hexValue(first), stop = info.hexValue(end);
    if (start && stop && *start < *stop)
      image.regions.push_back({Region::Amode31, VirtAddr(*start),
                               VirtAddr(*stop - 1),
                               ("VMCOREINFO " + first).str()});
  }
}

void complete(const RootQuery &query, KernelImage &image) {
  for (llvm::StringRef name : {"KERNELOFFSET", "KERNELOFFPHYS", "IDENTITYBASE"})
    if (auto value = query.vmcoreinfo.hexValue(name))
      image.evidence.add(name == "KERNELOFFSET"    ? "KASLR offset"
                         : name == "KERNELOFFPHYS" ? "physical KASLR offset"
                                                   : "identity mapping",
                         hex(*value), ("VMCOREINFO " + name).str());
  if (auto array = findS390xMarkers(image.addressSpace(query.memory),
                                    image.imageRuns, image.markerFault)) {
    takeMarkerArray(std::move(*array), image);
  } else {
    std::string source;
    image.markers = makeS390xMarkers(query, image, source);
    image.evidence.add("address markers",
                       std::to_string(image.markers.size()) + " sections",
                       source);
  }
  addAmode31(query.vmcoreinfo, image);
}

/// TASK_SIZE_MAX: all but the last page. A process with fewer levels has less.
VirtAddr lastUserAddress(const KernelImage &) {
  return VirtAddr(~lowBits(12) - 1);
}

/// Each entry of the top table, the first as well as any, says its level.
PagingMode taskMode(const KernelImage &image, const PhysicalMemory &memory,
                    PhysAddr root) {
  // linux "s390/mm: Introduce region-third and segment table entry present
  // bits"
  s390x::OldPageBits old;
  old.aboveLast =
      image.version() >= KernelVersion{6, 14} ? bit(0) | bit(14) : bit(0);
  llvm::Expected<uint64_t> entry =
      memory.readNumber<uint64_t>(root, ByteOrder::big);
  if (entry)
    return s390x::ofProcess(s390x::modeOf(*entry), old);
  llvm::consumeError(entry.takeError());
  return s390x::ofProcess(s390x::regionThird, old);
}

PagingMode processMode(const PagingMode &mode) {
  return s390x::ofProcess(mode, {});
}

std::optional<PhysAddr> findVmcoreinfoNote(const PhysicalMemory &memory) {
  llvm::Expected<uint64_t> at =
      memory.readNumber<uint64_t>(PhysAddr(vmcoreinfoOffset), ByteOrder::big);
  if (!at) {
    llvm::consumeError(at.takeError());
    return std::nullopt;
  }
  // With bit 0 it is the KASLR offset, which the boot loader leaves there.
  if (!*at || *at & 3)
    return std::nullopt;
  return PhysAddr(*at);
}

/// linux arch/s390/include/asm/pgtable.h, pte_swap(), mk_swap_pte(). Large
/// pages have no swap entries before 6.14.
constexpr NonPresentFormat nonPresentFormats[] = {
    {8,
     {6, 14},
     {.protNone = bit(0),
      .hugeProtNone = bit(0),
      .typeShift = 2,
      .offsetShift = 12,
      .offsetBits = 52}},
    {8,
     {0, 0},
     {.protNone = bit(0),
      .hugeProtNone = s390x::formatControl,
      .typeShift = 2,
      .offsetShift = 12,
      .offsetBits = 52}},
};

/// The same: _PAGE_SPECIAL, _PAGE_SOFT_DIRTY, _SEGMENT_ENTRY_SOFT_DIRTY.
SoftwareBits softwareBits(const PagingMode &, KernelVersion version) {
  return {.special = bit(6),
          .softDirty = bit(1),
          .largeSoftDirty = version >= KernelVersion{6, 14} ? bit(1) : bit(14),
          .swapSoftDirty = bit(1)};
}

/// linux v6.1 and v6.12 arch/s390/mm/dump_pagetables.c. Sections may begin
/// inside of others.
constexpr RegionMarker regionMarkers[] = {
    {"Identity Mapping Start", Region::DirectMap, ~uint64_t(0),
     "Identity Mapping End"},
    {"vmemmap Area Start", Region::Vmemmap, ~uint64_t(0), "vmemmap Area End"},
    {"vmalloc Area Start", Region::Vmalloc, ~uint64_t(0), "vmalloc Area End"},
    {"Modules Area Start", Region::Modules, ~uint64_t(0), "Modules Area End"},
    {"Kernel Image Start", Region::KernelImage, ~uint64_t(0),
     "Kernel Image End"},
    {"Kasan Shadow Start", Region::KasanShadow, ~uint64_t(0),
     "Kasan Shadow End"},
    {"Lowcore Start", Region::Lowcore, ~uint64_t(0), "Lowcore End"},
    {"Lowcore Area Start", Region::Lowcore, ~uint64_t(0), "Lowcore Area End"},
    {"Amode31 Area Start", Region::Amode31, ~uint64_t(0), "Amode31 Area End"},
};

/// linux v6.12 arch/s390/include/asm/sparsemem.h
unsigned sectionSizeBits(const KernelImage &) { return 28; }

constexpr KernelOption options[] = {KernelOption::Levels};

} // namespace

const KernelArch kernelArchS390x = {
    .arch = Arch::S390x,
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
    .crash = &crashArchS390x,
    .options = options,
    .tasksMapKernel = false,
    .taskMode = taskMode,
    .processMode = processMode,
    .spacesOverlap = true,
    .findVmcoreinfoNote = findVmcoreinfoNote,
    .sectionSizeBits = sectionSizeBits,
    .rootRegister = "cr13",
    // _PAGE_WRITE: a page that is clean is protected until it is written to.
    .userWriteBit = bit(5),
    // linux v6.12 arch/s390/mm/init.c setup_zero_pages()
    .maxZeroPageOrder = 7,
    // linux v6.12 arch/s390/mm/dump_pagetables.c note_prot_wx()
    .checkSkipsFirstPage = true,
};

} // namespace vmpt
