//===- LinearTranslation.h - addresses by arithmetic, once that is proven -===//
//
// Most of a kernel's addresses lie in pieces of memory that the tables map as
// one piece, as the direct map is. Which pieces do, no region tells: pages are
// taken out of the direct map (DEBUG_PAGEALLOC, set_memory_np()), and the
// stacks of ESPfix have one page everywhere. So the table of a piece is asked,
// all of its entries, and only where they follow each other is an address in
// it computed from then on.
//
#pragma once

#include "paging/Translate.h"

#include <memory>

namespace vmpt {

/// For one thread.
class LinearTranslation {
public:
  /// Where \p address leads, always of the same \p memory, \p mode and \p root:
  /// what translate() says, without the way. Nothing if no page is there.
  std::optional<PhysAddr> find(const PhysicalMemory &memory,
                               const PagingMode &mode, PhysAddr root,
                               VirtAddr address, CachedTranslation &ways);

private:
  static constexpr unsigned pieceBits = 9; ///< Of the pieces in a block.
  /// A count of visits, or one of these.
  static constexpr uint8_t proven = 255, refuted = 254;
  /// Pieces are what a table of the last level maps.
  struct Block {
    uint64_t tag = 0; ///< The address bits above its pieces.
    /// From a virtual address to the physical one, in all proven pieces.
    std::optional<uint64_t> distance;
    std::array<uint8_t, size_t(1) << pieceBits> pieces = {};
  };

  std::vector<std::unique_ptr<Block>> blocks_; ///< By the tag, modulo.
};

} // namespace vmpt
