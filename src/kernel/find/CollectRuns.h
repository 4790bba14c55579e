//===- CollectRuns.h - what a table maps, in one walk ---------------------===//
#pragma once

#include "paging/AddressSpace.h"
#include "paging/Walker.h"

namespace vmpt {

/// A large page whose entry has more of an address than such a page can have is
/// a fault, or a sign that the level is not the right one. (decode() leaves
/// those bits out. Bit 12 of x86's large pages is PAT.)
inline bool isWholePage(const PagingMode &mode, uint64_t entry,
                        unsigned level) {
  const DecodedEntry decoded = mode.decode(entry, level);
  if (!decoded.isPage() || level == mode.lastLevel())
    return decoded.isPage();
  const EntryPattern *table =
      mode.levels[level].entries.plain(EntryMeaning::Table);
  // Below it are flags of pages, where tables may keep their address (Power).
  constexpr uint64_t notAddress = lowBits(13);
  return !table ||
         !(table->address.of(entry) & lowBits(decoded.pageShift) & ~notAddress);
}

/// Takes what a walk maps, physical neighbours joined.
class RunCollector {
public:
  struct State {
    DecodedEntry page;
    uint64_t span = 0; ///< Of the entry; 0: no page.
    bool operator==(const State &) const = default;
  };

  RunCollector(const PagingMode &mode, size_t maxRuns)
      : mode_(mode), maxRuns_(maxRuns) {}

  uint64_t inherit(uint64_t inherited, unsigned, uint64_t) const {
    return inherited;
  }
  State leafState(uint64_t, unsigned level, uint64_t entry) const {
    const DecodedEntry decoded = mode_.decode(entry, level);
    return isWholePage(mode_, entry, level)
               ? State{decoded, mode_.entrySpan(level)}
               : State();
  }
  State holeState(unsigned) const { return {}; }
  void note(VirtAddr at, uint64_t, const State &state) {
    if (!state.span || isFull())
      return;
    const PhysAddr physical = state.page.byteAt(at);
    if (!runs_.empty() && runs_.back().start + runs_.back().size == at &&
        runs_.back().physical + runs_.back().size == physical)
      runs_.back().size += state.span;
    else
      runs_.push_back({at, physical, state.span});
  }
  uint64_t nextBoundary() const { return ~uint64_t(0); }
  void unreadable(VirtAddr, unsigned, PhysAddr, AbsentByte) {}
  void emptyTable(PhysAddr) {}
  bool isFull() const { return runs_.size() >= maxRuns_; }

  std::vector<MappedRun> take() { return std::move(runs_); }

private:
  const PagingMode &mode_;
  const size_t maxRuns_;
  std::vector<MappedRun> runs_;
};

/// Of [\p first, \p last]: at most \p most runs, ascending.
inline std::vector<MappedRun> collectRuns(const PhysicalMemory &memory,
                                          const PagingMode &mode, PhysAddr root,
                                          VirtAddr first, VirtAddr last,
                                          size_t most) {
  RunCollector runs(mode, most);
  Walker<RunCollector, HardwareRules> walker(memory, mode, HardwareRules(mode),
                                             runs);
  walker.walk(root, first, last, 0);
  return runs.take();
}

} // namespace vmpt
