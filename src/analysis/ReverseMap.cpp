#include "analysis/ReverseMap.h"

#include "kernel/find/KernelArch.h"
#include "kernel/pages/NonPresentEntry.h"
#include "paging/Walker.h"
#include "support/Parallel.h"

#include <set>

namespace vmpt {

namespace {

/// A page of an entry, or nothing.
struct PageState {
  PhysAddr base;
  uint8_t level = 0, pageShift = 0, denied = 0;
  bool isPage = false, isProtNone = false;
  bool operator==(const PageState &) const = default;
};

/// Gives the runs of entries that are pages in \p wanted to \p onRun; the
/// walker's sink.
template <class Wanted, class OnRun> class PageSink {
public:
  using State = PageState;

  PageSink(const PagingMode &mode, const NonPresentRules *rules,
           uint64_t budget, Wanted wanted, OnRun onRun)
      : mode_(mode), rules_(rules), budget_(budget), wanted_(wanted),
        onRun_(onRun) {}

  uint64_t inherit(uint64_t inherited, unsigned level, uint64_t entry) {
    return inherited | mode_.deniedBy(entry, level);
  }
  State leafState(uint64_t inherited, unsigned level, uint64_t entry) {
    State state;
    if (mode_.isEmpty(entry, level))
      return state;
    const DecodedEntry decoded = mode_.decode(entry, level);
    if (decoded.isPage()) {
      state = {decoded.address,
               uint8_t(level),
               decoded.pageShift,
               uint8_t(inherited | mode_.deniedBy(entry, level)),
               true,
               false};
    } else if (rules_ && decoded.meaning == EntryMeaning::Hole) {
      const NonPresentEntry held =
          decodeNonPresent(*rules_, mode_, entry, level);
      if (held.address)
        state = {*held.address, uint8_t(level), mode_.levels[level].shift,
                 AllRights,     true,           true};
    }
    if (state.isPage &&
        !wanted_({state.base, state.base + lowBits(state.pageShift)}))
      return State();
    return state;
  }
  State holeState(unsigned) { return State(); }
  void note(VirtAddr at, uint64_t, const State &state) {
    budget_ -= budget_ ? 1 : 0;
    if (state == state_)
      return;
    close(at - 1);
    state_ = state;
    start_ = at;
  }
  uint64_t nextBoundary() const { return ~uint64_t(0); }
  void unreadable(VirtAddr at, unsigned, PhysAddr table, AbsentByte absent) {
    note(at, 0, State());
    absent_.push_back({table, absent});
  }
  void emptyTable(PhysAddr) { hasExcluded_ = true; }
  bool isFull() const { return !budget_ || isDone_; }

  /// The run ends at \p last.
  void close(VirtAddr last) {
    if (state_.isPage && !isDone_)
      isDone_ = !onRun_(start_, last, state_);
    state_ = State();
  }
  struct AbsentTable {
    PhysAddr table;
    AbsentByte absent;
  };
  llvm::ArrayRef<AbsentTable> absentTables() const { return absent_; }
  bool hasExcluded() const { return hasExcluded_; }
  bool isExhausted() const { return !budget_; }

private:
  const PagingMode &mode_;
  const NonPresentRules *rules_;
  uint64_t budget_;
  Wanted wanted_;
  OnRun onRun_;
  State state_;
  VirtAddr start_;
  std::vector<AbsentTable> absent_;
  bool hasExcluded_ = false, isDone_ = false;
};

/// The first range that does not end before \p at.
const PhysicalRange *findFrom(llvm::ArrayRef<PhysicalRange> ranges,
                              PhysAddr at) {
  return llvm::partition_point(
      ranges, [&](const PhysicalRange &range) { return range.last < at; });
}

} // namespace

ReverseMap::ReverseMap(const Kernel &kernel, const TaskList &tasks,
                       unsigned threads)
    : kernel_(kernel), tasks_(tasks), threads_(threads),
      presentBytes_(kernel.memory().physical().presentBytes()),
      rules_(findNonPresentRules(kernel)) {
  const PagingMode &mode = kernel.memory().mode();
  Space own{{ReverseMapOwner()}, kernel.memory().root(), mode, {}, false};
  for (std::optional<VirtAddr> at = mode.coverage.firstFrom(VirtAddr(0)); at;) {
    const VirtAddr last = mode.coverage.lastFrom(*at);
    own.spans.push_back({*at, last});
    at = last.value == ~uint64_t(0) ? std::nullopt
                                    : mode.coverage.firstFrom(last + 1);
  }
  spaces_.push_back(std::move(own));
  addTasks();
}

/// A process whose leader is gone still has the mm of its threads.
void ReverseMap::addTasks() {
  const KernelArch &arch = *kernel_.image().arch;
  std::set<uint32_t> seen;
  std::map<uint64_t, size_t> byMm;
  for (const Task &task : tasks_.tasks) {
    if (!task.mm.value || task.isKernelThread || !seen.insert(task.tgid).second)
      continue;
    ReverseMapOwner owner{&task, task.tgid, spaces_.size()};
    if (!task.root) {
      problems_.push_back("pid " + std::to_string(task.tgid) +
                          ": no page tables: " + task.rootProblem);
      continue;
    }
    auto [known, isNew] = byMm.try_emplace(task.mm.value, spaces_.size());
    if (!isNew) {
      owner.space = known->second;
      spaces_[known->second].owners.push_back(owner);
      continue;
    }
    // With PTI the table that the kernel runs on forbids execution.
    const PhysAddr root =
        arch.userRoot ? arch.userRoot(kernel_, *task.root) : *task.root;
    const PagingMode mode =
        getTaskMode(kernel_.image(), kernel_.memory().physical(), root);
    const VirtAddr last = lastUserAddress(kernel_.image(), mode);
    spaces_.push_back({{owner}, root, mode, {{VirtAddr(0), last}}, true});
  }
}

void ReverseMap::report(const Space &space, const Missing &missing) {
  constexpr size_t maxProblems = 1000;
  const ReverseMapOwner &owner = space.owners.front();
  const std::string name =
      owner.task ? "pid " + std::to_string(owner.pid) : "the kernel";
  for (const auto &[table, absent] : missing.tables)
    if (problems_.size() < maxProblems)
      problems_.push_back(name + ": page table at physical " + hex(table) +
                          " is not in the dump (" +
                          getAbsenceName(absent.absence).str() + ")");
  hasExcludedTables_ |= missing.hasExcluded;
  if (missing.isExhausted)
    problems_.push_back("the page tables under " + hex(space.root) +
                        " have more entries than there is memory: they lead "
                        "in circles");
}

template <class Sink>
void ReverseMap::walk(const Space &space, Sink &sink) const {
  Walker<Sink, HardwareRules> walker(kernel_.memory().physical(), space.mode,
                                     HardwareRules(space.mode), sink);
  for (auto [first, last] : space.spans) {
    walker.walk(space.root, first, last, 0);
    if (!sink.isFull())
      sink.close(last);
  }
}

/// As many entries as there can be.
static uint64_t countEntries(uint64_t presentBytes, const PagingMode &mode) {
  // A sound kernel maps some tables often (espfix: one at 65,536 places), and a
  // trimmed dump has few others.
  constexpr uint64_t least = 1 << 20;
  return std::max(presentBytes / mode.entryBytes + 1, least);
}

/// Hands each mapping of \p targets to \p give, until that says false.
ReverseMap::Missing ReverseMap::look(const Space &space,
                                     llvm::ArrayRef<PhysicalRange> targets,
                                     Give give) const {
  auto wanted = [&](const PhysicalRange &page) {
    const PhysicalRange *range = findFrom(targets, page.first);
    return range != targets.end() && range->first <= page.last;
  };
  const PagingMode &mode = space.mode;
  auto onRun = [&](VirtAddr first, VirtAddr last, const PageState &state) {
    const uint64_t span = mode.entrySpan(state.level);
    Mapping mapping;
    mapping.pageBytes = bit(state.pageShift);
    mapping.isProtNone = state.isProtNone;
    mapping.rights = PageRights::without(state.denied);
    for (VirtAddr at = first;; at += span) {
      const PhysAddr start = state.base + (at.value & lowBits(state.pageShift));
      const PhysAddr end = start + (span - 1);
      for (const PhysicalRange *range = findFrom(targets, start);
           range != targets.end() && range->first <= end; ++range)
        for (PhysAddr page = std::max(start, range->first);;) {
          mapping.physical = page;
          mapping.at = at + (page - start);
          if (!give(mapping))
            return false;
          const PhysAddr next(alignDown(page.value, bit(mode.pageShift)) +
                              bit(mode.pageShift));
          if (next > std::min(end, range->last) || next < page)
            break;
          page = next;
        }
      if (last - at < span)
        return true;
    }
  };
  PageSink sink(mode, space.isUser ? &rules_ : nullptr,
                countEntries(presentBytes_, mode), wanted, onRun);
  walk(space, sink);
  Missing missing{{}, sink.hasExcluded(), sink.isExhausted()};
  for (const auto &[table, absent] : sink.absentTables())
    missing.tables.push_back({table, absent});
  return missing;
}

/// A space with many mappings is not kept, but looked through again in its
/// turn.
void ReverseMap::find(llvm::ArrayRef<PhysicalRange> targets, uint64_t limit,
                      const Visit &visit) {
  constexpr size_t mostKept = 1 << 16;
  const uint64_t mostUsed = std::min<uint64_t>(limit, mostKept);
  auto make = [&](unsigned, size_t index, Found &found) {
    if (threads_ < 2)
      return;
    found.isWhole = true;
    found.missing = look(spaces_[index], targets, [&](const Mapping &mapping) {
      found.isWhole = found.mappings.size() < mostUsed;
      if (found.isWhole)
        found.mappings.push_back(mapping);
      return found.isWhole;
    });
  };
  auto take = [&](size_t index, const Found &found) {
    const Space &space = spaces_[index];
    std::vector<Mapping> given;
    // Several owners repeat what the first has; one is streamed.
    auto give = [&](const Mapping &mapping) {
      if (!limit) {
        isCut_ = true;
        return false;
      }
      --limit;
      visit(space.owners.front(), mapping);
      if (space.owners.size() > 1)
        given.push_back(mapping);
      return true;
    };
    if (found.isWhole && found.mappings.size() <= limit) {
      for (const Mapping &mapping : found.mappings)
        give(mapping);
      report(space, found.missing);
    } else {
      report(space, look(space, targets, give));
    }
    for (const ReverseMapOwner &owner :
         llvm::ArrayRef<ReverseMapOwner>(space.owners).drop_front())
      for (const Mapping &mapping : given)
        visit(owner, mapping);
    return true;
  };
  countInOrder<Found>(spaces_.size(), threads_, make, take);
}

Translation ReverseMap::wayTo(const ReverseMapOwner &owner, VirtAddr at) const {
  const Space &space = spaces_[owner.space];
  return translate(kernel_.memory().physical(), space.mode, space.root, at);
}

/// What is lost, find() says.
std::vector<PhysicalRange> ReverseMap::findDuplicates() {
  std::vector<MixedRanges> byWorker(std::max(1u, threads_));
  auto look = [&](unsigned worker, size_t index, char &) {
    const Space &space = spaces_[index];
    // The same page again and again is one run.
    auto onRun = [&](VirtAddr, VirtAddr, const PageState &state) {
      const PageRights rights = PageRights::without(state.denied);
      byWorker[worker].add({state.base, state.base + lowBits(state.pageShift)},
                           unsigned(rights.writable | rights.executable << 1 |
                                    rights.user << 2));
      return true;
    };
    auto wanted = [](const PhysicalRange &) { return true; };
    PageSink sink(space.mode, nullptr, countEntries(presentBytes_, space.mode),
                  wanted, onRun);
    walk(space, sink);
  };
  auto goOn = [](size_t, char) { return true; };
  countInOrder<char>(spaces_.size(), threads_, look, goOn, spaces_.size());
  countInOrder<char>(
      byWorker.size(), threads_,
      [&](unsigned, size_t i, char &) { byWorker[i].sort(); }, goOn);
  return MixedRanges::merge(std::move(byWorker)).find();
}

} // namespace vmpt
