#include "paging/TableUse.h"

namespace vmpt {

namespace {

/// Sink of the walker that only counts.
class CountingSink {
public:
  struct State {
    uint64_t mappedBytes = 0; ///< What the entry spans, if it maps a page.
    DecodedEntry page;
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
    const DecodedEntry decoded = mode_.decode(entry, level);
    return {decoded.isPage() ? mode_.entrySpan(level) : 0, decoded};
  }
  State holeState(unsigned) const { return {}; }
  void note(VirtAddr at, uint64_t, const State &state) {
    if (state.mappedBytes == 0)
      return;
    use_.mappedBytes += state.mappedBytes;
    // Not where the page ends, which may be more than the entry spans.
    VirtAddr first(alignDown(at.value, state.mappedBytes));
    use_.physicalEnd = std::max(
        use_.physicalEnd, state.page.byteAt(first).value + state.mappedBytes);
  }
  uint64_t nextBoundary() const { return 0; }
  void unreadable(VirtAddr, unsigned, PhysAddr table, AbsentByte absent) {
    ++use_.absentTables;
    if (absent.absence == Absence::OutsideRam)
      use_.absentEnd =
          std::max(use_.absentEnd, table.value + bit(mode_.pageShift));
  }
  void emptyTable(PhysAddr) {}
  bool isFull() const { return use_.tables > maxTables_; }

private:
  const PagingMode &mode_;
  TableUse &use_;
  const uint64_t maxTables_;
};

} // namespace

TableUse countTableUse(const PhysicalMemory &memory, const PagingMode &mode,
                       PhysAddr root, VirtAddr first, VirtAddr last,
                       uint64_t maxTables) {
  TableUse use;
  if (!mode.coverage.covers(first) && mode.findWindow(first))
    return use;
  CountingSink sink(mode, use, maxTables);
  Walker<CountingSink, HardwareRules> walker(memory, mode, HardwareRules(mode),
                                             sink);
  walker.walk(root, first, last, 0);
  use.isCut = sink.isFull();
  return use;
}

} // namespace vmpt
