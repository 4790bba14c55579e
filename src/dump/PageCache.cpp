#include "dump/PageCache.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace vmpt {

PageCache::PageCache(uint64_t pageSize, uint64_t budgetBytes)
    : pageSize_(pageSize), sets_(std::bit_floor(std::max<uint64_t>(
                               1, budgetBytes / pageSize / waysPerSet))),
      // Not initialised: the system hands out each page at its first use.
      pages_(new uint8_t[sets_.size() * waysPerSet * pageSize]) {}

/// Fibonacci hashing: page tables often lie at regular distances.
uint64_t PageCache::setOf(uint64_t key) const {
  return (key * 0x9e3779b97f4a7c15) >> 32 & (sets_.size() - 1);
}

bool PageCache::tryCopy(uint64_t key, uint64_t offset,
                        llvm::MutableArrayRef<uint8_t> out) {
  uint64_t index = setOf(key);
  Set &set = sets_[index];
  std::lock_guard lock(set.mutex);
  for (unsigned way = 0; way < waysPerSet; ++way)
    if (set.keyPlusOne[way] == key + 1) {
      set.lastUse[way] = ++set.clock;
      std::memcpy(out.data(), slot(index, way) + offset, out.size());
      return true;
    }
  return false;
}

void PageCache::insert(uint64_t key, llvm::ArrayRef<uint8_t> page) {
  uint64_t index = setOf(key);
  Set &set = sets_[index];
  std::lock_guard lock(set.mutex);
  unsigned victim = 0;
  for (unsigned way = 0; way < waysPerSet; ++way) {
    if (set.keyPlusOne[way] == key + 1)
      return; // Another thread was faster.
    // Differences of the clock survive its wrap.
    if (set.clock - set.lastUse[way] > set.clock - set.lastUse[victim])
      victim = way;
  }
  set.keyPlusOne[victim] = key + 1;
  set.lastUse[victim] = ++set.clock;
  std::memcpy(slot(index, victim), page.data(), pageSize_);
}

} // namespace vmpt
