//===- SpaceDiff.h - two address spaces, range by range -------------------===//
#pragma once

#include "analysis/SnapshotDiff.h"

namespace vmpt {

/// Physical memory, piece by piece.
class PhysicalSpans {
public:
  void add(PhysAddr first, PhysAddr last) { spans_.push_back({first, last}); }
  /// Before the first question.
  void sort();
  /// Is \p at in a span? \p end becomes the last address up to which that
  /// holds.
  bool contains(PhysAddr at, PhysAddr &end) const;

private:
  std::vector<std::pair<PhysAddr, PhysAddr>> spans_;
};

class SpaceDiff {
public:
  /// At most \p maxChanges are kept in \p diff. All outlive the object.
  SpaceDiff(const Snapshot &before, const Snapshot &after,
            const DiffOptions &options, SnapshotDiff &diff);

  /// Either may be null: then all of the other is new, or gone.
  void compare(const SnapshotSpace *before, const SnapshotSpace *after);

  static constexpr size_t maxChanges = size_t(1) << 20;

private:
  /// A range by its place in its piece.
  struct Placed {
    uint64_t first = 0, last = 0; ///< Places, both inclusive.
    const SnapshotRange *range = nullptr;
    VirtAddr at;           ///< The address of `first`.
    bool isMasked = false; ///< Compared elsewhere.
  };
  struct Group {
    std::vector<Placed> before, after;
    bool hasFixedTargets = false;
    bool isDirectMap = false;
  };
  using Groups = std::map<std::string, Group>;

  void place(const SnapshotSpace &space, bool isBefore, Groups &groups) const;
  void compareGroup(const Group &group);
  void compareSegment(const Placed *before, const Placed *after, uint64_t first,
                      uint64_t last, const Group &group);
  /// Adds what of a change of rights in the direct map is no shadow.
  void addUnshadowed(const RangeChange &change);
  bool hasSameTarget(const ChangeSide &before, const ChangeSide &after) const;
  ChangeSide makeSide(const Snapshot &snapshot, const Placed &placed,
                      uint64_t first, uint64_t last) const;
  void add(RangeChange change);

  const Snapshot &before_, &after_;
  const DiffOptions &options_;
  SnapshotDiff &diff_;
  const SnapshotSpace *space_ = nullptr; ///< Whose changes are told.
  std::vector<RangeChange> changes_;     ///< Of this space.
  /// Memory that modules and others have mapped read-only, in either; its pages
  /// are read-only in the direct map, too, wherever the allocator took them.
  PhysicalSpans shadows_;
};

} // namespace vmpt
