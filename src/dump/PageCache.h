//===- PageCache.h - decompressed pages, bounded, shared by threads
//--------===//
//
// A page is looked for in one set of four slots only, and each set has its own
// lock, held for the copy of one page: threads meet only where they want
// neighbours in the same set at the same moment.
//
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace vmpt {

/// All functions may be called from several threads at once.
class PageCache {
public:
  /// At most about \p budgetBytes of pages; memory is used as pages come in.
  PageCache(uint64_t pageSize, uint64_t budgetBytes);

  /// Copies \p out.size() bytes from \p offset within page \p key and returns
  /// true, or returns false if the page is not in the cache.
  bool tryCopy(uint64_t key, uint64_t offset,
               llvm::MutableArrayRef<uint8_t> out);
  /// Takes a copy of the page, in place of the one in its set that was not
  /// asked for longest.
  void insert(uint64_t key, llvm::ArrayRef<uint8_t> page);

private:
  static constexpr unsigned waysPerSet = 4;
  struct alignas(64) Set {
    std::mutex mutex;
    uint32_t clock = 0;
    std::array<uint32_t, waysPerSet> lastUse = {};
    std::array<uint64_t, waysPerSet> keyPlusOne = {}; ///< 0: empty.
  };

  uint64_t setOf(uint64_t key) const;
  uint8_t *slot(uint64_t set, unsigned way) {
    return pages_.get() + (set * waysPerSet + way) * pageSize_;
  }

  uint64_t pageSize_;
  std::vector<Set> sets_; ///< A power of two.
  std::unique_ptr<uint8_t[]> pages_;
};

} // namespace vmpt
