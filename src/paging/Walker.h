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
// and, of a sink with many entries to take, also:
//
//   uint64_t alikeMask() const;      // two entries of the last level that are
//                                    // not 0 and agree in these bits have
//                                    // equal states
//   bool countsOnly(VirtAddr last, uint64_t changes) const;   // of the notes
//                                    // up to last, it wants no more than how
//                                    // often the state changes
//   void noteCounted(VirtAddr base, const NoteCount<State> &);
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
  /// Empty (a hole) if these bits are those of `emptyBits`.
  uint64_t contentMask = ~uint64_t(0), emptyBits = 0;
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
    return (entry & contentMask) == emptyBits ||
           (entry & soundMask) != soundBits;
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

/// What the notes of a table come to, for sinks that only count them.
template <class State> struct NoteCount {
  struct Note {
    uint64_t at = 0; ///< Behind the first address of the table.
    uint64_t entry = 0;
    State state = {};
  };
  Note first;
  Note last; ///< The first of those with the last state.
  uint64_t changes = 0;

  /// As if \p next came behind.
  void append(const NoteCount &next, uint64_t distance) {
    const bool isChange = !(next.first.state == last.state);
    changes += next.changes + isChange;
    if (isChange || next.changes) {
      last = next.last;
      last.at += distance;
    }
  }
};

/// A table in sets and maps. Tables stand at multiples of their size, and
/// DenseSet's hash would put all of those into few buckets. Levels from the
/// last: walks that share tables may differ in depth.
constexpr uint64_t makeTableKey(PhysAddr at, unsigned levelsBelow) {
  return std::rotr(at.value | levelsBelow, 12);
}

/// What several walks of the same tables by the same rules know of them.
template <class State> class KnownTables {
public:
  KnownTables() = default;
  KnownTables(const KnownTables &) = delete;
  KnownTables &operator=(const KnownTables &) = delete;

private:
  template <class Sink, class Rules> friend class Walker;

  /// Consecutive entries of a table that come to the same.
  struct Segment {
    enum Kind : uint8_t { Uniform, PassedOver, Mixed } kind;
    uint16_t first;
    uint64_t entry; ///< Uniform: the first that is noted. Mixed: the only one.
    State state;    ///< Uniform: what all of it is.
  };
  struct Summary {
    std::vector<Segment> segments;
    /// Nothing if a table below cannot be read, or nothing is noted.
    std::optional<NoteCount<State>> notes;
    bool isReadable = true; ///< All tables below are.
    bool isOne(typename Segment::Kind kind) const {
      return segments.size() == 1 && segments[0].kind == kind;
    }
  };

  llvm::DenseSet<uint64_t> visited;
  llvm::DenseMap<std::pair<uint64_t, uint64_t>, std::unique_ptr<Summary>>
      summaries;
  size_t loads = 0; ///< Tables whose entries were looked at.
};

template <class Sink, class Rules = EntryRules> class Walker {
public:
  using State = typename Sink::State;

  /// With \p known, tables that another walk has met cost no second look.
  Walker(const PhysicalMemory &memory, const PagingMode &mode,
         const Rules &rules, Sink &sink, KnownTables<State> *known = nullptr)
      : memory_(memory), mode_(mode), rules_(rules), sink_(sink),
        known_(known ? *known : own_) {}

  /// Visits [first, last], both inclusive, so that the top of the address
  /// space can be named; none if \p last is below \p first. \p root spans the
  /// 2^virtualBits bytes around first.
  void walk(PhysAddr root, VirtAddr first, VirtAddr last, uint64_t inherited) {
    if (last < first)
      return;
    VirtAddr base(mode_.virtualBits >= 64
                      ? 0
                      : alignDown(first.value, bit(mode_.virtualBits)));
    walkTable(root, 0, base, {first, last}, inherited);
  }

  /// Tables met, each counted once per level.
  size_t getTableCount() const { return known_.visited.size(); }
  /// How often a table was looked into: the measure of all work.
  size_t getLoadCount() const { return known_.loads; }

private:
  static constexpr bool sumsUp = !requires { Sink::needsEachEntry; };

  struct Span {
    VirtAddr first, last;
  };
  using Segment = typename KnownTables<State>::Segment;
  using Summary = typename KnownTables<State>::Summary;
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
    ++known_.loads;
    table.data = memory_.tryView(at, size);
    if (table.data)
      return std::nullopt;
    table.copy = std::make_unique_for_overwrite<uint8_t[]>(size);
    table.data = table.copy.get();
    // In two pieces: what is read whole is not kept
    // (dump/formats/KdumpMemory.h), and tables are met again.
    const llvm::MutableArrayRef<uint8_t> all(table.copy.get(), size);
    auto absent = memory_.tryRead(at, all.take_front(mode_.entryBytes));
    if (!absent)
      absent = memory_.tryRead(at + mode_.entryBytes,
                               all.drop_front(mode_.entryBytes));
    // The one exception to "absent is not empty": a filter that drops zero
    // pages drops empty tables. The root is never empty.
    if (absent && level > 0 && memory_.mayBeZeros(absent->absence) &&
        mode_.zerosAreEmpty(level)) {
      std::memset(table.copy.get(), 0, size);
      sink_.emptyTable(at);
      return std::nullopt;
    }
    return absent;
  }

  uint64_t keyOf(PhysAddr at, unsigned level) const {
    return makeTableKey(at, mode_.lastLevel() - level);
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
    if (sumsUp && whole && !known_.visited.insert(keyOf(at, level)).second) {
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
    for (unsigned index = from; index <= to; ++index) {
      const uint64_t entry = table.entry(index, mode_);
      const VirtAddr entryAt = base + (uint64_t(index) << shift);
      if (index < to)
        peekAt(table.entry(index + 1, mode_), entry, level);
      visitEntry(entry, level, entryAt, span, inherited);
      if (isZeroHole(table, index, level))
        index += countNoNews(table, index, 0, level, entryAt, to - index);
    }
  }

  /// While the table of \p entry is looked at, that of the next may come from
  /// RAM.
  void peekAt(uint64_t next, uint64_t entry, unsigned level) {
    const auto &rule = rules_[level];
    ahead_ = nullptr;
    if (next != entry && !rule.isHole(next) && !rule.isLeaf(next) &&
        !rule.isPassedOver(next))
      ahead_ = memory_.tryPeek(mode_.tableAddress(next, level),
                               mode_.tableBytes(level + 1));
  }

  bool hasWideEntries() const {
    return mode_.entryBytes == 8 && mode_.entryOrder == ByteOrder::little;
  }

  /// The hot loop: asks nothing about the level.
  void noteLastLevel(const Table &table, VirtAddr base, unsigned from,
                     unsigned to, uint64_t inherited) {
    const unsigned level = mode_.lastLevel();
    const unsigned shift = mode_.pageShift;
    if (hasWideEntries()) {
      for (unsigned index = from; index <= to; ++index) {
        const VirtAddr at = base + (uint64_t(index) << shift);
        const uint64_t entry = loadUnaligned<uint64_t>(
            table.data + size_t(index) * 8, ByteOrder::little);
        sink_.note(at, entry, sink_.leafState(inherited, level, entry));
        index += countNoNews(table, index, entry, level, at, to - index);
      }
      return;
    }
    for (unsigned index = from; index <= to; ++index) {
      uint64_t entry = table.entry(index, mode_);
      sink_.note(base + (uint64_t(index) << shift), entry,
                 sink_.leafState(inherited, level, entry));
    }
  }

  /// An empty entry above the last level, of which tables are full.
  bool isZeroHole(const Table &table, unsigned index, unsigned level) const {
    return table.entry(index, mode_) == 0 && rules_[level].isHole(0);
  }

  /// How many of the \p limit entries behind \p index, which was noted, need
  /// no note.
  unsigned countNoNews(const Table &table, unsigned index, uint64_t entry,
                       unsigned level, VirtAddr at, unsigned limit) const {
    const uint64_t boundary = sink_.nextBoundary();
    if (boundary <= at.value)
      return 0;
    return countAlike(
        table, index, entry,
        unsigned(std::min<uint64_t>(limit, (boundary - at.value - 1) >>
                                               mode_.levels[level].shift)));
  }

  /// How many of the \p limit entries behind \p index have its state. May
  /// be too few, where the sink does not say when states are equal.
  unsigned countAlike(const Table &table, unsigned index, uint64_t entry,
                      unsigned limit) const {
    uint64_t mask = 0;
    if constexpr (requires { sink_.alikeMask(); })
      // Only zeros are like 0.
      mask = entry ? sink_.alikeMask() : ~uint64_t(0);
    if (!limit || !mask || (entry && !(entry & mask)) || !hasWideEntries())
      return 0;
    const uint8_t *raw = table.data + size_t(index) * 8;
    unsigned count = 0;
    auto difference = [&](unsigned behind) {
      return loadUnaligned<uint64_t>(raw + size_t(behind) * 8,
                                     ByteOrder::little) ^
             entry;
    };
    if (difference(1) & mask)
      return 0;
    // Compilers do not find the vectors in a loop over numbers.
    typedef uint64_t Pair __attribute__((vector_size(16)));
    constexpr unsigned step = 16, cacheLine = 64;
    const Pair same = {entry, entry};
    const auto *ahead = static_cast<const uint8_t *>(ahead_);
    for (const uint8_t *next = raw + 8; limit - count >= step; count += step) {
      Pair differs = {};
      for (unsigned i = 0; i < step / 2; ++i, next += sizeof(Pair)) {
        Pair pair;
        std::memcpy(&pair, next, sizeof pair);
        differs |= pair ^ same;
      }
      if ((differs[0] | differs[1]) & mask)
        break;
      for (unsigned i = 0; i < step * 8 && ahead; i += cacheLine)
        __builtin_prefetch(ahead + size_t(index + count) * 8 + i);
    }
    while (count < limit && !(difference(count + 1) & mask))
      ++count;
    return count;
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
    auto known = known_.summaries.find(key);
    if (known != known_.summaries.end())
      return known->second.get();
    Table table;
    if (load(at, level, table))
      return nullptr;
    auto summary = std::make_unique<Summary>();
    for (unsigned i = 0; i < mode_.entryCount(level); ++i) {
      const Summary *below = nullptr;
      Segment segment =
          sumUp(table.entry(i, mode_), level, uint16_t(i), inherited, below);
      addNotes(*summary, segment, below,
               uint64_t(i) << mode_.levels[level].shift);
      if (level == mode_.lastLevel() || isZeroHole(table, i, level))
        i += countAlike(table, i, segment.entry,
                        mode_.entryCount(level) - 1 - i);
      if (summary->segments.empty() || segment.kind == Segment::Mixed ||
          segment.kind != summary->segments.back().kind ||
          !(segment.state == summary->segments.back().state))
        summary->segments.push_back(segment);
    }
    summary->segments.shrink_to_fit();
    return (known_.summaries[key] = std::move(summary)).get();
  }

  /// \p segment is that of one entry, \p distance behind the table's first.
  static void addNotes(Summary &summary, const Segment &segment,
                       const Summary *below, uint64_t distance) {
    if (segment.kind == Segment::PassedOver)
      return;
    summary.isReadable &=
        segment.kind == Segment::Uniform || (below && below->isReadable);
    if (!summary.isReadable)
      return summary.notes.reset();
    NoteCount<State> notes;
    if (segment.kind == Segment::Mixed && !below->notes)
      return;
    if (segment.kind == Segment::Mixed)
      notes = *below->notes;
    else
      notes.first = notes.last = {0, segment.entry, segment.state};
    if (summary.notes)
      return summary.notes->append(notes, distance);
    notes.first.at += distance;
    notes.last.at += distance;
    summary.notes = notes;
  }

  Segment sumUp(uint64_t entry, unsigned level, uint16_t index,
                uint64_t inherited, const Summary *&below) {
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
    below = summarize(mode_.tableAddress(entry, level), level + 1,
                      sink_.inherit(inherited, level, entry));
    if (below && below->isOne(Segment::Uniform))
      return {Segment::Uniform, index, below->segments[0].entry,
              below->segments[0].state};
    if (below && below->isOne(Segment::PassedOver))
      return {Segment::PassedOver, index, 0, State()};
    return {Segment::Mixed, index, entry, State()};
  }

  void replay(const Summary &summary, PhysAddr at, unsigned level,
              VirtAddr base, uint64_t inherited) {
    const unsigned shift = mode_.levels[level].shift;
    const unsigned count = mode_.entryCount(level);
    if constexpr (requires(VirtAddr last) { sink_.countsOnly(last, 0); })
      if (summary.notes &&
          sink_.countsOnly(base + ((uint64_t(count) << shift) - 1),
                           summary.notes->changes))
        return sink_.noteCounted(base, *summary.notes);
    const Span everywhere{VirtAddr(0), VirtAddr(~uint64_t(0))};
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
      if (segment.kind == Segment::Mixed) {
        visitEntry(segment.entry, level, first, everywhere, inherited);
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
      // Until the boundary is passed: from there on it is no news.
      for (unsigned index = segment.first;
           index < end && sink_.nextBoundary() <= last.value; ++index)
        visitEntry(table->entry(index, mode_), level,
                   base + (uint64_t(index) << shift), everywhere, inherited);
    }
  }

  const PhysicalMemory &memory_;
  const PagingMode mode_;
  const Rules rules_;
  Sink &sink_;
  KnownTables<State> own_;
  KnownTables<State> &known_;
  const void *ahead_ = nullptr; ///< The table that comes next, see tryPeek().
};

} // namespace vmpt
