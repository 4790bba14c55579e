#include "kernel/find/TopTables.h"

#include "kernel/find/ImagePages.h"
#include "kernel/find/InitMm.h"
#include "kernel/find/TopTableFinder.h"
#include "paging/TableUse.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/xxhash.h"

#include <map>
#include <tuple>

namespace vmpt {

llvm::StringRef getTopTableName(TopTableKind kind) {
  static constexpr llvm::StringLiteral names[] = {
      "kernel", "process", "user-table", "user", "identity", "ended"};
  return names[size_t(kind)];
}

/// A table of 52 bits whose part for 48 bits is all that is used: on hardware
/// without LVA the register points to that part (linux v6.12
/// arch/arm64/kernel/head.S).
bool TopTableFinder::isOfNarrowerMode(const PagingMode &mode,
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
void TopTableFinder::countUser(SoundTables &tables, const PagingMode &mode,
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

void TopTableFinder::add(TopTable table) {
  taken_.insert(table.root.value);
  result_.tables.push_back(std::move(table));
}

/// A root that one of the long runs maps, and the tables that it leads to.
std::optional<TopTable>
TopTableFinder::judgeRoot(SoundTables &tables, const PagingMode &mode,
                          PhysAddr root, VirtAddr start,
                          llvm::ArrayRef<MappedRun> large) const {
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
  if (auto below = tables.lookBelow(root, border, mode.coverage.last())) {
    table.kernelBytes = below->mappedBytes();
    table.lostKernelTables = below->lostTables;
  }
  if (translatesBothHalves(mode))
    countUser(tables, mode, table, std::min(lastOfUser(mode), border - 1));
  table.kind = table.userBytes ? TopTableKind::Process : TopTableKind::Kernel;
  return table;
}

/// What a process had goes with it; its top table stays as it was, until the
/// page is used again.
void TopTableFinder::nameEnded(const SoundTables &sound,
                               std::vector<TopTable> &tables,
                               VirtAddr start) const {
  auto mayBeEnded = [](const TopTable &table) {
    return table.kind == TopTableKind::Kernel && !table.absentTables;
  };
  std::vector<PhysAddr> alone;
  for (const TopTable &table : tables)
    if (mayBeEnded(table))
      alone.push_back(table.root);
  if (alone.size() < 2)
    return;
  std::vector<PhysAddr> own;
  llvm::copy_if(alone, std::back_inserter(own), [&](PhysAddr root) {
    return llvm::is_contained(known_, root);
  });
  if (own.empty())
    own = findMappedTwice(sound, alone.front(), start, alone);
  for (TopTable &table : tables)
    if (mayBeEnded(table) && !own.empty() &&
        !llvm::is_contained(own, table.root))
      table.kind = TopTableKind::Ended;
}

void TopTableFinder::judgeGroup(SoundTables &sound, LinearRuns &runs,
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
  nameEnded(sound, tables, start);
  for (TopTable &table : tables) {
    table.sharers = tables.size();
    add(table);
    below_.addBelow(sound, table.root, modes_);
  }
  if (!tables.empty())
    below_.add(mode, below);
}

/// What speaks against a kernel's root, before anybody walks it.
bool TopTableFinder::mayMapKernel(SoundTables &tables, const PagingMode &mode,
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

void TopTableFinder::judgeMode(const PagingMode &mode,
                               llvm::ArrayRef<PhysAddr> candidates,
                               VirtAddr start) {
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

/// A machine is of one architecture: that of most kernels and processes.
void TopTableFinder::dropOtherArchs() {
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
void TopTableFinder::judgeOtherStarts(const TableCandidates &found) {
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

/// Which of \p tables are kernels' own: what one names as its pgd, else what
/// lies in an image. There is memory in that, too, that was given back.
std::vector<PhysAddr>
TopTableFinder::findByInitMm(llvm::ArrayRef<const TopTable *> tables) const {
  const PagingMode &mode = *tables.front()->mode;
  VirtAddr lowest = firstShared(mode);
  for (uint64_t start : findKernelArch(mode.arch)->kernelStarts)
    lowest = std::min(lowest, VirtAddr(start));
  std::vector<PhysAddr> named, inImage;
  for (const InitMm &kernel :
       findInitMms(memory_, mode.arch, lowest, diagnostics_))
    for (const TopTable *table : tables)
      if (isPgdOf(memory_, kernel, mode.arch, *table->self))
        named.push_back(table->root);
      else if (*table->self >= kernel.first && *table->self <= kernel.last)
        inImage.push_back(table->root);
  return named.empty() ? inImage : named;
}

/// Where the image has no place of its own beside the direct map, as on
/// machines of 32 bits, or tables differ in what they share. One kernel is left
/// at least.
void TopTableFinder::nameEndedByInitMm() {
  std::vector<const TopTable *> alone;
  auto mayBeEnded = [](const TopTable &table) {
    return table.kind == TopTableKind::Kernel && table.self &&
           !table.absentTables;
  };
  for (const TopTable &table : result_.tables)
    if (mayBeEnded(table) &&
        (alone.empty() || table.mode->arch == alone.front()->mode->arch))
      alone.push_back(&table);
  if (alone.size() < 2 || !known_.empty())
    return;
  const std::vector<PhysAddr> own = findByInitMm(alone);
  for (TopTable &table : result_.tables)
    if (mayBeEnded(table) && !own.empty() &&
        table.mode->arch == alone.front()->mode->arch &&
        !llvm::is_contained(own, table.root))
      table.kind = TopTableKind::Ended;
}

/// What is passed over in modes of another machine is nothing that is missing.
bool TopTableFinder::isCutOff() const {
  return llvm::any_of(cut_, [&](const PagingMode *mode) {
    return result_.tables.empty() ||
           result_.tables.front().mode->arch == mode->arch;
  });
}

TopTables TopTableFinder::find(llvm::ArrayRef<const PagingMode *> modes) {
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
  nameEndedByInitMm();
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

TopTables findTopTables(const PhysicalMemory &memory,
                        llvm::ArrayRef<const PagingMode *> modes,
                        Diagnostics &diagnostics,
                        llvm::ArrayRef<PhysAddr> known) {
  return TopTableFinder(memory, diagnostics, known).find(modes);
}

} // namespace vmpt
