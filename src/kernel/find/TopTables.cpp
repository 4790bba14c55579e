#include "kernel/find/TopTables.h"

#include "kernel/find/KernelArch.h"
#include "kernel/find/LinearRuns.h"
#include "kernel/find/RootCheck.h"
#include "kernel/find/RootDistance.h"
#include "kernel/find/SoundTables.h"
#include "kernel/find/TableCandidates.h"
#include "kernel/find/TablesOfRoots.h"
#include "paging/TableUse.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/xxhash.h"

#include <algorithm>
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

constexpr uint64_t maxTablesBelow = uint64_t(1) << 16; // crafted ones end

/// The border is a matter of configuration.
bool isSplit(const PagingMode &mode) {
  return !findKernelArch(mode.arch)->kernelStarts.empty();
}

bool translatesBothHalves(const PagingMode &mode) {
  return mode.coverage.lower != mode.coverage.upper || isSplit(mode);
}

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

/// The first address of the part that all tasks share.
VirtAddr firstShared(const PagingMode &mode) {
  if (isSplit(mode))
    return VirtAddr(findKernelArch(mode.arch)->kernelStarts.front());
  return translatesBothHalves(mode) ? VirtAddr(~lowBits(mode.virtualBits - 1))
                                    : mode.coverage.first();
}

/// Where one root translates both halves.
VirtAddr lastOfUser(const PagingMode &mode) {
  return isSplit(mode) ? firstShared(mode) - 1
                       : VirtAddr(lowBits(mode.virtualBits - 1));
}

class Finder {
public:
  Finder(const PhysicalMemory &memory, Diagnostics &diagnostics)
      : memory_(memory.forScanning()), diagnostics_(diagnostics),
        distance_(memory_), below_(memory.presentBytes()) {}

  TopTables find(llvm::ArrayRef<const PagingMode *> modes);

private:
  using Entries = SoundTables::Entries;
  using Group = std::vector<PhysAddr>; ///< With one shared part.

  void judgeMode(const PagingMode &mode, llvm::ArrayRef<PhysAddr> candidates,
                 VirtAddr start);
  bool mayMapKernel(SoundTables &tables, const PagingMode &mode, PhysAddr root,
                    const Entries &entries, VirtAddr start) const;
  void judgeGroup(SoundTables &tables, LinearRuns &runs, const PagingMode &mode,
                  const Group &group, VirtAddr start);
  std::optional<TopTable> judgeRoot(SoundTables &tables, const PagingMode &mode,
                                    PhysAddr root, VirtAddr start,
                                    llvm::ArrayRef<MappedRun> large) const;
  bool isOfNarrowerMode(const PagingMode &mode, const Entries &entries) const;
  void addUserTable(const TopTable &owner);
  void addUserRoots(const PagingMode &mode,
                    llvm::ArrayRef<PhysAddr> candidates);
  void addIdentities(const PagingMode &mode,
                     llvm::ArrayRef<PhysAddr> candidates);
  bool isIdentity(SoundTables &tables, const PagingMode &mode, PhysAddr root,
                  TopTable &table) const;
  void judgeByWindow(const PagingMode &mode,
                     llvm::ArrayRef<PhysAddr> candidates);
  void judgeOtherStarts(const TableCandidates &found);
  void add(TopTable table);
  void dropOtherArchs();
  void noteCut(const PagingMode &mode, bool isCut) {
    if (isCut)
      cut_.insert(&mode);
  }
  bool isCutOff() const;
  void countUser(SoundTables &tables, const PagingMode &mode, TopTable &table,
                 VirtAddr last) const;
  /// The direct map is long, what other bytes happen to map is not.
  uint64_t leastDirect() const {
    return std::clamp(memory_.presentBytes() / 16, uint64_t(1) << 20,
                      uint64_t(64) << 20);
  }
  bool isKnown(PhysAddr root) const {
    return taken_.count(root.value) || below_.contain(root);
  }

  const PhysicalMemory &memory_;
  Diagnostics &diagnostics_;
  llvm::ArrayRef<const PagingMode *> modes_;
  const RootDistance distance_;
  std::unordered_set<uint64_t> taken_; ///< Roots of the result, in any mode.
  TablesOfRoots below_;
  std::unordered_set<const PagingMode *> cut_; ///< Not all was judged in it.
  TopTables result_;
};

/// A table of 52 bits whose part for 48 bits is all that is used: on hardware
/// without LVA the register points to that part (linux v6.12
/// arch/arm64/kernel/head.S).
bool Finder::isOfNarrowerMode(const PagingMode &mode,
                              const Entries &entries) const {
  if (translatesBothHalves(mode))
    return false;
  size_t unused = 0;
  while (unused < entries.size() && mode.isHole(entries[unused], 0))
    ++unused;
  return llvm::any_of(modes_, [&](const PagingMode *other) {
    return other->arch == mode.arch && other->pageShift == mode.pageShift &&
           other->levelCount == mode.levelCount &&
           other->virtualBits < mode.virtualBits &&
           unused + other->entryCount(0) >= entries.size();
  });
}

/// What is mapped up to \p last. Modules may lie below a border that is a
/// matter of configuration (32-bit Arm): there, the rights tell.
void Finder::countUser(SoundTables &tables, const PagingMode &mode,
                       TopTable &table, VirtAddr last) const {
  const TablesBelow below =
      tables.lookBelow(table.root, VirtAddr(0), last).value_or(TablesBelow());
  table.userBytes = isSplit(mode) ? below.userBytes() : below.mappedBytes();
  table.kernelBytes += isSplit(mode) ? below.kernelBytes() : 0;
  table.tableBytes = below.tableBytes;
  table.absentTables = below.absentTables;
  if (!below.unsoundTables)
    return;
  // What these map was not counted.
  const TableUse use = countTableUse(memory_, mode, table.root, VirtAddr(0),
                                     last, maxTablesBelow);
  table.userBytes = use.mappedBytes;
  table.tableBytes = use.tableBytes;
  table.absentTables = use.absentTables;
  table.isCut = use.isCut;
}

void Finder::add(TopTable table) {
  taken_.insert(table.root.value);
  result_.tables.push_back(std::move(table));
}

/// A root that one of the long runs maps, and the tables that it leads to.
std::optional<TopTable>
Finder::judgeRoot(SoundTables &tables, const PagingMode &mode, PhysAddr root,
                  VirtAddr start, llvm::ArrayRef<MappedRun> large) const {
  const Entries entries = tables.read(root);
  // Elsewhere see addIdentities().
  const bool mayBeIdentity = findKernelArch(mode.arch)->spacesOverlap;
  constexpr unsigned mostAliases = 4;
  unsigned aliases = 0;
  const MappedRun *direct = llvm::find_if(large, [&](const MappedRun &run) {
    const uint64_t distance = run.start.value - run.physical.value;
    return root >= run.physical && root - run.physical < run.size &&
           (distance || mayBeIdentity) && aliases++ < mostAliases &&
           distance_.isRight(mode, root, entries,
                             mode.indexOf(firstShared(mode), 0), distance);
  });
  if (direct == large.end())
    return std::nullopt;
  const Translation before = translate(memory_, mode, root, direct->start - 1);
  if (direct->start == start && before.isMapped() &&
      before.address + 1 == direct->physical)
    return std::nullopt; // it starts below
  TopTable table;
  table.root = root;
  table.mode = &mode;
  table.self = direct->start + (root - direct->physical);
  const VirtAddr border = std::min(firstShared(mode), direct->start);
  if (auto below = tables.lookBelow(root, border, mode.coverage.last()))
    table.kernelBytes = below->mappedBytes();
  if (translatesBothHalves(mode))
    countUser(tables, mode, table, std::min(lastOfUser(mode), border - 1));
  table.kind = table.userBytes ? TopTableKind::Process : TopTableKind::Kernel;
  return table;
}

void Finder::judgeGroup(SoundTables &sound, LinearRuns &runs,
                        const PagingMode &mode, const Group &group,
                        VirtAddr start) {
  const std::vector<MappedRun> large = runs.find(group.front(), start);
  std::vector<TopTable> tables;
  for (PhysAddr root : group)
    if (auto table = judgeRoot(sound, mode, root, start, large);
        table && !isKnown(root))
      tables.push_back(std::move(*table));
  if (tables.empty())
    return;
  // The direct map's tables lead to the root, where they map its page, and so
  // to all that it maps: each of them looks like one, and is below itself.
  const std::vector<PhysAddr> below =
      below_.list(sound, group.front(), start, mode.lastLevel());
  llvm::erase_if(tables, [&](const TopTable &table) {
    return llvm::any_of(below, [&](PhysAddr start) {
      return table.root >= start &&
             table.root - start < mode.tableBytes(mode.lastLevel());
    });
  });
  for (TopTable &table : tables) {
    table.sharers = tables.size();
    add(table);
    below_.addBelow(sound, table.root, modes_);
  }
  if (!tables.empty())
    below_.add(mode, below);
}

/// The second table of PTI follows the first (linux arch/x86/mm/pti.c,
/// kernel_to_user_pgdp()); both have the same in the user half.
void Finder::addUserTable(const TopTable &owner) {
  const PagingMode &mode = *owner.mode;
  const PhysAddr root = owner.root + mode.tableBytes(0);
  if (owner.kind != TopTableKind::Process || taken_.count(root.value) ||
      findTableFault(memory_, mode, root))
    return;
  SoundTables tables(memory_, mode);
  const Entries own = tables.read(owner.root), other = tables.read(root);
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
  const auto below =
      tables.lookBelow(root, firstShared(mode), mode.coverage.last());
  table.kernelBytes = below ? below->mappedBytes() : 0;
  add(std::move(table));
}

/// All that they map is for user code, most of it in RAM, and found by way of
/// tables.
void Finder::addUserRoots(const PagingMode &mode,
                          llvm::ArrayRef<PhysAddr> candidates) {
  const PagingMode lower = modeOfProcess(mode);
  SoundTables tables(memory_, lower);
  std::vector<PhysAddr> roots;
  for (PhysAddr root : candidates) {
    if (taken_.count(root.value))
      continue;
    const auto below =
        tables.lookBelow(root, VirtAddr(0), lower.coverage.last());
    if (!below || !below->tables || !below->isSound(true) || !below->isOfUser())
      continue;
    roots.push_back(root);
    below_.addBelow(tables, root, modes_);
  }
  for (PhysAddr root : roots) {
    if (below_.contain(root))
      continue;
    TopTable table;
    table.root = root;
    table.mode = &mode;
    table.kind = TopTableKind::User;
    countUser(tables, lower, table, lower.coverage.last());
    add(table);
  }
  noteCut(mode, tables.isCut());
}

/// Each table that it leads to is where it is, or it is a chance hit.
bool Finder::isIdentity(SoundTables &tables, const PagingMode &lower,
                        PhysAddr root, TopTable &table) const {
  auto isWhereItIs = [&](PhysAddr at) {
    const Translation path =
        translate(memory_, lower, root, VirtAddr(at.value));
    return path.isMapped() && path.address == at && !path.rights(lower).user;
  };
  if (!isWhereItIs(root))
    return false;
  const auto below = tables.lookBelow(root, VirtAddr(0), lower.coverage.last());
  if (!below || !below->tables || !below->isSound(false))
    return false;
  for (uint64_t entry : tables.read(root))
    if (const DecodedEntry decoded = lower.decode(entry, 0);
        decoded.isTable() && !isWhereItIs(decoded.address))
      return false;
  table.root = root;
  table.kind = TopTableKind::Identity;
  table.self = VirtAddr(root.value);
  countUser(tables, lower, table, lower.coverage.last());
  return true;
}

void Finder::addIdentities(const PagingMode &mode,
                           llvm::ArrayRef<PhysAddr> candidates) {
  const PagingMode lower = ofLowerRoot(mode);
  SoundTables tables(memory_, lower);
  for (PhysAddr root : candidates) {
    TopTable table;
    table.mode = &mode;
    if (!isKnown(root) && isIdentity(tables, lower, root, table))
      add(std::move(table));
  }
  noteCut(mode, tables.isCut());
}

/// What speaks against a kernel's root, before anybody walks it.
bool Finder::mayMapKernel(SoundTables &tables, const PagingMode &mode,
                          PhysAddr root, const Entries &entries,
                          VirtAddr start) const {
  const unsigned first = mode.indexOf(firstShared(mode), 0);
  // What maps itself leads to tables, see RootDistance.
  if (entries.empty() || isOfNarrowerMode(mode, entries) ||
      llvm::none_of(
          llvm::ArrayRef<uint64_t>(entries).drop_front(first),
          [&](uint64_t entry) { return mode.decode(entry, 0).isTable(); }))
    return false;
  const auto kernel = tables.lookBelow(root, start, mode.coverage.last());
  if (!kernel || !kernel->isSound(false) || !kernel->isOfKernel() ||
      kernel->mappedBytes() < leastDirect())
    return false;
  if (!translatesBothHalves(mode))
    return true;
  const auto user = tables.lookBelow(root, VirtAddr(0),
                                     std::min(lastOfUser(mode), start - 1));
  return user && user->isSound(true);
}

void Finder::judgeMode(const PagingMode &mode,
                       llvm::ArrayRef<PhysAddr> candidates, VirtAddr start) {
  SoundTables tables(memory_, mode);
  LinearRuns runs(tables, leastDirect());
  std::map<uint64_t, Group> groups; // by a hash: others share what they map
  for (PhysAddr root : candidates) {
    if (isKnown(root))
      continue;
    Entries shared = tables.read(root);
    if (!mayMapKernel(tables, mode, root, shared, start))
      continue;
    shared.erase(shared.begin(),
                 shared.begin() + mode.indexOf(firstShared(mode), 0));
    // What the MMU notes of their use is no difference.
    for (uint64_t &entry : shared) {
      const DecodedEntry decoded = mode.decode(entry, 0);
      entry =
          decoded.meaning == EntryMeaning::Hole ? 0 : decoded.address.value | 1;
    }
    groups[llvm::xxHash64(llvm::ArrayRef<uint8_t>(
               reinterpret_cast<const uint8_t *>(shared.data()),
               shared.size() * sizeof(uint64_t)))]
        .push_back(root);
  }
  std::vector<const Group *> byVotes;
  for (const auto &[hash, group] : groups)
    byVotes.push_back(&group);
  llvm::stable_sort(byVotes, [](auto *a, auto *b) {
    return std::tuple(b->size(), a->front()) <
           std::tuple(a->size(), b->front());
  });
  for (const Group *group : byVotes)
    judgeGroup(tables, runs, mode, *group, start);
  noteCut(mode, tables.isCut() || runs.isCut());
}

/// Where the kernel lies in a direct window, no table maps itself: what proves
/// one is its architecture's to say. Of each root, all pages are for the kernel
/// or all are for a process.
void Finder::judgeByWindow(const PagingMode &mode,
                           llvm::ArrayRef<PhysAddr> candidates) {
  // What is empty differs between kernels, of which there are few.
  constexpr size_t maxKernels = 16;
  std::map<std::vector<uint64_t>, SoundTables> kernels;
  auto *judge = findKernelArch(mode.arch)->judgeRoot;
  for (PhysAddr root : candidates) {
    PagingMode own = mode;
    if (isKnown(root) ||
        judge(memory_, own, root).verdict != RootVerdict::Confirmed)
      continue;
    std::vector<uint64_t> empty;
    for (const PagingLevel &level : own.levels)
      empty.push_back(level.empty);
    if (kernels.size() >= maxKernels && !kernels.count(empty)) {
      noteCut(mode, true);
      return;
    }
    SoundTables &tables =
        kernels.try_emplace(std::move(empty), memory_, own).first->second;
    const VirtAddr last(lowBits(own.virtualBits));
    const auto below = tables.lookBelow(root, VirtAddr(0), last);
    if (!below || !below->mappedBytes() || !below->isSound(true))
      continue;
    TopTable table;
    table.root = root;
    table.mode = &mode;
    if (below->isOfUser()) {
      table.kind = TopTableKind::User;
      countUser(tables, own, table, last);
    } else if (!below->userBytes()) {
      table.kernelBytes = below->mappedBytes();
      table.absentTables = below->absentTables;
    } else {
      continue;
    }
    add(table);
    below_.addBelow(tables, root, modes_);
    noteCut(mode, tables.isCut());
  }
}

/// A machine is of one architecture: that of most kernels and processes.
void Finder::dropOtherArchs() {
  std::map<Arch, size_t> votes;
  for (const TopTable &table : result_.tables)
    votes[table.mode->arch] += table.kind != TopTableKind::Identity;
  llvm::erase_if(result_.tables, [&](const TopTable &table) {
    return llvm::any_of(votes, [&](const auto &other) {
      return other.second > votes[table.mode->arch];
    });
  });
}

/// The kernel's addresses may begin below the likeliest border.
void Finder::judgeOtherStarts(const TableCandidates &found) {
  bool isMore = true;
  for (size_t n = 1; isMore; ++n) {
    isMore = false;
    for (const auto &[mode, candidates] : found.byMode) {
      const auto starts = findKernelArch(mode->arch)->kernelStarts;
      if (n >= starts.size())
        continue;
      isMore = true;
      if (llvm::none_of(result_.tables, [&, arch = mode->arch](auto &table) {
            return table.mode->arch == arch;
          }))
        judgeMode(*mode, candidates, VirtAddr(starts[n]));
    }
  }
}

/// What is passed over in modes of another machine is nothing that is missing.
bool Finder::isCutOff() const {
  return llvm::any_of(cut_, [&](const PagingMode *mode) {
    return result_.tables.empty() ||
           result_.tables.front().mode->arch == mode->arch;
  });
}

TopTables Finder::find(llvm::ArrayRef<const PagingMode *> modes) {
  // Those with more levels first, see TablesOfRoots; then the wider ones, whose
  // tables have narrow ones in them.
  std::vector<const PagingMode *> sorted(modes.begin(), modes.end());
  llvm::stable_sort(sorted, [](auto *a, auto *b) {
    return std::tuple(b->levelCount, b->virtualBits) <
           std::tuple(a->levelCount, a->virtualBits);
  });
  modes_ = sorted;
  const TableCandidates found =
      findTableCandidates(memory_, sorted, diagnostics_);
  cut_.insert(found.cut.begin(), found.cut.end());
  for (const auto &[mode, candidates] : found.byMode)
    if (findKernelArch(mode->arch)->judgeRoot && !mode->windows.empty())
      judgeByWindow(*mode, candidates);
    else
      judgeMode(*mode, candidates, firstShared(*mode));
  judgeOtherStarts(found);
  const std::vector<TopTable> kernels = result_.tables;
  std::unordered_set<const PagingMode *> upperModes;
  for (const TopTable &table : kernels)
    if (translatesBothHalves(*table.mode))
      addUserTable(table);
    else if (table.self)
      upperModes.insert(table.mode);
  for (const auto &[mode, candidates] : found.byMode) {
    if (llvm::any_of(upperModes, [&known = *mode](const PagingMode *kernel) {
          return isBeside(known, *kernel);
        }))
      addUserRoots(*mode, candidates);
    if (mode->windows.empty())
      addIdentities(*mode, candidates);
  }
  dropOtherArchs();
  llvm::stable_sort(result_.tables, [](const TopTable &a, const TopTable &b) {
    return std::tuple(b.sharers, a.root) < std::tuple(a.sharers, b.root);
  });
  result_.isCut = below_.isCut() || isCutOff();
  return std::move(result_);
}

} // namespace

TopTables findTopTables(const PhysicalMemory &memory,
                        llvm::ArrayRef<const PagingMode *> modes,
                        Diagnostics &diagnostics) {
  return Finder(memory, diagnostics).find(modes);
}

} // namespace vmpt
