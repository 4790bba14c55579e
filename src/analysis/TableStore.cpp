#include "analysis/TableStore.h"

#include <tuple>

namespace vmpt {

/// As TableWalk: every table of every process, with room for what is shared.
TableStore::TableStore(const PhysicalMemory &memory, const PagingMode &mode)
    : memory_(memory), mode_(mode),
      budget_(4 * (memory.presentBytes() >> mode.pageShift) + 65536) {}

/// False if there are no entries to follow.
bool TableStore::load(StoredTable &table) {
  bytes_.resize(mode_.tableBytes(table.level));
  if (auto absent = memory_.tryRead(table.address, bytes_)) {
    // docs/architecture.md: the one exception. A root is never empty.
    if (table.level && memory_.mayBeZeros(absent->absence))
      table.isTakenForEmpty = true;
    else
      table.absence = absent->absence;
    return false;
  }
  entries_.resize(mode_.entryCount(table.level));
  for (size_t i = 0; i < entries_.size(); ++i)
    entries_[i] = mode_.load(bytes_.data() + i * mode_.entryBytes);
  table.entries = entries_;
  return true;
}

void TableStore::visit(PhysAddr root, const Visit &visit) {
  std::vector<std::pair<PhysAddr, unsigned>> open = {{root, 0u}};
  while (!open.empty()) {
    StoredTable table;
    std::tie(table.address, table.level) = open.back();
    open.pop_back();
    // Shifted so that the keys that DenseSet reserves are no address.
    if (!met_.insert({table.address.value >> 2, table.level}).second)
      continue;
    if (!budget_ || !--budget_)
      return;
    const bool isThere = load(table);
    if (!visit(table))
      return;
    if (!isThere)
      continue;
    // The last first, so that the first is the next.
    for (size_t i = entries_.size(); i-- > 0;)
      if (const DecodedEntry entry = mode_.decode(entries_[i], table.level);
          entry.isTable())
        open.push_back({entry.address, table.level + 1});
  }
}

} // namespace vmpt
