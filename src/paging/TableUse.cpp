#include "paging/TableUse.h"

namespace vmpt {

namespace {

/// Sink of the walker that only counts.
class CountingSink {
public:
  struct State {
    uint64_t mappedBytes = 0;
    bool operator==(const State &) const = default;
  };

  static constexpr bool needsEachEntry = true;

  CountingSink(const PagingMode &mode, TableUse &use, uint64_t maxTables)
      : mode_(mode), use_(use), maxTables_(maxTables) {}

  uint64_t inherit(uint64_t inherited, unsigned level, uint64_t) {
    ++use_.tables;
    use_.tableBytes += mode_.tableBytes(level + 1);
    return inherited;
  }
  State leafState(uint64_t, unsigned level, uint64_t entry) const {
    return {mode_.isPresent(entry) ? mode_.entrySpan(level) : 0};
  }
  State holeState(unsigned) const { return {}; }
  void note(VirtAddr, uint64_t entry, const State &state) {
    if (state.mappedBytes == 0)
      return;
    use_.mappedBytes += state.mappedBytes;
    // A page above the last level has other bits where smaller ones have
    // address.
    uint64_t page = alignDown(mode_.addressIn(entry).value, state.mappedBytes);
    use_.physicalEnd = std::max(use_.physicalEnd, page + state.mappedBytes);
  }
  uint64_t nextBoundary() const { return 0; }
  void unreadable(VirtAddr, unsigned, PhysAddr, AbsentByte) {
    ++use_.absentTables;
  }
  void emptyTable(PhysAddr) {}
  bool isFull() const { return use_.tables > maxTables_; }

private:
  const PagingMode &mode_;
  TableUse &use_;
  const uint64_t maxTables_;
};

} // namespace

EntryRules makeHardwareRules(const PagingMode &mode) {
  EntryRules rules;
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    rules[level].contentMask = mode.present;
    rules[level].presentMask = mode.present;
    if (mode.levels[level].mayMapPage) {
      rules[level].leafMask = mode.leafMask;
      rules[level].tableBits = mode.tableBits;
      rules[level].leafNeeds = mode.present;
    }
  }
  return rules;
}

TableUse countTableUse(const PhysicalMemory &memory, const PagingMode &mode,
                       PhysAddr root, VirtAddr first, VirtAddr last,
                       uint64_t maxTables) {
  TableUse use;
  CountingSink sink(mode, use, maxTables);
  Walker<CountingSink> walker(memory, mode, makeHardwareRules(mode), sink);
  walker.walk(root, first, last, 0);
  use.isCut = sink.isFull();
  return use;
}

} // namespace vmpt
