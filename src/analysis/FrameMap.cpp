#include "analysis/FrameMap.h"

#include <algorithm>

namespace vmpt {

namespace {

void append(std::vector<FrameRun> &runs, const FrameRun &next) {
  if (!next.count)
    return;
  if (!runs.empty() && runs.back().end() == next.first &&
      runs.back().saysTheSameAs(next))
    runs.back().count += next.count;
  else
    runs.push_back(next);
}

/// What struct pages say; absence is not set.
void readPages(PageFlags &flags, uint64_t budget, FrameMap &map) {
  for (const MemorySection &section : flags.map().sections())
    for (uint64_t i = 0; i < section.frameCount; ++i) {
      if (!budget--) {
        map.isCut = true;
        return;
      }
      const PageFacts facts = flags.look(section.firstFrame + i);
      if (facts.state == PageFacts::State::Absent && !map.absentPages++)
        map.absentReason = facts.problem;
      append(map.runs,
             {section.firstFrame + i, 1, std::nullopt, facts.state,
              facts.state == PageFacts::State::Known ? flags.flags(facts) : 0});
    }
}

/// Whole frames: one that is there in part is not there.
std::vector<FrameRun> readPresence(const PhysicalMemory &memory,
                                   unsigned pageShift) {
  std::vector<FrameRun> runs;
  for (const MemoryRange &range : memory.ranges()) {
    const uint64_t page = bit(pageShift),
                   last = range.start.value + (range.size - 1);
    const uint64_t first = range.absence
                               ? range.start.value >> pageShift
                               : (range.start.value + (page - 1)) >> pageShift;
    uint64_t end = last >> pageShift;
    if (range.absence || (last & (page - 1)) == page - 1)
      ++end;
    const uint64_t from =
        std::max(first, runs.empty() ? uint64_t(0) : runs.back().end());
    if (from < end)
      append(runs,
             {from, end - from, range.absence, PageFacts::State::NoPage, 0});
  }
  return runs;
}

/// Both lists over the same frames.
std::vector<FrameRun> join(llvm::ArrayRef<FrameRun> pages,
                           llvm::ArrayRef<FrameRun> presence) {
  std::vector<FrameRun> joined;
  const FrameRun *page = pages.begin(), *there = presence.begin();
  for (uint64_t at = 0; page != pages.end() || there != presence.end();) {
    const bool inPage = page != pages.end() && page->first <= at;
    const bool inThere = there != presence.end() && there->first <= at;
    uint64_t end = ~uint64_t(0);
    if (page != pages.end())
      end = std::min(end, inPage ? page->end() : page->first);
    if (there != presence.end())
      end = std::min(end, inThere ? there->end() : there->first);
    if (inPage || inThere) {
      FrameRun run = inPage ? *page : FrameRun();
      run.first = at;
      run.count = end - at;
      run.absence = inThere ? there->absence
                            : std::optional<Absence>(Absence::OutsideRam);
      append(joined, run);
    }
    at = end;
    if (page != pages.end() && page->end() <= at)
      ++page;
    if (there != presence.end() && there->end() <= at)
      ++there;
  }
  return joined;
}

} // namespace

FrameMap readFrameMap(const PhysicalMemory &memory, unsigned pageShift,
                      PageFlags *flags) {
  FrameMap map;
  // Each struct page takes room in the dump, but for those that hugetlb maps
  // again and again.
  if (flags)
    readPages(*flags,
              64 * (memory.presentBytes() / flags->layout().sizeBytes) +
                  (1 << 20),
              map);
  map.runs = join(map.runs, readPresence(memory, pageShift));
  return map;
}

uint64_t FrameOwners::add(uint32_t owner, std::vector<Run> runs) {
  llvm::sort(runs,
             [](const Run &a, const Run &b) { return a.first < b.first; });
  std::vector<Run> merged;
  uint64_t count = 0;
  for (const Run &run : runs) {
    if (!merged.empty() && run.first <= merged.back().last + 1)
      merged.back().last = std::max(merged.back().last, run.last);
    else
      merged.push_back({run.first, run.last, owner});
  }
  for (const Run &run : merged)
    count += run.last - run.first + 1;
  byOwner_.push_back(std::move(merged));
  return count;
}

/// One pass over where ranges begin and end.
std::vector<FrameOwners::Run> FrameOwners::take() {
  struct Event {
    uint64_t at;
    bool isEnd;
    uint32_t owner;
  };
  std::vector<Event> events;
  for (const std::vector<Run> &runs : byOwner_)
    for (const Run &run : runs) {
      events.push_back({run.first, false, run.owner});
      events.push_back({run.last + 1, true, run.owner});
    }
  llvm::sort(events,
             [](const Event &a, const Event &b) { return a.at < b.at; });
  std::vector<Run> result;
  // The sum of the owners is the owner where there is one.
  uint64_t from = 0, depth = 0, sum = 0;
  for (const Event &event : events) {
    if (depth && event.at > from) {
      const uint32_t owner = depth == 1 ? uint32_t(sum) : shared;
      if (!result.empty() && result.back().last + 1 == from &&
          result.back().owner == owner)
        result.back().last = event.at - 1;
      else
        result.push_back({from, event.at - 1, owner});
    }
    from = event.at;
    depth += event.isEnd ? ~uint64_t(0) : 1;
    sum += event.isEnd ? ~uint64_t(event.owner) + 1 : event.owner;
  }
  return result;
}

std::vector<uint64_t> FrameOwners::countShared(llvm::ArrayRef<Run> runs) const {
  std::vector<uint64_t> counts;
  for (const std::vector<Run> &own : byOwner_) {
    uint64_t count = 0;
    auto at = runs.begin();
    for (const Run &run : own) {
      at = std::lower_bound(
          at, runs.end(), run.first,
          [](const Run &r, uint64_t first) { return r.last < first; });
      for (auto found = at; found != runs.end() && found->first <= run.last;
           ++found)
        if (found->owner == shared)
          count += std::min(found->last, run.last) -
                   std::max(found->first, run.first) + 1;
    }
    counts.push_back(count);
  }
  return counts;
}

} // namespace vmpt
