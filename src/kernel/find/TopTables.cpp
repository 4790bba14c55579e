#include "kernel/find/TopTables.h"

#include "kernel/find/CollectRuns.h"
#include "kernel/find/KernelArch.h"
#include "kernel/find/RootCheck.h"
#include "kernel/find/TableCandidates.h"
#include "paging/AddressSpace.h"
#include "paging/TableUse.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_set>

namespace vmpt {

llvm::StringRef getTopTableName(TopTableKind kind) {
  static constexpr llvm::StringLiteral names[] = {
      "kernel", "process", "user-table", "user", "identity"};
  return names[size_t(kind)];
}

namespace {

/// What may be followed in all, so that crafted tables have an end.
constexpr size_t maxRunsInAll = size_t(1) << 24, maxRuns = size_t(1) << 17;
constexpr size_t maxBelow = size_t(1) << 20, maxLarge = 256;
constexpr uint64_t maxTablesBelow = uint64_t(1) << 16;

/// How a table of that mode is read where it is a process's.
PagingMode modeOfProcess(const PagingMode &mode) {
  auto *processMode = findKernelArch(mode.arch)->processMode;
  return processMode ? processMode(mode) : ofLowerRoot(mode);
}

/// May processes have tables of \p mode beside the kernel's of \p kernel?
bool isBeside(const PagingMode &mode, const PagingMode &kernel) {
  return &mode == &kernel ||
         (mode.arch == kernel.arch && findKernelArch(mode.arch)->spacesOverlap);
}

bool translatesBothHalves(const PagingMode &mode) {
  return mode.coverage.lower != mode.coverage.upper || mode.virtualBits == 32;
}

/// The first address of the part that all tasks share. The border of 32-bit
/// kernels is a matter of configuration; the last gigabyte is always theirs.
VirtAddr firstShared(const PagingMode &mode) {
  if (mode.virtualBits == 32)
    return VirtAddr(0xc0000000);
  return translatesBothHalves(mode) ? VirtAddr(~lowBits(mode.virtualBits - 1))
                                    : mode.coverage.first();
}

class Finder {
public:
  Finder(const PhysicalMemory &memory, Diagnostics &diagnostics)
      : memory_(memory.forScanning()), diagnostics_(diagnostics) {}

  TopTables find(llvm::ArrayRef<const PagingMode *> modes);

private:
  using Entries = std::vector<uint64_t>;
  using Group = std::vector<PhysAddr>; ///< With one shared part.

  Entries readEntries(const PagingMode &mode, PhysAddr table,
                      unsigned level = 0) const;
  bool isSoundTable(const PagingMode &mode, const Entries &entries,
                    unsigned level) const;
  bool isSoundBelow(const PagingMode &mode, const Entries &entries,
                    unsigned level) const;
  void judgeMode(const PagingMode &mode, llvm::ArrayRef<PhysAddr> candidates);
  void judgeGroup(const PagingMode &mode, const Group &group);
  std::optional<VirtAddr> findSelf(const PagingMode &mode, PhysAddr root,
                                   llvm::ArrayRef<MappedRun> large) const;
  bool mapsItsTables(const PagingMode &mode, PhysAddr root,
                     uint64_t distance) const;
  void addBelow(const PagingMode &mode, PhysAddr root);
  void addUserTable(const PagingMode &mode, const TopTable &owner);
  void addUserRoots(const PagingMode &mode,
                    llvm::ArrayRef<PhysAddr> candidates);
  bool isUserRoot(const PagingMode &lower, PhysAddr root);
  void addIdentities(const PagingMode &mode,
                     llvm::ArrayRef<PhysAddr> candidates);
  void countUser(TopTable &table, const PagingMode &mode) const;

  const PhysicalMemory &memory_;
  Diagnostics &diagnostics_;
  size_t runCount_ = 0;
  std::unordered_set<uint64_t> taken_; ///< Roots of the result, in any mode.
  std::unordered_set<uint64_t> below_; ///< Tables that a root leads to.
  TopTables result_;
};

Finder::Entries Finder::readEntries(const PagingMode &mode, PhysAddr table,
                                    unsigned level) const {
  std::vector<uint8_t> raw(mode.tableBytes(level));
  Entries entries;
  if (memory_.tryRead(table, raw))
    return entries;
  for (unsigned index = 0; index < mode.entryCount(level); ++index)
    entries.push_back(mode.load(raw.data() + size_t(index) * mode.entryBytes));
  return entries;
}

/// Other contents of a page seldom have entries that can be.
bool Finder::isSoundTable(const PagingMode &mode, const Entries &entries,
                          unsigned level) const {
  size_t used = 0, odd = 0;
  for (uint64_t entry : entries) {
    const DecodedEntry decoded = mode.decode(entry, level);
    uint8_t byte;
    switch (decoded.meaning) {
    case EntryMeaning::Reserved:
      return false;
    case EntryMeaning::Hole:
      odd += !mode.isEmpty(entry, level);
      break;
    case EntryMeaning::Table:
      if (auto absent = memory_.tryRead(decoded.address, byte);
          absent && absent->absence == Absence::OutsideRam &&
          memory_.knowsRam())
        return false;
      ++used;
      break;
    case EntryMeaning::Page:
      if (!isWholePage(mode, entry, level))
        return false;
      ++used;
    }
  }
  // Swapped pages, and pages that debugging takes away, are few among others.
  return used ? odd <= used || level == mode.lastLevel() : odd == 0;
}

/// The tables that it leads to, and the first ones two levels below, before all
/// is walked.
bool Finder::isSoundBelow(const PagingMode &mode, const Entries &entries,
                          unsigned level) const {
  const unsigned most = level ? 4 : mode.entryCount(0);
  unsigned asked = 0;
  for (size_t index = 0; index < entries.size() && asked < most; ++index) {
    const DecodedEntry decoded = mode.decode(entries[index], level);
    if (!decoded.isTable())
      continue;
    ++asked;
    const Entries below = readEntries(mode, decoded.address, level + 1);
    if (below.empty()) // not in the dump
      continue;
    if (!isSoundTable(mode, below, level + 1) ||
        (level < 2 && level + 1 < mode.lastLevel() &&
         !isSoundBelow(mode, below, level + 1)))
      return false;
  }
  return true;
}

/// Are the tables of its shared part at that distance, too? In a mode that is
/// not the right one, they are not.
bool Finder::mapsItsTables(const PagingMode &mode, PhysAddr root,
                           uint64_t distance) const {
  constexpr unsigned most = 16;
  unsigned asked = 0, right = 0;
  const Entries entries = readEntries(mode, root);
  const unsigned first = mode.indexOf(firstShared(mode), 0);
  for (unsigned index = first; index < entries.size() && asked < most;
       ++index) {
    const DecodedEntry decoded = mode.decode(entries[index], 0);
    if (!decoded.isTable())
      continue;
    ++asked;
    const Translation path = translate(
        memory_, mode, root, VirtAddr(decoded.address.value + distance));
    right += path.isMapped() && path.address == decoded.address;
  }
  return right && right * 4 >= asked * 3;
}

std::optional<VirtAddr>
Finder::findSelf(const PagingMode &mode, PhysAddr root,
                 llvm::ArrayRef<MappedRun> large) const {
  for (const MappedRun &run : large) {
    if (root < run.physical || root - run.physical >= run.size)
      continue;
    const VirtAddr self = run.start + (root - run.physical);
    if (mapsItsTables(mode, root, self.value - root.value))
      return self;
  }
  return std::nullopt;
}

/// Tables below an accepted root are roots themselves in a mode of fewer
/// levels, as far as their entries tell.
void Finder::addBelow(const PagingMode &mode, PhysAddr root) {
  const unsigned levels = std::min(2u, mode.lastLevel());
  std::vector<PhysAddr> tables = {root};
  for (unsigned level = 0; level < levels; ++level) {
    std::vector<PhysAddr> next;
    for (PhysAddr table : tables)
      for (uint64_t entry : readEntries(mode, table, level))
        if (const DecodedEntry decoded = mode.decode(entry, level);
            decoded.isTable() && below_.insert(decoded.address.value).second &&
            below_.size() < maxBelow)
          next.push_back(decoded.address);
    tables = std::move(next);
  }
}

void Finder::countUser(TopTable &table, const PagingMode &mode) const {
  const bool isWhole = table.kind == TopTableKind::User;
  if (!isWhole && !translatesBothHalves(mode))
    return; // no user half
  const VirtAddr last = isWhole ? mode.coverage.last()
                                : VirtAddr(mode.virtualBits == 32
                                               ? 0xbfffffff
                                               : lowBits(mode.virtualBits - 1));
  const TableUse use = countTableUse(memory_, mode, table.root, VirtAddr(0),
                                     last, maxTablesBelow);
  table.userBytes = use.mappedBytes;
  table.tableBytes = use.tableBytes;
  table.absentTables = use.absentTables;
  table.isCut = use.isCut;
}

void Finder::judgeGroup(const PagingMode &mode, const Group &group) {
  if (runCount_ >= maxRunsInAll) {
    result_.isCut = true;
    return;
  }
  std::vector<MappedRun> runs =
      collectRuns(memory_, mode, group.front(), firstShared(mode),
                  mode.coverage.last(), maxRuns);
  runCount_ += runs.size() + 1;
  uint64_t kernelBytes = 0;
  for (const MappedRun &run : runs)
    kernelBytes += run.size;
  // The direct map is long, what other bytes happen to map is not.
  const uint64_t least =
      std::min(memory_.presentBytes() / 16, uint64_t(64) << 20);
  llvm::erase_if(runs, [&](auto &run) { return run.size < least; });
  llvm::stable_sort(runs, [](auto &a, auto &b) { return a.size > b.size; });
  runs.resize(std::min(runs.size(), maxLarge));
  std::vector<TopTable> tables;
  for (PhysAddr root : group) {
    TopTable table;
    table.self = findSelf(mode, root, runs);
    if (!table.self)
      continue;
    table.root = root;
    table.mode = &mode;
    table.kernelBytes = kernelBytes;
    countUser(table, mode);
    table.kind = table.userBytes ? TopTableKind::Process : TopTableKind::Kernel;
    tables.push_back(table);
  }
  for (TopTable &table : tables) {
    table.sharers = tables.size();
    taken_.insert(table.root.value);
    result_.tables.push_back(table);
    addBelow(mode, table.root);
  }
}

/// The second table of PTI follows the first (linux arch/x86/mm/pti.c,
/// kernel_to_user_pgdp()); both have the same in the user half.
void Finder::addUserTable(const PagingMode &mode, const TopTable &owner) {
  const PhysAddr root = owner.root + mode.tableBytes(0);
  if (owner.kind != TopTableKind::Process || taken_.count(root.value) ||
      findTableFault(memory_, mode, root))
    return;
  const Entries own = readEntries(mode, owner.root),
                other = readEntries(mode, root);
  unsigned shared = 0;
  for (unsigned index = 0; index < mode.indexOf(firstShared(mode), 0) &&
                           index < other.size() && index < own.size();
       ++index) {
    const DecodedEntry mine = mode.decode(own[index], 0);
    if (!mine.isTable() && mode.isHole(other[index], 0))
      continue;
    if (!(mine == mode.decode(other[index], 0)))
      return;
    ++shared;
  }
  if (!shared)
    return;
  TopTable table = owner;
  table.root = root;
  table.kind = TopTableKind::UserTable;
  table.self.reset();
  table.sharers = 1;
  table.kernelBytes = 0;
  for (const MappedRun &run :
       collectRuns(memory_, mode, root, firstShared(mode), mode.coverage.last(),
                   maxRuns))
    table.kernelBytes += run.size;
  taken_.insert(root.value);
  result_.tables.push_back(table);
}

/// All that it maps is for user code, and nothing on the way is out of RAM.
bool Finder::isUserRoot(const PagingMode &lower, PhysAddr root) {
  const TableUse use = countTableUse(memory_, lower, root, VirtAddr(0),
                                     lower.coverage.last(), maxTablesBelow);
  runCount_ += use.tables + 1;
  if (!use.mappedBytes || use.absentEnd || use.isCut)
    return false;
  constexpr size_t mostAsked = 256;
  const std::vector<MappedRun> runs = collectRuns(
      memory_, lower, root, VirtAddr(0), lower.coverage.last(), mostAsked);
  return llvm::all_of(runs, [&](const MappedRun &run) {
    const Translation path = translate(memory_, lower, root, run.start);
    uint8_t byte;
    const auto absent = memory_.tryRead(run.physical, byte);
    return path.isMapped() && path.rights(lower).user &&
           !(absent && absent->absence == Absence::OutsideRam);
  });
}

void Finder::addUserRoots(const PagingMode &mode,
                          llvm::ArrayRef<PhysAddr> candidates) {
  const PagingMode lower = modeOfProcess(mode);
  std::vector<PhysAddr> roots;
  for (PhysAddr root : candidates) {
    if (taken_.count(root.value) || runCount_ >= maxRunsInAll ||
        !isSoundBelow(lower, readEntries(lower, root), 0) ||
        !isUserRoot(lower, root))
      continue;
    roots.push_back(root);
    addBelow(lower, root);
  }
  for (PhysAddr root : roots) {
    if (below_.count(root.value))
      continue;
    TopTable table;
    table.root = root;
    table.mode = &mode;
    table.kind = TopTableKind::User;
    countUser(table, lower);
    taken_.insert(root.value);
    result_.tables.push_back(table);
  }
}

void Finder::addIdentities(const PagingMode &mode,
                           llvm::ArrayRef<PhysAddr> candidates) {
  const PagingMode lower = ofLowerRoot(mode);
  for (PhysAddr root : candidates) {
    if (taken_.count(root.value) || below_.count(root.value) ||
        !isSoundBelow(lower, readEntries(lower, root), 0))
      continue;
    const Translation path =
        translate(memory_, lower, root, VirtAddr(root.value));
    if (!path.isMapped() || path.address != root || path.rights(lower).user)
      continue;
    TopTable table;
    table.root = root;
    table.mode = &mode;
    table.kind = TopTableKind::Identity;
    table.self = VirtAddr(root.value);
    // Each table that it leads to is where it is, or it is a chance hit.
    const Entries entries = readEntries(lower, root);
    const bool isSound = llvm::all_of(entries, [&](uint64_t entry) {
      const DecodedEntry decoded = lower.decode(entry, 0);
      if (!decoded.isTable())
        return true;
      const Translation way =
          translate(memory_, lower, root, VirtAddr(decoded.address.value));
      return way.isMapped() && way.address == decoded.address;
    });
    if (!isSound)
      continue;
    countUser(table, lower);
    taken_.insert(root.value);
    result_.tables.push_back(table);
  }
}

void Finder::judgeMode(const PagingMode &mode,
                       llvm::ArrayRef<PhysAddr> candidates) {
  std::map<Entries, Group> groups;
  const unsigned first = mode.indexOf(firstShared(mode), 0);
  for (PhysAddr root : candidates) {
    if (taken_.count(root.value) || below_.count(root.value))
      continue;
    Entries entries = readEntries(mode, root), shared;
    if (!isSoundBelow(mode, entries, 0))
      continue;
    // What the MMU notes of their use is no difference.
    for (size_t index = first; index < entries.size(); ++index) {
      const DecodedEntry decoded = mode.decode(entries[index], 0);
      shared.push_back(decoded.meaning == EntryMeaning::Hole
                           ? 0
                           : decoded.address.value | 1);
    }
    if (llvm::any_of(shared, [](uint64_t entry) { return entry != 0; }))
      groups[std::move(shared)].push_back(root);
  }
  std::vector<const Group *> byVotes;
  for (const auto &[entries, group] : groups)
    byVotes.push_back(&group);
  llvm::stable_sort(byVotes,
                    [](auto *a, auto *b) { return a->size() > b->size(); });
  for (const Group *group : byVotes)
    judgeGroup(mode, *group);
}

TopTables Finder::find(llvm::ArrayRef<const PagingMode *> modes) {
  // Those with more levels first, see addBelow().
  std::vector<const PagingMode *> sorted(modes.begin(), modes.end());
  llvm::stable_sort(
      sorted, [](auto *a, auto *b) { return a->levelCount > b->levelCount; });
  const TableCandidates found =
      findTableCandidates(memory_, sorted, diagnostics_);
  result_.isCut = found.isCut;
  for (const auto &[mode, candidates] : found.byMode)
    judgeMode(*mode, candidates);
  const std::vector<TopTable> kernels = result_.tables;
  std::unordered_set<const PagingMode *> upperModes;
  for (const TopTable &table : kernels)
    if (translatesBothHalves(*table.mode))
      addUserTable(*table.mode, table);
    else
      upperModes.insert(table.mode);
  for (const auto &[mode, candidates] : found.byMode) {
    if (llvm::any_of(upperModes, [&known = *mode](const PagingMode *kernel) {
          return isBeside(known, *kernel);
        }))
      addUserRoots(*mode, candidates);
    addIdentities(*mode, candidates);
  }
  llvm::stable_sort(result_.tables, [](const TopTable &a, const TopTable &b) {
    return std::tuple(b.sharers, a.root) < std::tuple(a.sharers, b.root);
  });
  return std::move(result_);
}

} // namespace

TopTables findTopTables(const PhysicalMemory &memory,
                        llvm::ArrayRef<const PagingMode *> modes,
                        Diagnostics &diagnostics) {
  return Finder(memory, diagnostics).find(modes);
}

} // namespace vmpt
