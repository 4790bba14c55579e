#include "kernel/find/ImagePages.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

class PlaceCounter {
public:
  PlaceCounter(const SoundTables &tables, std::vector<PhysAddr> pages)
      : tables_(tables), mode_(tables.mode()), pages_(std::move(pages)) {
    llvm::sort(pages_);
    counts_.resize(pages_.size());
  }

  void lookAt(PhysAddr table, unsigned level, unsigned firstIndex);
  std::vector<PhysAddr> moreThanOnce() const {
    std::vector<PhysAddr> found;
    for (auto [page, count] : llvm::zip(pages_, counts_))
      if (count > 1)
        found.push_back(page);
    return found;
  }

private:
  void count(PhysAddr start, uint64_t size);

  const SoundTables &tables_;
  const PagingMode &mode_;
  std::vector<PhysAddr> pages_;
  std::vector<size_t> counts_;
  llvm::DenseSet<uint64_t> seen_;
};

void PlaceCounter::count(PhysAddr start, uint64_t size) {
  auto page = llvm::partition_point(
      pages_, [start](PhysAddr known) { return known < start; });
  for (; page != pages_.end() && *page - start < size; ++page)
    ++counts_[size_t(page - pages_.begin())];
}

void PlaceCounter::lookAt(PhysAddr table, unsigned level, unsigned firstIndex) {
  constexpr size_t mostTables = size_t(1) << 20;
  if (seen_.size() >= mostTables ||
      !seen_.insert(tableKey(table, level)).second)
    return;
  const SoundTables::Entries entries = tables_.read(table, level);
  const uint64_t span = mode_.entrySpan(level);
  for (size_t index = firstIndex; index < entries.size(); ++index) {
    if (mode_.isEmpty(entries[index], level))
      continue;
    const DecodedEntry decoded = mode_.decode(entries[index], level);
    if (isWholePage(mode_, entries[index], level))
      count(decoded.byteAt(VirtAddr(index * span)), span);
    else if (decoded.isTable())
      lookAt(decoded.address, level + 1, 0);
  }
}

} // namespace

std::vector<PhysAddr> findMappedTwice(const SoundTables &tables, PhysAddr root,
                                      VirtAddr first,
                                      std::vector<PhysAddr> pages) {
  PlaceCounter counter(tables, std::move(pages));
  counter.lookAt(root, 0, tables.mode().indexOf(first, 0));
  return counter.moreThanOnce();
}

} // namespace vmpt
