#include "paging/Translate.h"

namespace vmpt {

std::optional<AbsentByte> readEntry(const PhysicalMemory &memory,
                                    const PagingMode &mode, PhysAddr at,
                                    uint64_t &entry) {
  uint8_t raw[8] = {};
  if (auto absent = memory.tryRead(
          at, llvm::MutableArrayRef<uint8_t>(raw, mode.entryBytes)))
    return absent;
  // Every architecture here keeps its tables in little-endian order.
  entry = loadUnaligned<uint64_t>(raw, ByteOrder::little);
  return std::nullopt;
}

Translation translate(const PhysicalMemory &memory, const PagingMode &mode,
                      PhysAddr root, VirtAddr address) {
  Translation result;
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
    if (!mode.isPresent(entry) || mode.isReserved(entry, level))
      return result;
    if (mode.isLeaf(entry, level)) {
      const unsigned pageShift = mode.pageShiftOf(entry, level);
      result.outcome = Translation::Outcome::Mapped;
      result.pageBytes = bit(pageShift);
      result.address =
          mode.pageAddress(entry, level) + (address.value & lowBits(pageShift));
      return result;
    }
    table = mode.addressIn(entry);
  }
  return result;
}

} // namespace vmpt
