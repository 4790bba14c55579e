//===- LoongArch64.cpp - Linux on 64-bit LoongArch ------------------------===//
//
// The image and all of RAM lie in a direct window, 0x9000'0000'0000'0000 and
// the physical address: where a symbol is in memory needs no table. So the
// table at swapper_pg_dir does not map itself, and a fixed point proves
// nothing. What proves it here: most of its entries are one value, a pointer
// into the window to a table of the next level, of which all entries are one
// value, and so on to a table without a page (pgd_init(), pmd_init()). How
// many steps that takes is the number of levels, and the values are the
// entries that mean "nothing".
//
// linux v6.12 arch/loongarch/include/asm/pgtable.h, addrspace.h, mm/init.c.
//
#include "paging/modes/LoongArch64.h"
#include "kernel/find/KernelArch.h"
#include "paging/Translate.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral rootSymbols[] = {"swapper_pg_dir"};

bool isInWindow(uint64_t address) {
  return llvm::any_of(loongarch64::windows, [&](const DirectWindow &window) {
    return window.covers(VirtAddr(address));
  });
}

bool owns(const Vmcoreinfo &info) {
  auto self = info.symbol(rootSymbols[0]);
  return self && isInWindow(*self);
}

std::vector<const PagingMode *> likelyModes(const RootQuery &query,
                                            std::string &reason) {
  std::vector<const PagingMode *> order(std::begin(loongarch64::modes),
                                        std::end(loongarch64::modes));
  reason = "the mode in which the empty entries lead to tables of nothing";
  if (auto pageBytes = query.vmcoreinfo.decimal("PAGESIZE")) {
    reason =
        "VMCOREINFO PAGESIZE=" + std::to_string(*pageBytes) + "; " + reason;
    llvm::erase_if(order, [&](const PagingMode *mode) {
      return bit(mode->pageShift) != *pageBytes;
    });
  }
  if (auto levels = query.overrides.levels) {
    reason = "option --levels";
    llvm::erase_if(order, [&](const PagingMode *mode) {
      return mode->levelCount != *levels;
    });
  }
  return order;
}

std::vector<RootGuess> guessRoots(const RootQuery &, VirtAddr self) {
  for (const DirectWindow &window : loongarch64::windows)
    if (window.covers(self))
      return {{window.physical(self),
               "SYMBOL(swapper_pg_dir) in its direct window"}};
  return {};
}

/// The entries of a table; nothing where one is not in the dump.
std::optional<std::vector<uint64_t>> readTable(const PhysicalMemory &memory,
                                               const PagingMode &mode,
                                               PhysAddr table, unsigned level,
                                               AbsentByte &absent) {
  std::vector<uint8_t> raw(mode.tableBytes(level));
  if (auto missing = memory.tryRead(table, raw)) {
    absent = *missing;
    return std::nullopt;
  }
  std::vector<uint64_t> entries(mode.entryCount(level));
  for (size_t i = 0; i < entries.size(); ++i)
    entries[i] = mode.load(raw.data() + i * mode.entryBytes);
  return entries;
}

/// The value that half of them or more have, and how many.
std::pair<uint64_t, size_t> findCommon(std::vector<uint64_t> entries) {
  std::nth_element(entries.begin(), entries.begin() + entries.size() / 2,
                   entries.end());
  const uint64_t middle = entries[entries.size() / 2];
  return {middle, size_t(llvm::count(entries, middle))};
}

/// Fills in what \p mode's empty entries are. Why they cannot be found, else.
RootJudgement findEmptyEntries(const PhysicalMemory &memory, PagingMode &mode,
                               PhysAddr root) {
  /// pte_none()
  constexpr uint64_t global = bit(6);
  PhysAddr table = root;
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    const std::string name = level ? "the table of nothing" : "it";
    AbsentByte absent = {};
    auto entries = readTable(memory, mode, table, level, absent);
    const bool isLast = level == mode.lastLevel();
    if (!entries && isLast && memory.mayBeZeros(absent.absence))
      break; // an empty page, left out by a filter
    if (!entries)
      return {RootVerdict::Unconfirmed,
              name + " at " + hex(table) + ", is not in the dump (" +
                  getAbsenceName(absent.absence).str() + ")",
              false};
    const auto [common, count] = findCommon(*entries);
    if (count * 2 < entries->size() || (level && count < entries->size()))
      return {RootVerdict::Refuted,
              "the entries of " + name + " at " + hex(table) + " are not alike",
              false};
    if (isLast ? (common & ~global) != 0
               : !mode.decode(common, level).isTable())
      return {RootVerdict::Refuted,
              "what " + name + " at " + hex(table) + " is full of, " +
                  hex(common) + ", is no empty entry of level " +
                  std::to_string(level),
              false};
    if (isLast)
      break;
    table = mode.decode(common, level).address;
    loongarch64::setEmptyEntry(mode, level, common);
  }
  return {RootVerdict::Confirmed, "", false};
}

/// From the text to behind any bss; the window maps it in one piece.
std::vector<MappedRun> mapImage(const RootQuery &query,
                                const AddressSpace &memory) {
  constexpr uint64_t mebibyte = bit(20), after = 64 * mebibyte;
  const uint64_t self = query.vmcoreinfo.symbol(rootSymbols[0]).value_or(0);
  const uint64_t text = query.vmcoreinfo.symbol("_stext").value_or(self);
  if (text > self || self - text >= maxImageBytes)
    return {};
  const VirtAddr first(alignDown(text, bit(16)));
  const Translation found = memory.find(first);
  if (!found.isMapped())
    return {};
  return {{first, found.address, self + after - first.value, 0,
           PageRights::without(UserRights)}};
}

/// linux v6.12 arch/loongarch/include/asm/pgtable.h MODULES_VADDR,
/// VMALLOC_START, VMEMMAP_START: two pages lie between I/O and modules.
void addMarkers(const RootQuery &query, KernelImage &image) {
  constexpr uint64_t ioBytes = bit(25);
  const uint64_t base = loongarch64::kernelStart;
  image.markers = {{base, "PCI I/O"},
                   {base + ioBytes + 2 * bit(image.mode.pageShift), "Modules"}};
  std::string source = "the layout of linux v6.12";
  if (auto vmalloc = query.vmcoreinfo.number("VMALLOC_START")) {
    image.markers.push_back({*vmalloc, "vmalloc() Area"});
    source += ", VMCOREINFO NUMBER(VMALLOC_START)";
  }
  if (auto vmemmap = query.vmcoreinfo.symbol("vmemmap");
      vmemmap && image.mode.coverage.covers(VirtAddr(*vmemmap))) {
    image.markers.push_back({*vmemmap, "vmemmap"});
    source += ", SYMBOL(vmemmap)";
  }
  llvm::stable_sort(image.markers,
                    [](auto &a, auto &b) { return a.start < b.start; });
  image.evidence.add("address markers",
                     std::to_string(image.markers.size()) + " sections",
                     source + ": the kernel has no dumper of page tables");
}

void complete(const RootQuery &query, KernelImage &image) {
  const RootJudgement found =
      findEmptyEntries(query.memory, image.mode, image.root);
  std::string values;
  for (unsigned level = 0; level < image.mode.lastLevel(); ++level)
    values += (values.empty() ? "" : " ") + hex(image.mode.levels[level].empty);
  image.evidence.add("empty entries", values,
                     found.verdict == RootVerdict::Confirmed
                         ? "what the root table is full of, and what that "
                           "leads to"
                         : "not all known: " + found.reason);
  image.evidence.add("wording", "vmpt's own",
                     "linux has no listing of page tables on loongarch64");
  addMarkers(query, image);
  image.regions.push_back(
      {Region::DirectMap, VirtAddr(loongarch64::cachedWindow),
       VirtAddr(loongarch64::cachedWindow + lowBits(loongarch64::physicalBits)),
       "the cached direct window"});
}

/// TASK_SIZE64: as many bits as the kernel's half.
VirtAddr lastUserAddress(const KernelImage &image) {
  return VirtAddr(lowBits(std::min<unsigned>(image.mode.virtualBits, 47)));
}

/// linux v6.12 arch/loongarch/include/asm/pgtable.h "Encode and decode swap
/// entry"; bit 23, "exclusive", is one of the type before 6.3, and then 0.
constexpr NonPresentFormat nonPresentFormats[] = {{8,
                                                   {0, 0},
                                                   {.protNone = bit(10),
                                                    .hugeProtNone = bit(10),
                                                    .typeShift = 16,
                                                    .typeBits = 7,
                                                    .offsetShift = 24,
                                                    .offsetBits = 40}}};

constexpr RegionMarker regionMarkers[] = {
    {"PCI I/O", Region::PciIo},
    {"Modules", Region::Modules},
    {"vmalloc() Area", Region::Vmalloc},
    {"vmemmap", Region::Vmemmap},
};

/// linux v6.12 arch/loongarch/include/asm/pgtable-bits.h; pte_none() passes
/// over "global".
SoftwareBits softwareBits(const PagingMode &, KernelVersion) {
  return {.special = bit(11), .ignored = bit(6)};
}

/// linux v6.12 arch/loongarch/include/asm/sparsemem.h
unsigned sectionSizeBits(const KernelImage &) { return 29; }

} // namespace

constexpr KernelOption options[] = {KernelOption::Levels};

const KernelArch kernelArchLoongArch64 = {
    .arch = Arch::LoongArch64,
    .owns = owns,
    .rootSymbols = rootSymbols,
    .likelyModes = likelyModes,
    .guessRoots = guessRoots,
    .mapImage = mapImage,
    .complete = complete,
    .regionMarkers = regionMarkers,
    .hasDumper = false,
    .lastUserAddress = lastUserAddress,
    .nonPresentFormats = nonPresentFormats,
    .softwareBits = softwareBits,
    .crash = &crashArchLoongArch64,
    .options = options,
    .judgeRoot = findEmptyEntries,
    .rootProof = "its empty entries lead to tables of nothing",
    .tasksMapKernel = false,
    .sectionSizeBits = sectionSizeBits,
};

} // namespace vmpt
