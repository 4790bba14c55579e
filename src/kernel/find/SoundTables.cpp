#include "kernel/find/SoundTables.h"

#include "kernel/find/RamGaps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <bit>

namespace vmpt {

namespace {

void addTo(uint64_t &sum, uint64_t more) {
  sum = llvm::SaturatingAdd(sum, more);
}

} // namespace

bool isWholePage(const PagingMode &mode, uint64_t entry, unsigned level) {
  const DecodedEntry decoded = mode.decode(entry, level);
  if (!decoded.isPage() || level == mode.lastLevel() || mode.hasLargePageRights)
    return decoded.isPage();
  const EntryPattern *table =
      mode.levels[level].entries.plain(EntryMeaning::Table);
  // Below it are flags of pages, where tables may keep their address (Power).
  constexpr uint64_t notAddress = lowBits(13);
  return !table ||
         !(table->address.of(entry) & lowBits(decoded.pageShift) & ~notAddress);
}

/// Tables stand at multiples of their size, and DenseMap's hash would put those
/// into few buckets.
uint64_t tableKey(PhysAddr table, unsigned level) {
  return std::rotr(table.value | level, 10);
}

uint64_t TablesBelow::userBytes() const {
  return llvm::SaturatingAdd(llvm::SaturatingAdd(mapped[0], mapped[1]),
                             mapped[2]);
}

uint64_t TablesBelow::mappedBytes() const {
  return llvm::SaturatingAdd(userBytes(), kernelBytes());
}

void TablesBelow::add(const TablesBelow &other, uint8_t denied) {
  for (size_t had = 0; had < mapped.size(); ++had)
    addTo(mapped[had | denied], other.mapped[had]);
  addTo(outsideBytes, other.outsideBytes);
  addTo(tables, other.tables);
  addTo(tableBytes, other.tableBytes);
  addTo(absentTables, other.absentTables);
  addTo(lostTables, other.lostTables);
  addTo(unsoundTables, other.unsoundTables);
  addTo(swappedTables, other.swappedTables);
}

SoundTables::Entries SoundTables::read(PhysAddr table, unsigned level) const {
  const uint64_t size = mode_.tableBytes(level);
  std::vector<uint8_t> copy;
  const uint8_t *raw = memory_.tryView(table, size);
  if (!raw) {
    copy.resize(size);
    if (memory_.tryRead(table, copy))
      return {};
    raw = copy.data();
  }
  Entries entries(mode_.entryCount(level));
  for (size_t index = 0; index < entries.size(); ++index)
    entries[index] = mode_.load(raw + index * mode_.entryBytes);
  return entries;
}

bool SoundTables::isOutOfRam(PhysAddr at) const {
  const llvm::ArrayRef<MemoryRange> ranges = memory_.ranges();
  auto covers = [&](size_t index) {
    return index < ranges.size() && at >= ranges[index].start &&
           at - ranges[index].start < ranges[index].size;
  };
  // Neighbours in a table are mostly neighbours in memory.
  if (!covers(lastRange_)) {
    const auto behind = llvm::partition_point(
        ranges, [at](const MemoryRange &range) { return range.start <= at; });
    lastRange_ = size_t(behind - ranges.begin()) - (behind != ranges.begin());
  }
  return !covers(lastRange_) ||
         ranges[lastRange_].absence == Absence::OutsideRam;
}

/// Nowhere that a table could have been.
bool SoundTables::isNoTable(PhysAddr at) const {
  return memory_.knowsRam() && isOutOfRam(at) && !isInSmallGap(memory_, at);
}

/// A level without rights has nothing where others have them ([intel/vol3]
/// Table 4-8).
bool SoundTables::hasReservedBits(uint64_t entry, unsigned level) const {
  return level < mode_.firstLevelWithRights &&
         llvm::any_of(mode_.tableRights, [entry](const RightsRule &rule) {
           return (entry & rule.mask) != 0;
         });
}

SoundTables::Census SoundTables::takeCensus(llvm::ArrayRef<uint64_t> entries,
                                            unsigned level) const {
  const uint64_t span = mode_.entrySpan(level);
  Census census;
  for (uint64_t entry : entries) {
    if (mode_.isEmpty(entry, level))
      continue;
    const DecodedEntry decoded = mode_.decode(entry, level);
    if (decoded.meaning == EntryMeaning::Hole) {
      ++census.odd;
      continue;
    }
    ++census.used;
    census.isBroken |= decoded.isTable()
                           ? isNoTable(decoded.address)
                           : !isWholePage(mode_, entry, level); // or reserved
    census.isBroken |= hasReservedBits(entry, level);
    if (census.isBroken)
      return census;
    if (!decoded.isPage())
      continue;
    addTo(census.pages.mapped[deniedToUser(entry, level)], span);
    if (isOutOfRam(decoded.address) ||
        isOutOfRam(decoded.address + lowBits(decoded.pageShift)))
      addTo(census.pages.outsideBytes, span);
  }
  return census;
}

bool SoundTables::addTable(uint64_t entry, unsigned level, TablesBelow &below) {
  TablesBelow table = lookAt(mode_.decode(entry, level).address, level + 1);
  const bool isSound = !table.unsoundTables || table.tables;
  addTo(table.tables, 1);
  addTo(table.tableBytes, mode_.tableBytes(level + 1));
  below.add(table, deniedToUser(entry, level));
  return isSound;
}

/// Other contents of a page seldom have entries that can be.
TablesBelow SoundTables::lookAtEntries(const Entries &entries, unsigned level) {
  Census census = takeCensus(entries, level);
  const bool isLast = level == mode_.lastLevel();
  TablesBelow unsound;
  unsound.unsoundTables = 1;
  // Swapped pages, and what debugging takes away, are few among others, but in
  // a table of pages.
  if (census.isBroken || (!isLast && census.odd > census.used))
    return unsound;
  census.pages.swappedTables = !census.used && census.odd;
  if (!isLast)
    for (uint64_t entry : entries)
      if (!mode_.isEmpty(entry, level) && mode_.decode(entry, level).isTable())
        addTable(entry, level, census.pages);
  return census.pages;
}

TablesBelow SoundTables::lookAt(PhysAddr table, unsigned level) {
  const uint64_t key = tableKey(table, level);
  if (auto known = known_.find(key); known != known_.end())
    return known->second;
  TablesBelow below;
  if (tablesLeft_ == 0) {
    isCut_ = true;
    below.unsoundTables = 1;
    return below;
  }
  --tablesLeft_;
  const Entries entries = read(table, level);
  if (!entries.empty()) {
    below = lookAtEntries(entries, level);
  } else {
    uint8_t byte;
    const auto absent = memory_.tryRead(table, byte);
    below.absentTables = !(absent && memory_.mayBeZeros(absent->absence) &&
                           mode_.zerosAreEmpty(level));
    below.lostTables = absent && absent->absence != Absence::Excluded;
  }
  known_.insert({key, below});
  return below;
}

void SoundTables::addRange(PhysAddr table, unsigned level, VirtAddr base,
                           VirtAddr first, VirtAddr last, TablesBelow &below) {
  const Entries entries = read(table, level);
  const uint64_t span = mode_.entrySpan(level);
  VirtAddr at = base;
  for (size_t index = 0; index < entries.size(); ++index, at = at + span) {
    const VirtAddr end = at + (span - 1);
    if (end < first || at > last)
      continue;
    const DecodedEntry decoded = mode_.decode(entries[index], level);
    if (!decoded.isTable()) {
      below.add(takeCensus(entries[index], level).pages);
    } else if (first <= at && end <= last) {
      if (!addTable(entries[index], level, below) && level == 0)
        below.isWrongOnTop = true;
    } else {
      TablesBelow part;
      addTo(part.tables, 1);
      addTo(part.tableBytes, mode_.tableBytes(level + 1));
      addRange(decoded.address, level + 1, at, first, last, part);
      below.add(part, deniedToUser(entries[index], level));
    }
  }
}

std::optional<TablesBelow> SoundTables::lookBelow(PhysAddr root, VirtAddr first,
                                                  VirtAddr last) {
  const Entries entries = read(root);
  if (entries.empty())
    return std::nullopt;
  const VirtAddr base(mode_.virtualBits >= 64
                          ? 0
                          : alignDown(first.value, bit(mode_.virtualBits)));
  const unsigned from = mode_.indexOf(first, 0), to = mode_.indexOf(last, 0);
  if (to < from ||
      takeCensus(llvm::ArrayRef<uint64_t>(entries).slice(from, to - from + 1),
                 0)
          .isBroken)
    return std::nullopt;
  TablesBelow below;
  addRange(root, 0, base, first, last, below);
  return below;
}

} // namespace vmpt
