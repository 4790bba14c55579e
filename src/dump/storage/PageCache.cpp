#include "dump/storage/PageCache.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <sys/mman.h>
#include <thread>

namespace vmpt {

LazyMemory::LazyMemory(uint64_t size) : size_(std::max<uint64_t>(1, size)) {
  void *memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    llvm::report_bad_alloc_error("no memory for the page cache");
  ::madvise(memory, size_, MADV_HUGEPAGE);
  data_ = static_cast<uint8_t *>(memory);
}

LazyMemory::~LazyMemory() { ::munmap(data_, size_); }

void PageCache::Lock::lock() {
  while (isHeld_.test_and_set(std::memory_order_acquire))
    std::this_thread::yield();
}

PageCache::PageCache(uint64_t pageSize, uint64_t budgetBytes, uint64_t noted)
    : pageSize_(pageSize), sets_(std::bit_floor(std::max<uint64_t>(
                               1, budgetBytes / pageSize / waysPerSet))),
      pages_(sets_.size() * waysPerSet * pageSize), used_(noted / 8 + 8) {}

/// Fibonacci hashing: page tables often lie at regular distances.
uint64_t PageCache::setOf(uint64_t key) const {
  return (key * 0x9e3779b97f4a7c15) >> 32 & (sets_.size() - 1);
}

bool PageCache::noteUse(uint64_t key) {
  std::atomic_ref word(reinterpret_cast<uint64_t *>(used_.data())[key / 64]);
  const uint64_t bit = uint64_t(1) << key % 64;
  return word.load(std::memory_order_relaxed) & bit ||
         word.fetch_or(bit, std::memory_order_relaxed) & bit;
}

bool PageCache::tryCopy(uint64_t key, uint64_t offset,
                        llvm::MutableArrayRef<uint8_t> out) {
  Set &set = sets_[setOf(key)];
  std::lock_guard lock(set.mutex);
  for (unsigned way = 0; way < waysPerSet; ++way)
    if (set.keyPlusOne[way] == key + 1) {
      set.lastUse[way] = ++set.clock;
      std::memcpy(out.data(), pageAt(set, way) + offset, out.size());
      return true;
    }
  return false;
}

void PageCache::insert(uint64_t key, llvm::ArrayRef<uint8_t> page) {
  Set &set = sets_[setOf(key)];
  std::lock_guard lock(set.mutex);
  unsigned victim = 0;
  for (unsigned way = 0; way < waysPerSet; ++way) {
    if (set.keyPlusOne[way] == key + 1)
      return; // Another thread was faster.
    // Differences of the clock survive its wrap.
    if (uint16_t(set.clock - set.lastUse[way]) >
        uint16_t(set.clock - set.lastUse[victim]))
      victim = way;
  }
  if (set.keyPlusOne[victim] == 0)
    set.slot[victim] = nextSlot_.fetch_add(1, std::memory_order_relaxed);
  set.keyPlusOne[victim] = key + 1;
  set.lastUse[victim] = ++set.clock;
  std::memcpy(pageAt(set, victim), page.data(), pageSize_);
}

} // namespace vmpt
