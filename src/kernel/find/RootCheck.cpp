#include "kernel/find/RootCheck.h"

#include "kernel/find/KernelArch.h"
#include "kernel/find/RamGaps.h"
#include "kernel/image/DebugData.h"
#include "paging/FixedPoint.h"
#include "paging/Translate.h"
#include "support/Bits.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

/// What else is in every kernel's image and in VMCOREINFO or kallsyms. In the
/// order in which they are asked.
const llvm::StringRef imageSymbols[] = {"_stext", "init_uts_ns",
                                        "linux_banner"};

/// Entries of the table, or nothing if one of them is not in the dump.
std::optional<std::vector<uint64_t>> readTable(const PhysicalMemory &memory,
                                               const PagingMode &mode,
                                               PhysAddr table, unsigned level) {
  std::vector<uint8_t> raw(mode.tableBytes(level));
  if (memory.tryRead(table, raw))
    return std::nullopt;
  std::vector<uint64_t> entries(mode.entryCount(level));
  for (size_t i = 0; i < entries.size(); ++i)
    entries[i] = mode.load(raw.data() + i * mode.entryBytes);
  return entries;
}

/// Those entries of a top table that are in the dump: it may be larger than a
/// page, and a part of it be cut off.
std::vector<uint64_t> readPresent(const PhysicalMemory &memory,
                                  const PagingMode &mode, PhysAddr root) {
  if (auto whole = readTable(memory, mode, root, 0))
    return std::move(*whole);
  std::vector<uint64_t> entries;
  for (unsigned i = 0; i < mode.entryCount(0); ++i) {
    uint64_t entry = 0;
    if (!readEntry(memory, mode, root + uint64_t(i) * mode.entryBytes, entry))
      entries.push_back(entry);
  }
  return entries;
}

/// Does half of the address space or more lead where \p self leads? Its entry
/// is in the dump.
bool isMirror(const PhysicalMemory &memory, const PagingMode &mode,
              PhysAddr root, llvm::ArrayRef<uint64_t> entries, VirtAddr self) {
  uint64_t own = 0;
  const uint64_t index = mode.indexOf(self, 0);
  return readEntry(memory, mode, root + index * mode.entryBytes, own) ||
         (size_t(llvm::count(entries, own)) * 2 >= mode.entryCount(0) &&
          mode.entryCount(0) > 2);
}

/// Can this be a table at all? Other contents of a page seldom can.
bool looksLikeTable(const PagingMode &mode, llvm::ArrayRef<uint64_t> entries,
                    unsigned level = 0) {
  return llvm::all_of(entries, [&](uint64_t entry) {
    const DecodedEntry decoded = mode.decode(entry, level);
    return decoded.meaning == EntryMeaning::Hole ||
           (decoded.meaning != EntryMeaning::Reserved && decoded.address.value);
  });
}

/// Are those tables sound that these entries of a top table lead to, as far as
/// they are there? Nothing if none is.
std::optional<bool> leadsToTables(const PhysicalMemory &memory,
                                  const PagingMode &mode,
                                  llvm::ArrayRef<uint64_t> entries) {
  bool isAny = false;
  for (uint64_t entry : entries) {
    const DecodedEntry decoded = mode.decode(entry, 0);
    if (decoded.meaning != EntryMeaning::Table)
      continue;
    auto next = readTable(memory, mode, decoded.address, 1);
    if (next && !looksLikeTable(mode, *next, 1))
      return false;
    isAny |= next && llvm::any_of(
                         *next, [&](uint64_t e) { return !mode.isHole(e, 1); });
  }
  return isAny ? std::optional<bool>(true) : std::nullopt;
}

RootJudgement refuted(const llvm::Twine &reason) {
  return {RootVerdict::Refuted, reason.str(), false};
}

/// Outside of RAM as the dump knows it. Where it has no map of RAM, what is
/// not there may have been cut off.
bool isOutOfRam(const PhysicalMemory &memory, const AbsentByte &absent) {
  return absent.absence == Absence::OutsideRam && memory.knowsRam();
}

/// Where a table would have been, had the dump not lost it.
bool isNoTable(const PhysicalMemory &memory, const AbsentByte &absent) {
  return isOutOfRam(memory, absent) && !isInSmallGap(memory, absent.address);
}

std::string describeAbsence(const PhysicalMemory &memory,
                            const AbsentByte &absent) {
  return "at physical " + hex(absent.address) +
         (isOutOfRam(memory, absent) || absent.absence != Absence::OutsideRam
              ? ", is not in the dump (" +
                    getAbsenceName(absent.absence).str() + ")"
              : ", is not in the file");
}

/// For a root that does not map itself: is it that a table is missing?
RootJudgement judgeIncomplete(const PhysicalMemory &memory,
                              const PagingMode &mode, PhysAddr root,
                              VirtAddr self) {
  const Translation path = translate(memory, mode, root, self);
  const bool isMissing =
      path.outcome == Translation::Outcome::TableAbsent && !path.steps.empty();
  if (!isMissing)
    return refuted("it does not map itself");
  const std::vector<uint64_t> entries = readPresent(memory, mode, root);
  if (!looksLikeTable(mode, entries) ||
      isMirror(memory, mode, root, entries, self))
    return refuted("it does not look like a top table");
  // Most words, taken for an entry, point out of RAM. But a dump may lack
  // memory that the machine had.
  const std::optional<bool> areTables = leadsToTables(memory, mode, entries);
  if (isOutOfRam(memory, path.absent) && !areTables.value_or(false))
    return refuted("it does not map itself");
  // A file that was cut off has others; in one that is shifted they are where
  // other pages are.
  if (!memory.knowsRam() && !areTables.value_or(true))
    return refuted("what it leads to are no tables");
  return {RootVerdict::Unconfirmed,
          "the table that maps it, " + describeAbsence(memory, path.absent),
          false};
}

/// Why an entry of a top table cannot be one; "" if it can. Entries that are
/// not in use are empty, but for what an erratum of x86 sets (linux v6.12
/// arch/x86/include/asm/pgtable_64.h, _PAGE_KNL_ERRATUM_MASK); in short modes
/// the top level may be one that swaps.
std::string findEntryFault(const PhysicalMemory &memory, const PagingMode &mode,
                           uint64_t entry) {
  const DecodedEntry decoded = mode.decode(entry, 0);
  uint8_t byte;
  switch (decoded.meaning) {
  case EntryMeaning::Hole:
    return mode.levelCount > 3 && !mode.isEmpty(entry, 0) &&
                   !mode.isEmpty(entry & ~bits(6, 5), 0)
               ? "is neither in use nor empty"
               : "";
  case EntryMeaning::Reserved:
    return "is reserved";
  case EntryMeaning::Page:
    return "";
  case EntryMeaning::Table:
    break;
  }
  if (decoded.address == PhysAddr(0))
    return "leads to page 0";
  auto absent = memory.tryRead(decoded.address, byte);
  return absent && isNoTable(memory, *absent) ? "leads out of RAM" : "";
}

} // namespace

std::optional<ImageSymbols> findImageSymbols(const KernelArch &arch,
                                             const SymbolSource &symbols) {
  ImageSymbols found;
  llvm::SmallVector<llvm::StringRef, 4> names(arch.rootSymbols.begin(),
                                              arch.rootSymbols.end());
  auto roots = symbols.findAll(names);
  auto self = llvm::find_if(roots, [](auto &root) { return root.has_value(); });
  if (self == roots.end())
    return std::nullopt;
  found.self = (*self)->address;
  found.selfName = (*self)->name;
  for (std::optional<Symbol> &other : symbols.findAll(imageSymbols)) {
    if (!other)
      continue;
    const uint64_t from = std::min(found.self, other->address).value;
    if (std::max(found.self, other->address).value - from < maxImageBytes)
      found.others.push_back(std::move(*other));
  }
  return found;
}

RootJudgement judgeRoot(const PhysicalMemory &memory, const PagingMode &mode,
                        PhysAddr root, const ImageSymbols &symbols) {
  if (root == PhysAddr(0))
    return refuted("page 0 of physical memory holds no page table");
  auto *judge = findKernelArch(mode.arch)->judgeRoot;
  if (judge && !mode.windows.empty()) {
    PagingMode found = mode;
    return judge(memory, found, root);
  }
  if (!isFixedPoint(memory, mode, root, symbols.self))
    return judgeIncomplete(memory, mode, root, symbols.self);
  if (isMirror(memory, mode, root, readPresent(memory, mode, root),
               symbols.self))
    return refuted("it maps most of the address space as it maps itself");
  std::string missing, unmapped;
  for (const Symbol &other : symbols.others) {
    const Translation path = translate(memory, mode, root, other.address);
    if (path.isMapped() && path.address - root == other.address - symbols.self)
      return {RootVerdict::Confirmed, "", true};
    if (path.isMapped())
      return refuted("it maps " + other.name + " to " + hex(path.address) +
                     ", which is not where the image lies");
    if (path.outcome == Translation::Outcome::TableAbsent)
      missing = "the table that maps " + other.name + ", " +
                describeAbsence(memory, path.absent);
    else
      unmapped = "it does not map " + other.name;
  }
  if (!missing.empty())
    return {RootVerdict::Unconfirmed, missing, true};
  if (!unmapped.empty())
    return refuted(unmapped);
  return {RootVerdict::Unconfirmed,
          "no second symbol is known that it should map", true};
}

std::optional<std::string> findTableFault(const PhysicalMemory &memory,
                                          const PagingMode &mode,
                                          PhysAddr root) {
  const uint64_t size =
      std::min<uint64_t>(mode.tableBytes(0), bit(mode.pageShift));
  if (root.value % size)
    return "it is not aligned to " + hex(size) + " bytes, its size in mode " +
           mode.name.str();
  if (root == PhysAddr(0))
    return "page 0 of physical memory holds no page table";
  unsigned used = 0;
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    const PhysAddr at = root + uint64_t(index) * mode.entryBytes;
    uint64_t entry = 0;
    if (auto absent = readEntry(memory, mode, at, entry))
      return "it is not in the dump (" + getAbsenceName(absent->absence).str() +
             ")";
    const std::string fault = findEntryFault(memory, mode, entry);
    if (!fault.empty())
      return "it is no top table: entry " + std::to_string(index) + ", " +
             hex(entry) + ", " + fault;
    used += !mode.isHole(entry, 0);
  }
  if (!used)
    return "it is no top table: none of its entries is in use";
  return std::nullopt;
}

std::optional<std::string> findTaskRootFault(const KernelImage &kernel,
                                             const PhysicalMemory &memory,
                                             PhysAddr root) {
  const PagingMode mode = getTaskMode(kernel, memory, root);
  if (auto fault = findTableFault(memory, mode, root))
    return fault;
  auto symbols =
      findImageSymbols(*kernel.arch, VmcoreinfoSymbols(kernel.vmcoreinfo));
  if (!kernel.arch->tasksMapKernel || !symbols)
    return std::nullopt;
  // PTI's user half maps little of the kernel, but nothing to another place.
  const Translation path = translate(memory, mode, root, symbols->self);
  if (path.isMapped() && path.address != kernel.root)
    return "it maps " + symbols->selfName + " to " + hex(path.address) +
           ", and the kernel's own table to " + hex(kernel.root);
  for (unsigned index = mode.entryCount(0) / 2; index < mode.entryCount(0);
       ++index) {
    uint64_t entry = 0;
    if (!readEntry(memory, mode, root + uint64_t(index) * mode.entryBytes,
                   entry) &&
        !mode.isHole(entry, 0))
      return std::nullopt;
  }
  return "it maps nothing of the kernel";
}

std::vector<ModeChoice> listModes(const KernelArch &arch,
                                  const RootQuery &query, std::string &reason) {
  const std::vector<const PagingMode *> modes = arch.likelyModes(query, reason);
  std::vector<uint64_t> masks = {0};
  if (arch.encryptionMasks)
    masks = arch.encryptionMasks(query);
  std::vector<ModeChoice> choices;
  for (uint64_t mask : masks)
    for (const PagingMode *mode : modes)
      choices.push_back({withoutAddressBits(*mode, mask), mask});
  return choices;
}

std::vector<FoundRoot>
findRoots(const PhysicalMemory &memory, llvm::ArrayRef<ModeChoice> modes,
          const ImageSymbols &symbols, Diagnostics &diagnostics,
          llvm::function_ref<bool(const FoundRoot &)> isProven) {
  std::vector<FoundRoot> found, doubtful;
  // One look at all of memory for each mask.
  while (!modes.empty() && found.empty()) {
    const uint64_t mask = modes.front().encryptionMask;
    const auto next = llvm::find_if(
        modes, [&](auto &mode) { return mode.encryptionMask != mask; });
    std::vector<const PagingMode *> tried;
    for (auto mode = modes.begin(); mode != next; ++mode)
      tried.push_back(&mode->mode);
    for (const FixedPoint &point : findFixedPoints(
             memory, tried, symbols.self, diagnostics,
             [&](const FixedPoint &point) {
               return judgeRoot(memory, *point.mode, point.root, symbols)
                              .verdict == RootVerdict::Confirmed &&
                      isProven({point.root, {*point.mode, mask}, ""});
             })) {
      const RootJudgement judgement =
          judgeRoot(memory, *point.mode, point.root, symbols);
      if (judgement.verdict == RootVerdict::Refuted)
        continue;
      // Tasks' tables lead to the kernel's own.
      const bool isConfirmed =
          judgement.verdict == RootVerdict::Confirmed || point.votes > 1;
      (isConfirmed ? found : doubtful)
          .push_back({point.root,
                      {*point.mode, mask},
                      isConfirmed ? "" : judgement.reason});
    }
    modes = modes.drop_front(size_t(next - modes.begin()));
  }
  return found.empty() ? doubtful : found;
}

} // namespace vmpt
