//===- PageCache.h - decompressed pages, bounded, shared by threads -------===//
//
// A page is looked for in one set of four slots only, and each set has its own
// lock, held for the copy of one page: threads meet only where they want pages
// of the same set at the same moment.
//
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace vmpt {

/// Memory of zeros that costs nothing before it is used, and then comes in
/// pieces of 2 MiB if the system has them: a fault per page would cost about a
/// fifth of its decompression.
class LazyMemory {
public:
  explicit LazyMemory(uint64_t size);
  ~LazyMemory();
  LazyMemory(const LazyMemory &) = delete;
  uint8_t *data() { return data_; } ///< Aligned to a page.

private:
  uint64_t size_; ///< Not 0.
  uint8_t *data_;
};

/// All functions may be called from several threads at once.
class PageCache {
public:
  /// At most about \p budgetBytes of pages; memory is used as pages come in.
  /// Keys below \p noted can be asked for with noteUse().
  PageCache(uint64_t pageSize, uint64_t budgetBytes, uint64_t noted = 0);

  /// Notes that page \p key is wanted. False: for the first time, so that it is
  /// not in the cache yet.
  bool noteUse(uint64_t key);
  /// Copies \p out.size() bytes from \p offset within page \p key and returns
  /// true, or returns false if the page is not in the cache.
  bool tryCopy(uint64_t key, uint64_t offset,
               llvm::MutableArrayRef<uint8_t> out);
  /// Takes a copy of the page, in place of the one in its set that was not
  /// asked for longest.
  void insert(uint64_t key, llvm::ArrayRef<uint8_t> page);

private:
  static constexpr unsigned waysPerSet = 4;
  /// Spins: the other holder is copying a page. (A mutex's unlock would wait
  /// for the copied bytes to reach the cache.)
  class Lock {
  public:
    void lock();
    void unlock() { isHeld_.clear(std::memory_order_release); }

  private:
    std::atomic_flag isHeld_;
  };
  struct alignas(64) Set {
    Lock mutex;
    uint16_t clock = 0;
    std::array<uint16_t, waysPerSet> lastUse = {};
    std::array<uint32_t, waysPerSet> slot = {};
    std::array<uint64_t, waysPerSet> keyPlusOne = {}; ///< 0: empty.
  };

  static_assert(sizeof(Set) == 64, "a set is one line of the CPU's cache");

  uint64_t setOf(uint64_t key) const;
  uint8_t *pageAt(const Set &set, unsigned way) {
    return pages_.data() + set.slot[way] * pageSize_;
  }

  uint64_t pageSize_;
  std::vector<Set> sets_; ///< A power of two.
  /// Slots are given out in this order, so that memory fills up densely.
  std::atomic<uint32_t> nextSlot_ = 0;
  LazyMemory pages_;
  LazyMemory used_; ///< A bit for each key, in words of 64.
};

} // namespace vmpt
