//===- Walker.h - every entry under a root, once, in address order --------===//
//
// The walker knows tables, not meanings. `EntryRules` tell it what Linux's
// dumper does with an entry above the last level, `HardwareRules` what the MMU
// does; the sink gives each entry a `State` and is
// handed the entries in the order in which Linux's walker visits them
// (linux mm/pagewalk.c, walk_page_range_novma). Two entries with equal states
// are alike to the sink.
//
// A table that is met again costs no second look at its entries: it is summed
// up once into runs of equal states ("summary"), and the runs are replayed.
// A shared subtree of one state, however large (KASAN's shadow, an all-equal
// self-map), is then a single note. So the cost is bounded by the number of
// distinct tables plus the number of places where the state changes.
//
// The sink is the one template parameter, so that the loop over the last
// level inlines it:
//
//   struct State;                              // ==, cheap to copy
//   uint64_t inherit(uint64_t inherited, unsigned level, uint64_t entry);
//   State leafState(uint64_t inherited, unsigned level, uint64_t entry);
//   State upperState(uint64_t inherited, unsigned level, uint64_t entry);
//                                    // of a page above the last level; may
//                                    // be missing: leafState, then
//   State holeState(unsigned level);
//   void note(VirtAddr at, uint64_t entry, const State &);
//   uint64_t nextBoundary() const;   // below it, a note whose state equals
//                                    // that of the note before is no news
//   void unreadable(VirtAddr at, unsigned level, PhysAddr table, AbsentByte);
//   void emptyTable(PhysAddr table); // excluded, hence all zero
//   bool isFull() const;             // wants no more notes
//   static constexpr bool needsEachEntry = true;   // may be missing: nothing
//                                    // is summed up then
//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

namespace vmpt {

/// What an entry above the last level is to Linux's dumper, for listings; what
/// it is to the MMU says EntryFormat. Tested in this order.
struct EntryRule {
  /// Empty (a hole) if none of these bits is set.
  uint64_t contentMask = ~uint64_t(0);
  /// Broken, and so a hole too, if it differs from `soundBits` here.
  uint64_t soundMask = 0, soundBits = 0;
  /// A page if it differs from `tableBits` in `leafMask` and has one of the
  /// bits in `leafNeeds`.
  uint64_t leafMask = 0, tableBits = 0, leafNeeds = ~uint64_t(0);
  /// Noted like a page if none of these bits is set; 0: no such thing.
  uint64_t leafWithout = 0;
  /// Passed over without a word if none of these bits is set.
  uint64_t presentMask = 0;

  constexpr bool isHole(uint64_t entry) const {
    return !(entry & contentMask) || (entry & soundMask) != soundBits;
  }
  constexpr bool isLeaf(uint64_t entry) const {
    return ((entry & leafMask) != tableBits && (entry & leafNeeds)) ||
           (leafWithout && !(entry & leafWithout));
  }
  constexpr bool isPassedOver(uint64_t entry) const {
    return !(entry & presentMask);
  }
};
using EntryRules = std::array<EntryRule, maxLevels>;

/// The MMU's own view, for walks that ask no Linux questions: what points to
/// no table is noted as it stands, and the sink decodes it. \p mode must
/// outlive the object.
class HardwareRules {
public:
  struct Rule {
    const EntryFormat &format;
    static constexpr bool isHole(uint64_t) { return false; }
    static constexpr bool isPassedOver(uint64_t) { return false; }
    constexpr bool isLeaf(uint64_t entry) const {
      return format.meaningOf(entry) != EntryMeaning::Table;
    }
  };
  explicit HardwareRules(const PagingMode &mode) : mode_(&mode) {}
  Rule operator[](unsigned level) const {
    return {mode_->levels[level].entries};
  }

private:
  const PagingMode *mode_;
};

template <class Sink, class Rules = EntryRules> class Walker {
public:
  using State = typename Sink::State;

  Walker(const PhysicalMemory &memory, const PagingMode &mode,
         const Rules &rules, Sink &sink)
      : memory_(memory), mode_(mode), rules_(rules), sink_(sink) {}

  /// Visits [first, last], both inclusive, so that the top of the address
  /// space can be named. \p root spans the 2^virtualBits bytes around first.
  void walk(PhysAddr root, VirtAddr first, VirtAddr last, uint64_t inherited) {
    VirtAddr base(mode_.virtualBits >= 64
                      ? 0
                      : alignDown(first.value, bit(mode_.virtualBits)));
    walkTable(root, 0, base, {first, last}, inherited);
  }

  /// Tables looked into, each counted once per level.
  size_t getTableCount() const { return visited_.size(); }

private:
  static constexpr bool sumsUp = !requires { Sink::needsEachEntry; };

  struct Span {
    VirtAddr first, last;
  };
  /// Consecutive entries of a table that come to the same.
  struct Segment {
    enum Kind : uint8_t { Uniform, PassedOver, Mixed } kind;
    uint16_t first;
    uint64_t entry; ///< Uniform: the first entry that is noted.
    State state;    ///< Uniform: what all of it is.
  };
  struct Summary {
    std::vector<Segment> segments;
    bool isOne(typename Segment::Kind kind) const {
      return segments.size() == 1 && segments[0].kind == kind;
    }
  };
  /// A table's bytes: a view into the dump, or a copy, or zeros.
  class Table {
  public:
    const uint8_t *data = nullptr;
    std::unique_ptr<uint8_t[]> copy;
    uint64_t entry(unsigned index, const PagingMode &mode) const {
      return mode.load(data + size_t(index) * mode.entryBytes);
    }
  };

  std::optional<AbsentByte> load(PhysAddr at, unsigned level, Table &table) {
    const uint64_t size = mode_.tableBytes(level);
    table.data = memory_.tryView(at, size);
    if (table.data)
      return std::nullopt;
    table.copy = std::make_unique_for_overwrite<uint8_t[]>(size);
    table.data = table.copy.get();
    auto absent = memory_.tryRead(
        at, llvm::MutableArrayRef<uint8_t>(table.copy.get(), size));
    // The one exception to "absent is not empty": a filter that drops zero
    // pages drops empty tables. The root is never empty.
    if (absent && level > 0 && absent->absence == Absence::Excluded &&
        memory_.mayExcludeZeroPages()) {
      std::memset(table.copy.get(), 0, size);
      sink_.emptyTable(at);
      return std::nullopt;
    }
    return absent;
  }

  /// Tables stand at multiples of their size, and DenseSet's hash would put
  /// all of those into few buckets.
  static uint64_t keyOf(PhysAddr at, unsigned level) {
    return std::rotr(at.value | level, 12);
  }

  void walkTable(PhysAddr at, unsigned level, VirtAddr base, Span span,
                 uint64_t inherited) {
    if (sink_.isFull())
      return;
    const VirtAddr tableLast =
        base +
        (lowBits(mode_.levels[level].shift + mode_.levels[level].indexBits));
    const bool whole = span.first <= base && span.last >= tableLast;
    // Seen before: its summary is worth making.
    if (sumsUp && whole && !visited_.insert(keyOf(at, level)).second) {
      if (const Summary *summary = summarize(at, level, inherited))
        return replay(*summary, at, level, base, inherited);
    }
    Table table;
    if (auto absent = load(at, level, table))
      return sink_.unreadable(std::max(base, span.first), level, at, *absent);
    const unsigned shift = mode_.levels[level].shift;
    unsigned from =
        span.first <= base ? 0 : unsigned((span.first - base) >> shift);
    unsigned to = span.last >= tableLast
                      ? mode_.entryCount(level) - 1
                      : unsigned((span.last - base) >> shift);
    if (level == mode_.lastLevel())
      return noteLastLevel(table, base, from, to, inherited);
    for (unsigned index = from; index <= to; ++index)
      visitEntry(table.entry(index, mode_), level,
                 base + (uint64_t(index) << shift), span, inherited);
  }

  /// The hot loop: asks nothing about the level.
  void noteLastLevel(const Table &table, VirtAddr base, unsigned from,
                     unsigned to, uint64_t inherited) {
    const unsigned level = mode_.lastLevel();
    const uint64_t step = bit(mode_.pageShift);
    VirtAddr at = base + from * step;
    if (mode_.entryBytes == 8 && mode_.entryOrder == ByteOrder::little) {
      for (unsigned index = from; index <= to; ++index, at += step) {
        uint64_t entry = loadUnaligned<uint64_t>(table.data + size_t(index) * 8,
                                                 ByteOrder::little);
        sink_.note(at, entry, sink_.leafState(inherited, level, entry));
      }
      return;
    }
    for (unsigned index = from; index <= to; ++index, at += step) {
      uint64_t entry = table.entry(index, mode_);
      sink_.note(at, entry, sink_.leafState(inherited, level, entry));
    }
  }

  /// One entry above the last level.
  void visitEntry(uint64_t entry, unsigned level, VirtAddr at, Span span,
                  uint64_t inherited) {
    const auto &rule = rules_[level];
    const VirtAddr noted = std::max(at, span.first);
    if (rule.isHole(entry))
      return sink_.note(noted, 0, sink_.holeState(level));
    if (rule.isLeaf(entry))
      return sink_.note(noted, entry, upperState(inherited, level, entry));
    if (rule.isPassedOver(entry))
      return;
    walkTable(mode_.tableAddress(entry, level), level + 1, at, span,
              sink_.inherit(inherited, level, entry));
  }

  State upperState(uint64_t inherited, unsigned level, uint64_t entry) {
    if constexpr (requires { sink_.upperState(inherited, level, entry); })
      return sink_.upperState(inherited, level, entry);
    else
      return sink_.leafState(inherited, level, entry);
  }

  /// Null if the table cannot be read: that is said anew at each place.
  const Summary *summarize(PhysAddr at, unsigned level, uint64_t inherited) {
    std::pair<uint64_t, uint64_t> key(at.value | level, inherited);
    auto known = summaries_.find(key);
    if (known != summaries_.end())
      return known->second.get();
    Table table;
    if (load(at, level, table))
      return nullptr;
    auto summary = std::make_unique<Summary>();
    for (unsigned i = 0; i < mode_.entryCount(level); ++i) {
      Segment segment =
          sumUp(table.entry(i, mode_), level, uint16_t(i), inherited);
      if (summary->segments.empty() || segment.kind == Segment::Mixed ||
          segment.kind != summary->segments.back().kind ||
          !(segment.state == summary->segments.back().state))
        summary->segments.push_back(segment);
    }
    summary->segments.shrink_to_fit();
    return (summaries_[key] = std::move(summary)).get();
  }

  Segment sumUp(uint64_t entry, unsigned level, uint16_t index,
                uint64_t inherited) {
    const auto &rule = rules_[level];
    if (level == mode_.lastLevel())
      return {Segment::Uniform, index, entry,
              sink_.leafState(inherited, level, entry)};
    if (rule.isHole(entry))
      return {Segment::Uniform, index, 0, sink_.holeState(level)};
    if (rule.isLeaf(entry))
      return {Segment::Uniform, index, entry,
              upperState(inherited, level, entry)};
    if (rule.isPassedOver(entry))
      return {Segment::PassedOver, index, 0, State()};
    const Summary *below =
        summarize(mode_.tableAddress(entry, level), level + 1,
                  sink_.inherit(inherited, level, entry));
    if (below && below->isOne(Segment::Uniform))
      return {Segment::Uniform, index, below->segments[0].entry,
              below->segments[0].state};
    if (below && below->isOne(Segment::PassedOver))
      return {Segment::PassedOver, index, 0, State()};
    return {Segment::Mixed, index, 0, State()};
  }

  void replay(const Summary &summary, PhysAddr at, unsigned level,
              VirtAddr base, uint64_t inherited) {
    const unsigned shift = mode_.levels[level].shift;
    const unsigned count = mode_.entryCount(level);
    std::optional<Table> table; // only loaded if an entry has to be visited
    for (size_t i = 0; i < summary.segments.size() && !sink_.isFull(); ++i) {
      const Segment &segment = summary.segments[i];
      unsigned end = i + 1 < summary.segments.size()
                         ? summary.segments[i + 1].first
                         : count;
      if (segment.kind == Segment::PassedOver)
        continue;
      VirtAddr first = base + (uint64_t(segment.first) << shift);
      VirtAddr last = base + ((uint64_t(end) << shift) - 1);
      if (segment.kind == Segment::Uniform &&
          sink_.nextBoundary() > last.value) {
        sink_.note(first, segment.entry, segment.state);
        continue;
      }
      if (!table) {
        table.emplace();
        if (load(at, level, *table))
          return; // cannot be: summarize() has read it
      }
      if (level == mode_.lastLevel()) {
        noteLastLevel(*table, base, segment.first, end - 1, inherited);
        continue;
      }
      for (unsigned index = segment.first; index < end; ++index)
        visitEntry(table->entry(index, mode_), level,
                   base + (uint64_t(index) << shift),
                   {VirtAddr(0), VirtAddr(~uint64_t(0))}, inherited);
    }
  }

  const PhysicalMemory &memory_;
  const PagingMode mode_;
  const Rules rules_;
  Sink &sink_;
  llvm::DenseSet<uint64_t> visited_;
  llvm::DenseMap<std::pair<uint64_t, uint64_t>, std::unique_ptr<Summary>>
      summaries_;
};

} // namespace vmpt
