#include "paging/LinearTranslation.h"

#include "support/Bits.h"

namespace vmpt {

/// Do all entries of the table that \p found ends in map pages that follow each
/// other?
static bool isTableLinear(const PhysicalMemory &memory, const PagingMode &mode,
                          VirtAddr address, const Translation &found) {
  const TranslationStep &last = found.steps.back();
  const unsigned level = mode.lastLevel();
  if (last.level != level)
    return false;
  const unsigned index = mode.indexOf(address, level);
  const PhysAddr table = last.entryAddress - uint64_t(index) * mode.entryBytes;
  std::vector<uint8_t> copy;
  const uint8_t *raw = memory.tryView(table, mode.tableBytes(level));
  if (!raw) {
    copy.resize(mode.tableBytes(level));
    if (memory.tryRead(table, copy))
      return false;
    raw = copy.data();
  }
  const uint64_t pageBytes = bit(mode.pageShift);
  const VirtAddr first =
      VirtAddr(alignDown(address.value, pageBytes)) - index * pageBytes;
  const PhysAddr start = found.address - (address - first);
  for (uint64_t i = 0; i < mode.entryCount(level); ++i) {
    const DecodedEntry entry =
        mode.decode(mode.load(raw + i * mode.entryBytes), level);
    if (!entry.isPage() ||
        entry.byteAt(first + i * pageBytes) != start + i * pageBytes)
      return false;
  }
  return true;
}

std::optional<PhysAddr> LinearTranslation::find(const PhysicalMemory &memory,
                                                const PagingMode &mode,
                                                PhysAddr root, VirtAddr address,
                                                CachedTranslation &ways) {
  constexpr size_t blockCount = 1024; // A terabyte, with 4K pages.
  const unsigned shift = mode.levels[mode.lastLevel() - 1].shift;
  const uint64_t tag = address.value >> (shift + pieceBits);
  if (blocks_.empty())
    blocks_.resize(blockCount);
  std::unique_ptr<Block> &block = blocks_[tag % blockCount];
  const size_t piece =
      size_t(address.value >> shift) & size_t(lowBits(pieceBits));
  const bool isKnown = block && block->tag == tag;
  if (isKnown && block->pieces[piece] == proven)
    return PhysAddr(address.value + *block->distance);
  Translation found;
  ways.translate(memory, mode, root, address, found);
  if (!found.isMapped())
    return std::nullopt;
  if (!isKnown) {
    block = std::make_unique<Block>();
    block->tag = tag;
  }
  // To look at a table takes as long as to go some sixteenth of the ways there.
  const uint8_t visitsToProof = uint8_t(
      std::min<unsigned>(mode.entryCount(mode.lastLevel()) / 16, refuted - 1));
  uint8_t &state = block->pieces[piece];
  const bool isOnePage = found.pageBytes >= bit(shift);
  if (state == refuted || (!isOnePage && ++state < visitsToProof))
    return found.address;
  const uint64_t distance = found.address.value - address.value;
  const bool isLinear =
      isOnePage || isTableLinear(memory, mode, address, found);
  if (isLinear && !block->distance)
    block->distance = distance;
  state = isLinear && block->distance == distance ? proven : refuted;
  return found.address;
}

} // namespace vmpt
