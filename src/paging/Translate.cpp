#include "paging/Translate.h"

namespace vmpt {

std::optional<AbsentByte> readEntry(const PhysicalMemory &memory,
                                    const PagingMode &mode, PhysAddr at,
                                    uint64_t &entry) {
  uint8_t raw[8] = {};
  if (auto absent = memory.tryRead(
          at, llvm::MutableArrayRef<uint8_t>(raw, mode.entryBytes)))
    return absent;
  entry = mode.load(raw);
  return std::nullopt;
}

/// Takes the entry at \p at into \p result. True where it leads to \p table, of
/// the next level.
static bool takeEntry(const PagingMode &mode, unsigned level, PhysAddr at,
                      uint64_t entry, VirtAddr address, Translation &result,
                      PhysAddr &table) {
  result.steps.push_back({level, at, entry});
  const DecodedEntry decoded = mode.decode(entry, level);
  switch (decoded.meaning) {
  case EntryMeaning::Table:
    table = decoded.address;
    return true;
  case EntryMeaning::Page:
    result.outcome = Translation::Outcome::Mapped;
    result.pageBytes = bit(decoded.pageShift);
    result.address = decoded.byteAt(address);
    return false;
  case EntryMeaning::Reserved:
    result.outcome = Translation::Outcome::Reserved;
    return false;
  case EntryMeaning::Hole:
    return false;
  }
  llvm_unreachable("not an EntryMeaning");
}

/// From \p table, of \p level, down.
static void goDown(const PhysicalMemory &memory, const PagingMode &mode,
                   PhysAddr table, unsigned level, VirtAddr address,
                   Translation &result) {
  for (; level < mode.levelCount; ++level) {
    PhysAddr at =
        table + uint64_t(mode.indexOf(address, level)) * mode.entryBytes;
    uint64_t entry = 0;
    result.pageBytes = mode.entrySpan(level);
    if (auto absent = readEntry(memory, mode, at, entry)) {
      result.outcome = Translation::Outcome::TableAbsent;
      result.absent = *absent;
      return;
    }
    if (!takeEntry(mode, level, at, entry, address, result, table))
      return;
  }
}

/// Of an address that no table of this root translates.
static void leaveTables(const PagingMode &mode, VirtAddr address,
                        Translation &result) {
  if (const DirectWindow *window = mode.findWindow(address)) {
    result.outcome = Translation::Outcome::Mapped;
    result.address = window->physical(address);
    result.pageBytes = window->bytes();
    return;
  }
  result.outcome = Translation::Outcome::NotCovered;
  result.pageBytes = mode.coverage.mask & -mode.coverage.mask;
}

static bool isCovered(const PagingMode &mode, VirtAddr address,
                      Translation &result) {
  if (mode.coverage.covers(address))
    return true;
  leaveTables(mode, address, result);
  return false;
}

Translation translate(const PhysicalMemory &memory, const PagingMode &mode,
                      PhysAddr root, VirtAddr address) {
  Translation result;
  if (isCovered(mode, address, result))
    goDown(memory, mode, root, 0, address, result);
  return result;
}

/// Through the entry that \p way leads to. False if it leads to another table
/// now: memory that was read from a running machine.
bool CachedTranslation::finish(const PhysicalMemory &memory,
                               const PagingMode &mode, const Way &way,
                               VirtAddr address, Translation &result) {
  const uint64_t inTable =
      uint64_t(mode.indexOf(address, way.level)) * mode.entryBytes;
  const PhysAddr at = way.table + inTable;
  // What a file has lost since then reads as zeros: that is looked at again.
  uint64_t entry = way.view ? mode.load(way.view + inTable) : 0;
  result.steps = way.steps;
  result.pageBytes = mode.entrySpan(way.level);
  if (!entry)
    if (auto absent = readEntry(memory, mode, at, entry)) {
      result.outcome = Translation::Outcome::TableAbsent;
      result.absent = *absent;
      return true;
    }
  PhysAddr table;
  return !takeEntry(mode, way.level, at, entry, address, result, table);
}

uint8_t CachedTranslation::translate(const PhysicalMemory &memory,
                                     const PagingMode &mode, PhysAddr root,
                                     VirtAddr address, Translation &result) {
  constexpr size_t wayCount = 512; // A gigabyte, or 90 KiB of memory.
  if (!isCovered(mode, address, result))
    return UserRights; // of a direct window
  if (ways_.empty())
    ways_.resize(wayCount);
  // Addresses with one tag go through one table of the last level, and through
  // the same entries above it.
  const uint64_t tag =
      (address.value >> mode.levels[mode.lastLevel() - 1].shift) + 1;
  Way &way = ways_[tag % wayCount];
  if (way.tag == tag && finish(memory, mode, way, address, result))
    return result.steps.size() == way.steps.size()
               ? way.denied
               : way.denied |
                     mode.deniedBy(result.steps.back().entry, way.level);
  result = Translation();
  goDown(memory, mode, root, 0, address, result);
  uint8_t above = 0, denied = 0;
  for (const TranslationStep &step : result.steps) {
    above = denied;
    denied |= mode.deniedBy(step.entry, step.level);
  }
  if (result.outcome == Translation::Outcome::TableAbsent)
    return denied;
  way = {tag, result.steps.back().level, root, nullptr, result.steps, above};
  way.steps.pop_back();
  if (way.level)
    way.table = mode.decode(way.steps.back().entry, way.level - 1).address;
  way.view = memory.tryView(way.table, mode.tableBytes(way.level));
  return denied;
}

} // namespace vmpt
