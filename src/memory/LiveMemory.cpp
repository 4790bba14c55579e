#include "memory/LiveMemory.h"

#include "support/Bits.h"

#include <algorithm>
#include <cstring>

namespace vmpt {

/// False if the page is not there as a whole, or there is no room for it.
bool LiveMemory::copyFromPage(PhysAddr at,
                              llvm::MutableArrayRef<uint8_t> out) const {
  const uint64_t start = alignDown(at.value, pageBytes);
  std::unique_ptr<Page> &page = pages_[start];
  if (!page) {
    auto fresh = std::make_unique<Page>();
    if (pages_.size() > mostPages ||
        memory_->tryRead(PhysAddr(start), fresh->bytes)) {
      isCut_ |= pages_.size() > mostPages;
      pages_.erase(start);
      return false;
    }
    page = std::move(fresh);
  }
  const uint64_t offset = at.value - start;
  std::memcpy(out.data(), page->bytes.data() + offset, out.size());
  for (uint64_t word = offset / wordBytes;
       word <= (offset + out.size() - 1) / wordBytes; ++word)
    page->used.set(word);
  return true;
}

std::optional<AbsentByte>
LiveMemory::tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const {
  std::lock_guard lock(mutex_);
  while (!out.empty()) {
    const uint64_t size =
        std::min<uint64_t>(pageBytes - at.value % pageBytes, out.size());
    if (!copyFromPage(at, out.take_front(size)))
      if (auto absent = memory_->tryRead(at, out.take_front(size)))
        return absent;
    out = out.drop_front(size);
    at += size;
  }
  return std::nullopt;
}

LiveMemory::Changes LiveMemory::findChanges() const {
  constexpr size_t mostNamed = 4;
  std::lock_guard lock(mutex_);
  Changes changes;
  changes.pagesRead = pages_.size();
  changes.isCut = isCut_;
  std::vector<uint64_t> starts;
  for (const auto &[start, page] : pages_)
    starts.push_back(start);
  std::sort(starts.begin(), starts.end());
  std::array<uint8_t, pageBytes> now;
  for (uint64_t start : starts) {
    const Page &page = *pages_.at(start);
    const bool isGone = memory_->tryRead(PhysAddr(start), now).has_value();
    const size_t before = changes.wordsChanged;
    for (uint64_t word = 0; word < page.used.size(); ++word) {
      const uint64_t offset = word * wordBytes;
      if (!page.used[word] ||
          (!isGone && std::memcmp(now.data() + offset,
                                  page.bytes.data() + offset, wordBytes) == 0))
        continue;
      if (changes.words.size() < mostNamed)
        changes.words.push_back(PhysAddr(start + offset));
      ++changes.wordsChanged;
    }
    changes.pagesChanged += changes.wordsChanged != before;
  }
  return changes;
}

} // namespace vmpt
