#include "kernel/find/LinearRuns.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

void LinearRuns::append(Runs &runs, const Run &next) {
  constexpr size_t mostRuns = 256;
  if (!runs.empty()) {
    Run &last = runs.back();
    if (last.start + last.size == next.start &&
        last.physical + last.size == next.physical) {
      last.size += next.size;
      return;
    }
    if (last.start && last.size < leastBytes_)
      runs.pop_back();
  }
  if (runs.size() >= mostRuns) {
    isCut_ = true;
    runs.pop_back();
  }
  runs.push_back(next);
}

LinearRuns::Runs LinearRuns::lookAt(PhysAddr table, unsigned level,
                                    unsigned firstIndex) {
  const PagingMode &mode = tables_.mode();
  const SoundTables::Entries entries = tables_.read(table, level);
  const uint64_t span = mode.entrySpan(level);
  Runs runs;
  for (size_t index = firstIndex; index < entries.size(); ++index) {
    if (mode.isEmpty(entries[index], level))
      continue;
    const uint64_t start = index * span;
    const DecodedEntry decoded = mode.decode(entries[index], level);
    if (isWholePage(mode, entries[index], level))
      append(runs, {start, decoded.byteAt(VirtAddr(start)), span});
    else if (decoded.isTable())
      for (const Run &run : lookBelow(decoded.address, level + 1))
        append(runs, {start + run.start, run.physical, run.size});
  }
  // One that ends before the table does is complete.
  const uint64_t end = entries.size() * span;
  if (!runs.empty() && runs.back().start && runs.back().size < leastBytes_ &&
      runs.back().start + runs.back().size != end)
    runs.pop_back();
  return runs;
}

const LinearRuns::Runs &LinearRuns::lookBelow(PhysAddr table, unsigned level) {
  const uint64_t key = tableKey(table, level);
  auto known = known_.find(key);
  if (known != known_.end())
    return known->second;
  Runs runs = lookAt(table, level, 0);
  return known_.insert({key, std::move(runs)}).first->second;
}

std::vector<MappedRun> LinearRuns::find(PhysAddr root, VirtAddr first) {
  const PagingMode &mode = tables_.mode();
  const VirtAddr base(mode.virtualBits >= 64
                          ? 0
                          : alignDown(first.value, bit(mode.virtualBits)));
  std::vector<MappedRun> found;
  for (const Run &run : lookAt(root, 0, mode.indexOf(first, 0)))
    if (run.size >= leastBytes_)
      found.push_back({base + run.start, run.physical, run.size});
  return found;
}

} // namespace vmpt
