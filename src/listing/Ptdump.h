//===- Ptdump.h - the kernel's note_page, literally -----------------------===//
//
// Many oddities of real listings (a header one entry late, sections of one
// page, neighbours with equal text) come from the order of steps in
// note_page(). So this is the same state machine, with the differences
// between architectures and versions as data. It is the sink of the Walker.
//
// linux v6.12 arch/x86/mm/dump_pagetables.c, arch/arm64/mm/ptdump.c,
// arch/riscv/mm/ptdump.c.
//
#pragma once

#include "kernel/image/AddressMarkers.h"
#include "listing/RunSink.h"
#include "paging/Walker.h"
#include "support/Address.h"

#include "llvm/ADT/DenseSet.h"

#include <array>

namespace vmpt {

/// How many headers one note may print when it crosses markers.
enum class MarkerAdvance : uint8_t {
  One,      ///< x86: one at a break.
  OneOrTwo, ///< arm64: one at a break, and one more after each note.
  All,      ///< riscv: as many as are crossed.
};

struct PtdumpRules {
  /// Bits of an entry that count. Others never end a line.
  uint64_t attributeMask = ~uint64_t(0);
  /// x86 >= 4.17: the path's rights count too. `grantMask` bits must be set
  /// on the whole path, `denyMask` bits anywhere on it.
  uint64_t grantMask = 0, denyMask = 0;
  /// Rights from above that a zero entry of the last level keeps: x86 from
  /// 4.17 to 5.5 gives it its table's NX.
  uint64_t zeroEntryKeeps = 0;
  /// The entries of the root grant everything (PAE before 5.6).
  bool rootGrantsAll = false;
  /// Bits that count besides, in entries above the last level that have
  /// `largeFlag`, at each level of the walker: x86 before 5.6, PAT.
  uint64_t largeFlag = 0;
  std::array<uint64_t, 5> largeMask = {};
  /// Nothing else counts in those: arm, whose sections have bits of their own.
  bool onlyLargeMask = false;
  /// Bits of the entries above that a line's state takes along, shifted by
  /// `pathShift` and part of `denyMask`: arm, the domain.
  uint64_t pathMask = 0;
  uint8_t pathShift = 0;
  /// A hole of the top level is not noted at addresses with this bit: arm,
  /// where two entries are one to Linux.
  uint64_t unnotedHoles = 0;
  MarkerAdvance advance = MarkerAdvance::One;
  /// x86: the first line starts at 0 whatever comes first.
  bool firstRunStartsAtZero = false;
  /// s390x: an entry of the last level with this bit says nothing else, and
  /// neither does a hole.
  uint64_t invalidBit = 0;
  /// s390x since 6.12: the first note prints the headers of all sections that
  /// it crosses.
  bool firstNoteCrosses = false;
  /// Level before the first note: -1, but 0 in arm64 5.6 to 5.14, which did
  /// not set it: then there is no first header.
  int initialLevel = -1;
  /// Address of the last note, the flush.
  uint64_t flushAddress = 0;
  /// Linux's level of an entry or a hole at each level of the walker.
  std::array<int8_t, 5> leafLevel = {}, holeLevel = {};
};

/// A table that the listing could not look into.
struct AbsentTable {
  VirtAddr at;
  PhysAddr table;
  Absence absence;
};

class Ptdump {
public:
  using State = RunState;

  Ptdump(const PtdumpRules &rules, llvm::ArrayRef<AddressMarker> markers,
         RunSink &out, uint64_t maxRuns);

  // What Walker asks of a sink.

  uint64_t inherit(uint64_t inherited, unsigned level, uint64_t entry) const {
    if (level == 0 && rules_.rootGrantsAll)
      return rules_.grantMask;
    return combine(inherited, pathOf(entry) | (entry & rules_.attributeMask));
  }
  State leafState(uint64_t inherited, unsigned level, uint64_t entry) const {
    uint64_t attributes = entry & rules_.attributeMask;
    return {attributes,
            entry ? combine(inherited, attributes)
                  : inherited & rules_.zeroEntryKeeps,
            rules_.leafLevel[level]};
  }
  State upperState(uint64_t inherited, unsigned level, uint64_t entry) const {
    State state = leafState(inherited | pathOf(entry), level, entry);
    if (entry & rules_.largeFlag)
      state.attributes = (rules_.onlyLargeMask ? 0 : state.attributes) |
                         (entry & rules_.largeMask[level]);
    return state;
  }
  State holeState(unsigned level) const {
    return {0, 0, rules_.holeLevel[level]};
  }
  void note(VirtAddr at, uint64_t entry, const State &state) {
    if (state == current_ && at.value < boundary_) [[likely]]
      return;
    noteChange(at.value, entry, state);
  }
  uint64_t nextBoundary() const { return boundary_; }
  uint64_t alikeMask() const { return rules_.attributeMask; }
  /// Beyond its limit of lines a section only says how many there are more.
  bool countsOnly(VirtAddr last, uint64_t changes) const;
  void noteCounted(VirtAddr base, const NoteCount<State> &notes);
  void unreadable(VirtAddr at, unsigned level, PhysAddr table,
                  AbsentByte absent);
  void emptyTable(PhysAddr table) { emptyTables_.insert(table.value); }
  bool isFull() const { return runs_ >= maxRuns_; }

  /// What the path above the root grants: everything.
  uint64_t initialRights() const { return rules_.grantMask; }
  /// The last note. Nothing may come after it.
  void flush();

  /// Excluded tables that were read as empty.
  size_t getEmptyTableCount() const { return emptyTables_.size(); }
  /// Absent tables and where they stood, the first few; and how many.
  llvm::ArrayRef<AbsentTable> getAbsentTables() const { return absent_; }
  uint64_t getAbsentTableCount() const { return absentCount_; }

private:
  uint64_t combine(uint64_t inherited, uint64_t attributes) const {
    return (inherited & attributes & rules_.grantMask) |
           ((inherited | attributes) & rules_.denyMask);
  }
  uint64_t pathOf(uint64_t entry) const {
    return (entry & rules_.pathMask) << rules_.pathShift;
  }
  void noteChange(uint64_t at, uint64_t entry, const State &state);
  void nextSection();
  /// How many lines the section may print; 0: all.
  uint64_t lineLimit() const {
    return marker_ < markers_.size() ? markers_[marker_].maxLines : 0;
  }
  /// From where the line began to \p end.
  void printRun(uint64_t end);
  /// Of a table that is not in the dump: the kernel would have come to the
  /// sections that begin in it one by one.
  void splitAtSections(uint64_t end);
  bool crosses(uint64_t at) const { return at >= boundary_; }

protected:
  const PtdumpRules rules_;

private:
  const llvm::ArrayRef<AddressMarker> markers_;
  RunSink &out_;
  const uint64_t maxRuns_;

  State current_;
  uint64_t start_ = 0;
  uint64_t firstEntry_ = 0;
  size_t marker_ = 0;
  /// Start of the next marker; ~0 if there is none.
  uint64_t boundary_ = ~uint64_t(0);
  uint64_t linesInSection_ = 0;
  uint64_t runs_ = 0;
  llvm::DenseSet<uint64_t> emptyTables_;
  std::vector<AbsentTable> absent_;
  uint64_t absentCount_ = 0;
};

/// With an invalid bit. A class of its own, so that other kernels' entries are
/// not asked for one.
class InvalidBitPtdump final : public Ptdump {
public:
  using Ptdump::Ptdump;

  State leafState(uint64_t inherited, unsigned level, uint64_t entry) const {
    return entry & rules_.invalidBit
               ? State{rules_.invalidBit, 0, rules_.leafLevel[level]}
               : Ptdump::leafState(inherited, level, entry);
  }
  /// Above the last level the bit means something else.
  State upperState(uint64_t inherited, unsigned level, uint64_t entry) const {
    return Ptdump::leafState(inherited, level, entry & ~rules_.invalidBit);
  }
  State holeState(unsigned level) const {
    return {rules_.invalidBit, 0, rules_.holeLevel[level]};
  }
};

} // namespace vmpt
