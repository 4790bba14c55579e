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
    result.steps.push_back({level, at, entry});
    const DecodedEntry decoded = mode.decode(entry, level);
    switch (decoded.meaning) {
    case EntryMeaning::Table:
      table = decoded.address;
      continue;
    case EntryMeaning::Page:
      result.outcome = Translation::Outcome::Mapped;
      result.pageBytes = bit(decoded.pageShift);
      result.address = decoded.byteAt(address);
      return;
    case EntryMeaning::Reserved:
      result.outcome = Translation::Outcome::Reserved;
      return;
    case EntryMeaning::Hole:
      return;
    }
  }
}

static bool isCovered(const PagingMode &mode, VirtAddr address,
                      Translation &result) {
  if (mode.coverage.covers(address))
    return true;
  result.outcome = Translation::Outcome::NotCovered;
  result.pageBytes = mode.coverage.mask & -mode.coverage.mask;
  return false;
}

Translation translate(const PhysicalMemory &memory, const PagingMode &mode,
                      PhysAddr root, VirtAddr address) {
  Translation result;
  if (isCovered(mode, address, result))
    goDown(memory, mode, root, 0, address, result);
  return result;
}

uint8_t CachedTranslation::translate(const PhysicalMemory &memory,
                                     const PagingMode &mode, PhysAddr root,
                                     VirtAddr address, Translation &result) {
  constexpr size_t wayCount = 64;
  const unsigned last = mode.lastLevel();
  if (!isCovered(mode, address, result))
    return 0;
  if (ways_.empty())
    ways_.resize(wayCount);
  const uint64_t tag = (address.value >> mode.levels[last - 1].shift) + 1;
  Way &way = ways_[tag % wayCount];
  if (way.tag == tag) {
    result.steps = way.steps;
    goDown(memory, mode, way.table, last, address, result);
    return result.isMapped()
               ? way.denied | mode.deniedBy(result.steps.back().entry, last)
               : way.denied;
  }
  goDown(memory, mode, root, 0, address, result);
  uint8_t above = 0, denied = 0;
  for (const TranslationStep &step : result.steps) {
    above = denied;
    denied |= mode.deniedBy(step.entry, step.level);
  }
  if (result.steps.size() != mode.levelCount)
    return denied;
  way.tag = tag;
  way.denied = above;
  way.steps = result.steps;
  way.steps.pop_back();
  const TranslationStep &step = way.steps.back();
  way.table = mode.decode(step.entry, step.level).address;
  return denied;
}

} // namespace vmpt
