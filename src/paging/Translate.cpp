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

Translation translate(const PhysicalMemory &memory, const PagingMode &mode,
                      PhysAddr root, VirtAddr address) {
  Translation result;
  if (!mode.coverage.covers(address)) {
    result.outcome = Translation::Outcome::NotCovered;
    result.pageBytes = mode.coverage.mask & -mode.coverage.mask;
    return result;
  }
  PhysAddr table = root;
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    PhysAddr at =
        table + uint64_t(mode.indexOf(address, level)) * mode.entryBytes;
    uint64_t entry = 0;
    result.pageBytes = mode.entrySpan(level);
    if (auto absent = readEntry(memory, mode, at, entry)) {
      result.outcome = Translation::Outcome::TableAbsent;
      result.absent = *absent;
      return result;
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
      return result;
    case EntryMeaning::Reserved:
      result.outcome = Translation::Outcome::Reserved;
      return result;
    case EntryMeaning::Hole:
      return result;
    }
  }
  return result;
}

} // namespace vmpt
