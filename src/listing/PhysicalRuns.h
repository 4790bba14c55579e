//===- PhysicalRuns.h - which physical memory a line of a listing maps ----===//
//
// A line of the kernel's is one run of equal attributes, wherever its pages
// lie. Here it is cut where their addresses do not go on. Its tables are looked
// at once more, as the MMU would: a page that only Linux takes for one has no
// address.
//
#pragma once

#include "listing/Plan.h"

namespace vmpt {

struct PhysicalRun {
  VirtAddr first, last; ///< Both inclusive.
  /// Of the first byte; nothing where no page is mapped.
  std::optional<PhysAddr> physical;
  /// Not ascending: one page, again and again (KASAN's shadow, espfix).
  bool repeats = false;
};

class PhysicalRuns {
public:
  /// Both must outlive the object.
  PhysicalRuns(const ListingPlan &plan, const PhysicalMemory &memory);

  using Visit = llvm::function_ref<bool(const PhysicalRun &)>;
  /// The pieces of \p run in order, until \p visit says false.
  void split(const Run &run, Visit visit);

private:
  /// Takes entries of one run, joins them, and hands on what ends.
  class Joiner {
  public:
    /// The page that an entry maps; no shift where there is none.
    struct State {
      uint64_t address = 0;
      uint8_t pageShift = 0;
      bool operator==(const State &) const = default;
    };

    explicit Joiner(const PagingMode &mode) : mode_(mode) {}
    void begin(VirtAddr first, Visit visit);
    void finish(VirtAddr last);
    /// From \p at on no page is mapped.
    void noteNothing(VirtAddr at) { note(at, 0, State()); }

    // What Walker asks of a sink.

    uint64_t inherit(uint64_t, unsigned, uint64_t) const { return 0; }
    State leafState(uint64_t, unsigned level, uint64_t entry) const {
      const DecodedEntry decoded = mode_.decode(entry, level);
      if (decoded.meaning != EntryMeaning::Page)
        return {};
      return {decoded.address.value, decoded.pageShift};
    }
    State holeState(unsigned) const { return {}; }
    void note(VirtAddr at, uint64_t, const State &state);
    uint64_t nextBoundary() const { return ~uint64_t(0); }
    void unreadable(VirtAddr at, unsigned, PhysAddr, AbsentByte) {
      noteNothing(at);
    }
    void emptyTable(PhysAddr) {}
    bool isFull() const { return isFull_; }

  private:
    /// The entries of the current state end.
    void close(VirtAddr last);
    void join(const PhysicalRun &part);
    void handOn();

    const PagingMode &mode_;
    Visit visit_;
    bool isFull_ = false;
    State state_;
    VirtAddr stateFirst_;
    std::optional<PhysicalRun> open_;
  };

  const ListingPlan &plan_;
  Joiner joiner_;
  /// Kept, as it knows what it has seen.
  Walker<Joiner, HardwareRules> walker_;
};

} // namespace vmpt
