#include "kernel/pages/PageCensus.h"

#include "paging/Walker.h"

namespace vmpt {

namespace {

/// Adds up runs of entries; the walker's sink.
class CensusSink {
public:
  struct State {
    EntryKind kind = EntryKind::Untouched;
    uint8_t level = 0;
    bool operator==(const State &) const = default;
  };

  CensusSink(const PagingMode &mode, const NonPresentRules &rules,
             VirtAddr start, uint64_t &budget, PageCensus &census)
      : mode_(mode), rules_(rules), at_(start), budget_(budget),
        census_(census) {}

  uint64_t inherit(uint64_t inherited, unsigned, uint64_t) { return inherited; }
  State leafState(uint64_t, unsigned level, uint64_t entry) {
    return {kindOf(entry, level), uint8_t(level)};
  }
  State holeState(unsigned level) {
    return {EntryKind::Untouched, uint8_t(level)};
  }
  void note(VirtAddr at, uint64_t, const State &state) {
    closeAt(at);
    state_ = budget_ ? state : State{EntryKind::Unknown, 0};
    budget_ -= budget_ ? 1 : 0;
  }
  uint64_t nextBoundary() const { return ~uint64_t(0); }
  void unreadable(VirtAddr at, unsigned level, PhysAddr, AbsentByte) {
    note(at, 0, {EntryKind::TableAbsent, uint8_t(level)});
  }
  void emptyTable(PhysAddr) {}
  bool isFull() const { return budget_ == 0; }

  /// The run ends before \p end.
  void closeAt(VirtAddr end) {
    const uint64_t pages = (end - at_) >> mode_.pageShift;
    census_.byKind[unsigned(state_.kind)] += pages;
    if (state_.kind == EntryKind::Present)
      census_.presentByLevel[state_.level] += pages;
    at_ = end;
  }

private:
  EntryKind kindOf(uint64_t entry, unsigned level) const {
    switch (mode_.decode(entry, level).meaning) {
    case EntryMeaning::Page:
    case EntryMeaning::Table: // the walker has gone there
      return EntryKind::Present;
    case EntryMeaning::Reserved:
      return EntryKind::Unknown;
    case EntryMeaning::Hole:
      break;
    }
    return decodeNonPresent(rules_, mode_, entry, level).kind;
  }

  const PagingMode &mode_;
  const NonPresentRules &rules_;
  State state_;
  VirtAddr at_;
  uint64_t &budget_;
  PageCensus &census_;
};

} // namespace

PageCounter::PageCounter(const PhysicalMemory &memory, const PagingMode &mode,
                         const NonPresentRules &rules, PhysAddr root)
    : memory_(memory), mode_(mode), rules_(rules), root_(root) {
  for (const MemoryRange &range : memory.ranges())
    if (!range.absence)
      budget_ += range.size / mode.entryBytes;
}

PageCensus PageCounter::count(VirtAddr start, VirtAddr end) {
  PageCensus census;
  census.pageCount = (end - start) >> mode_.pageShift;
  CensusSink sink(mode_, rules_, start, budget_, census);
  Walker<CensusSink, HardwareRules> walker(memory_, mode_, HardwareRules(mode_),
                                           sink);
  walker.walk(root_, start, end - 1, 0);
  sink.closeAt(end);
  return census;
}

} // namespace vmpt
