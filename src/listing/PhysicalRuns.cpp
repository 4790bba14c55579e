#include "listing/PhysicalRuns.h"

#include <algorithm>

namespace vmpt {

void PhysicalRuns::Joiner::begin(VirtAddr first, Visit visit) {
  visit_ = visit;
  isFull_ = false;
  state_ = State();
  stateFirst_ = first;
  open_.reset();
}

void PhysicalRuns::Joiner::finish(VirtAddr last) {
  close(last);
  handOn();
}

void PhysicalRuns::Joiner::note(VirtAddr at, uint64_t, const State &state) {
  if (state == state_)
    return;
  if (at > stateFirst_)
    close(at - 1);
  state_ = state;
  stateFirst_ = std::max(at, stateFirst_);
}

/// The entries of the current state are all that map one page: together they
/// are a piece of it, or it repeats.
void PhysicalRuns::Joiner::close(VirtAddr last) {
  PhysicalRun part{stateFirst_, last, std::nullopt};
  if (state_.pageShift) {
    const uint64_t inPage = lowBits(state_.pageShift);
    part.physical = PhysAddr(state_.address) + (part.first.value & inPage);
    part.repeats = last - part.first > inPage - (part.first.value & inPage);
  }
  join(part);
}

void PhysicalRuns::Joiner::join(const PhysicalRun &part) {
  if (open_ && !open_->repeats && !part.repeats &&
      open_->physical.has_value() == part.physical.has_value() &&
      (!part.physical ||
       *part.physical == *open_->physical + (part.first - open_->first))) {
    open_->last = part.last;
    return;
  }
  handOn();
  open_ = part;
}

void PhysicalRuns::Joiner::handOn() {
  if (open_ && !isFull_)
    isFull_ = !visit_(*open_);
  open_.reset();
}

PhysicalRuns::PhysicalRuns(const ListingPlan &plan,
                           const PhysicalMemory &memory)
    : plan_(plan), joiner_(plan_.mode),
      walker_(memory, plan_.mode, HardwareRules(plan_.mode), joiner_) {}

void PhysicalRuns::split(const Run &run, Visit visit) {
  const VirtAddr first(run.start), last = plan_.wording.lastOf(run);
  joiner_.begin(first, visit);
  // The kernel did not look everywhere: the line that was open at the end of
  // a range goes on to the next. No attributes need not be no page: s390x's
  // for writable and executable is 0.
  if (!run.isAbsent())
    for (const ListedRange &range : plan_.ranges) {
      const VirtAddr from = std::max(first, range.first),
                     to = std::min(last, range.last);
      if (range.isSkipped || from > to)
        continue;
      walker_.walk(plan_.root, from, to, 0);
      if (to != last)
        joiner_.noteNothing(to + 1);
    }
  joiner_.finish(std::max(first, last));
}

} // namespace vmpt
