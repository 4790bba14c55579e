#include "listing/Ptdump.h"

#include <algorithm>

namespace vmpt {

Ptdump::Ptdump(const PtdumpRules &rules, llvm::ArrayRef<AddressMarker> markers,
               RunSink &out, uint64_t maxRuns)
    : rules_(rules), markers_(markers), out_(out), maxRuns_(maxRuns) {
  current_.level = rules.initialLevel;
  if (rules.initialLevel != -1) {
    // Already "inside" the first section, with a run that began at 0.
    boundary_ = markers_.size() > 1 ? markers_[1].start : ~uint64_t(0);
  } else {
    boundary_ = 0; // the first note is always news
  }
}

void Ptdump::nextSection() {
  if (const uint64_t limit = lineLimit(); limit && linesInSection_ > limit)
    out_.skipped(linesInSection_ - limit);
  ++marker_;
  linesInSection_ = 0;
  boundary_ = marker_ + 1 < markers_.size() ? markers_[marker_ + 1].start
                                            : ~uint64_t(0);
  if (marker_ < markers_.size())
    out_.section(markers_[marker_].name);
}

void Ptdump::printRun(uint64_t end) {
  ++runs_;
  const uint64_t limit = lineLimit();
  if (!limit || linesInSection_ < limit)
    out_.run({start_, end, current_, firstEntry_});
  ++linesInSection_;
}

void Ptdump::splitAtSections(uint64_t end) {
  while (boundary_ < end) {
    if (boundary_ > start_) {
      printRun(boundary_);
      start_ = boundary_;
    }
    nextSection();
  }
}

void Ptdump::noteChange(uint64_t at, uint64_t entry, const State &state) {
  // The walker may still note what is left of upper tables, but not what is
  // below: lines of that would be wrong.
  if (isFull() || (at & rules_.unnotedHoles && !entry &&
                   state.level == rules_.holeLevel[0]))
    return;
  if (current_.level == -1) {
    current_ = state;
    firstEntry_ = entry;
    start_ = rules_.firstRunStartsAtZero ? 0 : at;
    boundary_ = markers_.size() > 1 ? markers_[1].start : ~uint64_t(0);
    if (!markers_.empty())
      out_.section(markers_[0].name);
    while (rules_.firstNoteCrosses && crosses(at) && boundary_ != ~uint64_t(0))
      nextSection();
  } else if (!(state == current_) || crosses(at)) {
    if (current_.level == RunState::absentLevel)
      splitAtSections(at);
    printRun(at);
    if (rules_.advance == MarkerAdvance::All)
      while (crosses(at) && boundary_ != ~uint64_t(0))
        nextSection();
    else if (crosses(at) && boundary_ != ~uint64_t(0))
      nextSection();
    start_ = at;
    current_ = state;
    firstEntry_ = entry;
  }
  if (rules_.advance == MarkerAdvance::OneOrTwo && crosses(at) &&
      boundary_ != ~uint64_t(0))
    nextSection();
}

bool Ptdump::countsOnly(VirtAddr last, uint64_t changes) const {
  const uint64_t limit = lineLimit();
  return limit && linesInSection_ >= limit && last.value < boundary_ &&
         changes + 1 < maxRuns_ - std::min(runs_, maxRuns_);
}

void Ptdump::noteCounted(VirtAddr base, const NoteCount<State> &notes) {
  note(base + notes.first.at, notes.first.entry, notes.first.state);
  if (!notes.changes)
    return;
  runs_ += notes.changes;
  linesInSection_ += notes.changes;
  start_ = base.value + notes.last.at;
  current_ = notes.last.state;
  firstEntry_ = notes.last.entry;
}

void Ptdump::unreadable(VirtAddr at, unsigned level, PhysAddr table,
                        AbsentByte absent) {
  constexpr size_t keptTables = 16;
  if (absent_.size() < keptTables)
    absent_.push_back({at, table, absent.absence});
  ++absentCount_;
  State state;
  state.level = RunState::absentLevel;
  state.attributes = table.value;
  state.effective =
      uint64_t(rules_.leafLevel[level]) << 8 | uint64_t(absent.absence);
  note(at, 0, state);
}

void Ptdump::flush() {
  State end;
  if (current_.level == -1)
    return;       // nothing was ever noted
  end.level = -3; // differs from every state, so that the last run is printed
  noteChange(rules_.flushAddress, 0, end);
}

} // namespace vmpt
