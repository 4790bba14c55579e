#include "paging/AddressSpace.h"

namespace vmpt {

llvm::Expected<PhysAddr> AddressSpace::translate(VirtAddr at) const {
  Translation found = find(at);
  std::string reason;
  switch (found.outcome) {
  case Translation::Outcome::Mapped:
    return found.address;
  case Translation::Outcome::TableAbsent:
    if (auto placed = findPlaced(at))
      return *placed;
    return llvm::make_error<MemoryError>(found.absent);
  case Translation::Outcome::NotPresent:
    break;
  case Translation::Outcome::Reserved:
    reason = ": the entry " + hex(found.steps.back().entry) + " at physical " +
             hex(found.steps.back().entryAddress) + " is reserved";
    break;
  case Translation::Outcome::NotCovered:
    reason =
        ": it is no address that the root table " + hex(root_) + " translates";
    break;
  }
  return llvm::make_error<LookupError>("virtual address " + hex(at) +
                                       " is not mapped" + reason);
}

llvm::Error AddressSpace::read(VirtAddr at,
                               llvm::MutableArrayRef<uint8_t> out) const {
  if (!out.empty() && at.value > ~uint64_t(0) - (out.size() - 1))
    return llvm::make_error<LookupError>(
        std::to_string(out.size()) + " bytes at virtual address " + hex(at) +
        " would reach past the end of the address space");
  while (!out.empty()) {
    llvm::Expected<PhysAddr> physical = translate(at);
    if (!physical)
      return physical.takeError();
    uint64_t leftInPage =
        bit(mode_.pageShift) - (at.value & lowBits(mode_.pageShift));
    uint64_t count = std::min<uint64_t>(out.size(), leftInPage);
    if (llvm::Error error = memory_->read(*physical, out.take_front(count)))
      return error;
    out = out.drop_front(count);
    at += count;
  }
  return llvm::Error::success();
}

llvm::Expected<std::string> AddressSpace::readString(VirtAddr at,
                                                     size_t limit) const {
  std::string text;
  while (text.size() < limit) {
    uint8_t chunk[64];
    // Not across a page: the string may end before memory does.
    size_t count = std::min<size_t>(
        {sizeof chunk, limit - text.size(),
         size_t(bit(mode_.pageShift) - (at.value & lowBits(mode_.pageShift)))});
    if (llvm::Error error =
            read(at, llvm::MutableArrayRef<uint8_t>(chunk, count)))
      return error;
    const void *end = std::memchr(chunk, 0, count);
    size_t length = end ? static_cast<const uint8_t *>(end) - chunk : count;
    text.append(reinterpret_cast<const char *>(chunk), length);
    if (end)
      return text;
    at += count;
  }
  return llvm::make_error<LookupError>("text at " + hex(at - limit) +
                                       " has no end within " +
                                       std::to_string(limit) + " bytes");
}

void AddressSpace::addRuns(VirtAddr first, VirtAddr last, size_t limit,
                           size_t &steps, CachedTranslation &tables,
                           std::vector<MappedRun> &runs) const {
  for (; steps && runs.size() < limit; --steps) {
    Translation found;
    const PageRights rights = PageRights::without(
        tables.translate(*memory_, mode_, root_, first, found));
    // One less than what is left in the page: that may be all 2^64 bytes. Each
    // of several entries that map one page speaks for its own part alone.
    uint64_t inPage = found.pageBytes - 1;
    if (!found.steps.empty())
      inPage = std::min(inPage, mode_.entrySpan(found.steps.back().level) - 1);
    uint64_t more = std::min(inPage - (first.value & inPage), last - first);
    const bool isAbsent = found.outcome == Translation::Outcome::TableAbsent;
    if (auto placed = isAbsent ? findPlaced(first) : std::nullopt) {
      more = std::min(more, placed_->last - first);
      runs.push_back({first, *placed, more + 1, 0, {}});
    } else if (isAbsent && placed_ && first < placed_->first)
      more = std::min(more, placed_->first - first - 1);
    if (found.isMapped()) {
      const TranslationStep &step = found.steps.back();
      MappedRun *previous = runs.empty() ? nullptr : &runs.back();
      if (previous && previous->start + previous->size == first &&
          previous->physical + previous->size == found.address &&
          mode_.haveSameAttributes(step.entry, previous->entry, step.level) &&
          previous->rights == rights)
        previous->size += more + 1;
      else
        runs.push_back({first, found.address, more + 1, step.entry, rights});
    }
    if (last - first <= more)
      return;
    first += more + 1;
  }
}

std::vector<MappedRun> AddressSpace::mappedRuns(VirtAddr first, VirtAddr last,
                                                size_t limit) const {
  std::vector<MappedRun> runs;
  // Each step passes over at least one page; a hostile range of billions of
  // scattered pages ends at the limit of steps, not of runs alone.
  size_t steps = limit * 16;
  CachedTranslation tables;
  for (std::optional<VirtAddr> at = mode_.coverage.firstFrom(first);
       at && *at <= last;) {
    const VirtAddr end = std::min(last, mode_.coverage.lastFrom(*at));
    addRuns(*at, end, limit, steps, tables, runs);
    if (end == last)
      break;
    at = mode_.coverage.firstFrom(end + 1);
  }
  return runs;
}

} // namespace vmpt
