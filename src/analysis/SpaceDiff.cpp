#include "analysis/SpaceDiff.h"

#include "analysis/Pieces.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace vmpt {

namespace {

/// Places count from the middle, so that what lies before an anchor is before
/// what lies behind it.
constexpr uint64_t middle = uint64_t(1) << 63;

std::optional<PhysAddr> physicalAt(const SnapshotRange &range, VirtAddr at) {
  if (!range.physical || range.repeats)
    return range.physical;
  return *range.physical + (at - range.first);
}

/// Does \p next go on where \p side ends?
bool isBehind(const ChangeSide &side, const ChangeSide &next) {
  return side.last + 1 == next.first && side.words == next.words &&
         side.section == next.section &&
         side.physical.has_value() == next.physical.has_value();
}

void append(ChangeSide &side, const ChangeSide &next) {
  side.isScattered |=
      next.isScattered ||
      (side.physical &&
       *side.physical + (next.first - side.first) != *next.physical);
  side.last = next.last;
}

bool joins(const RangeChange &change, const RangeChange &next) {
  if (change.kind != next.kind ||
      change.before.has_value() != next.before.has_value() ||
      change.after.has_value() != next.after.has_value())
    return false;
  return (!change.before || isBehind(*change.before, *next.before)) &&
         (!change.after || isBehind(*change.after, *next.after));
}

} // namespace

void PhysicalSpans::sort() {
  std::sort(spans_.begin(), spans_.end());
  std::vector<std::pair<PhysAddr, PhysAddr>> joined;
  for (const auto &span : spans_)
    if (!joined.empty() && span.first <= joined.back().second)
      joined.back().second = std::max(joined.back().second, span.second);
    else
      joined.push_back(span);
  spans_ = std::move(joined);
}

bool PhysicalSpans::contains(PhysAddr at, PhysAddr &end) const {
  const auto next =
      std::partition_point(spans_.begin(), spans_.end(),
                           [&](const auto &span) { return span.second < at; });
  const bool isIn = next != spans_.end() && next->first <= at;
  end = isIn                   ? next->second
        : next != spans_.end() ? next->first - 1
                               : PhysAddr(~uint64_t(0));
  return isIn;
}

/// Outside of the direct map and the image.
static void addShadows(const Snapshot &snapshot, PhysicalSpans &shadows) {
  const std::vector<Piece> &pieces = snapshot.spaces.front().pieces;
  for (const SnapshotRange &range : snapshot.spaces.front().ranges) {
    if (!range.words || !range.physical ||
        llvm::is_contained(range.words->words, "RW") ||
        llvm::is_contained(range.words->words, "W"))
      continue;
    const auto piece = std::partition_point(
        pieces.begin(), pieces.end(),
        [&](const Piece &other) { return other.last < range.first; });
    if (piece != pieces.end() && piece->first <= range.first &&
        piece->hasFixedTargets)
      continue;
    constexpr uint64_t leastPage = 4096;
    const uint64_t bytes =
        range.repeats ? leastPage : range.last - range.first + 1;
    shadows.add(*range.physical, *range.physical + (bytes - 1));
  }
}

SpaceDiff::SpaceDiff(const Snapshot &before, const Snapshot &after,
                     const DiffOptions &options, SnapshotDiff &diff)
    : before_(before), after_(after), options_(options), diff_(diff) {
  if (diff.isOneBoot || options.isAbsolute)
    return;
  addShadows(before, shadows_);
  addShadows(after, shadows_);
  shadows_.sort();
}

void SpaceDiff::addUnshadowed(const RangeChange &change) {
  const PhysAddr first = *change.after->physical,
                 last = first + (change.after->last - change.after->first);
  for (PhysAddr at = first, end;; at = end + 1) {
    const bool isShadow = shadows_.contains(at, end);
    end = std::min(end, last);
    if (!isShadow) {
      RangeChange part = change;
      for (ChangeSide *side : {&*part.before, &*part.after}) {
        side->last = side->first + (end - first);
        side->first += at - first;
        side->physical = *side->physical + (at - first);
      }
      add(std::move(part));
    }
    if (end >= last)
      return;
  }
}

/// Puts each range, cut where pieces begin and end, into its piece's group.
void SpaceDiff::place(const SnapshotSpace &space, bool isBefore,
                      Groups &groups) const {
  static const std::vector<Piece> none;
  const std::vector<Piece> &pieces = options_.isAbsolute ? none : space.pieces;
  auto piece = pieces.begin();
  for (const SnapshotRange &range : space.ranges) {
    VirtAddr at = range.first;
    while (true) {
      piece = std::partition_point(
          pieces.begin(), pieces.end(),
          [&](const Piece &other) { return other.last < at; });
      const bool isIn = piece != pieces.end() && piece->first <= at;
      VirtAddr last = range.last;
      if (isIn)
        last = std::min(last, piece->last);
      else if (piece != pieces.end() && piece->first <= last)
        last = piece->first - 1;
      Group &group = groups[isIn ? piece->key : ""];
      const uint64_t anchor = isIn ? piece->anchor.value - middle : 0;
      Placed placed{at.value - anchor, last.value - anchor, &range, at};
      if (isIn) {
        group.hasFixedTargets |= piece->hasFixedTargets;
        group.isDirectMap |= piece->key == getRegionName(Region::DirectMap);
      }
      (isBefore ? group.before : group.after).push_back(placed);
      // Where the image is in the other's direct map, is ordinary memory here.
      if (isIn && piece->key == imageAliasKey) {
        const std::string key = getRegionName(Region::DirectMap).str();
        const Snapshot &owner = isBefore ? before_ : after_;
        placed.first = middle + owner.imageFirst.value + (at - piece->first);
        placed.last = placed.first + (last - at);
        placed.isMasked = true;
        Group &map = groups[key];
        (isBefore ? map.before : map.after).push_back(placed);
      }
      if (last == range.last)
        break;
      at = last + 1;
    }
  }
}

ChangeSide SpaceDiff::makeSide(const Snapshot &snapshot, const Placed &placed,
                               uint64_t first, uint64_t last) const {
  ChangeSide side;
  side.first = placed.at + (first - placed.first);
  side.last = side.first + (last - first);
  side.words = placed.range->words;
  const uint32_t section = placed.range->section;
  if (section && section <= snapshot.sections.size())
    side.section = snapshot.sections[section - 1].name;
  side.physical = physicalAt(*placed.range, side.first);
  side.isScattered = placed.range->repeats;
  return side;
}

/// The same byte of memory, or of the kernel's image, wherever that was loaded.
bool SpaceDiff::hasSameTarget(const ChangeSide &before,
                              const ChangeSide &after) const {
  if (before.isScattered != after.isScattered)
    return false;
  auto isInImage = [](const Snapshot &snapshot, PhysAddr at) {
    return snapshot.hasImage && snapshot.imageFirst <= at &&
           at <= snapshot.imageLast;
  };
  if (options_.isAbsolute || !isInImage(before_, *before.physical) ||
      !isInImage(after_, *after.physical))
    return *before.physical == *after.physical;
  return *before.physical - before_.imageFirst ==
         *after.physical - after_.imageFirst;
}

void SpaceDiff::add(RangeChange change) {
  if (!changes_.empty() && joins(changes_.back(), change)) {
    if (change.before)
      append(*changes_.back().before, *change.before);
    if (change.after)
      append(*changes_.back().after, *change.after);
    return;
  }
  if (diff_.ranges.size() + changes_.size() >= maxChanges) {
    diff_.isCut = true;
    return;
  }
  change.isKernel = space_->isKernel;
  change.pid = space_->pid;
  change.comm = space_->comm;
  change.part = space_->part;
  changes_.push_back(std::move(change));
}

void SpaceDiff::compareSegment(const Placed *before, const Placed *after,
                               uint64_t first, uint64_t last,
                               const Group &group) {
  if ((before && before->isMasked) || (after && after->isMasked))
    return;
  if ((before && !before->range->words) || (after && !after->range->words)) {
    diff_.unknownBytes += std::min(last - first, middle) + 1;
    return;
  }
  RangeChange change;
  if (before)
    change.before = makeSide(before_, *before, first, last);
  if (after)
    change.after = makeSide(after_, *after, first, last);
  if (!before || !after) {
    change.kind = before ? ChangeKind::Removed : ChangeKind::Added;
    return add(std::move(change));
  }
  if (change.before->words->rights != change.after->words->rights) {
    change.kind = ChangeKind::Rights;
    if (group.isDirectMap && change.before->physical &&
        change.before->physical == change.after->physical)
      return addUnshadowed(change);
    return add(std::move(change));
  }
  if (!change.before->physical || !change.after->physical ||
      hasSameTarget(*change.before, *change.after))
    return;
  if (!(diff_.isOneBoot || options_.allTargets || group.hasFixedTargets)) {
    diff_.skippedTargets = true;
    return;
  }
  change.kind = ChangeKind::Target;
  add(std::move(change));
}

void SpaceDiff::compareGroup(const Group &group) {
  constexpr uint64_t none = ~uint64_t(0);
  size_t a = 0, b = 0;
  uint64_t at = 0;
  while (a < group.before.size() || b < group.after.size()) {
    const Placed *before = a < group.before.size() ? &group.before[a] : nullptr;
    const Placed *after = b < group.after.size() ? &group.after[b] : nullptr;
    // Damaged lists overlap: what was passed is not told twice.
    if (before && before->last < at) {
      ++a;
      continue;
    }
    if (after && after->last < at) {
      ++b;
      continue;
    }
    const uint64_t beforeFirst = before ? std::max(before->first, at) : none,
                   afterFirst = after ? std::max(after->first, at) : none;
    const uint64_t first = std::min(beforeFirst, afterFirst);
    const bool inBefore = before && before->first <= first,
               inAfter = after && after->first <= first;
    uint64_t last = none;
    for (const Placed *side : {before, after})
      if (side)
        last =
            std::min(last, side->first > first ? side->first - 1 : side->last);
    compareSegment(inBefore ? before : nullptr, inAfter ? after : nullptr,
                   first, last, group);
    if (last == none)
      break;
    at = last + 1;
  }
}

void SpaceDiff::compare(const SnapshotSpace *before,
                        const SnapshotSpace *after) {
  space_ = after ? after : before;
  Groups groups;
  if (before)
    place(*before, true, groups);
  if (after)
    place(*after, false, groups);
  for (auto &[key, group] : groups) {
    // Masks come behind what they lie in.
    for (auto *side : {&group.before, &group.after})
      std::stable_sort(side->begin(), side->end(),
                       [](const Placed &one, const Placed &other) {
                         return one.first < other.first;
                       });
    compareGroup(group);
  }
  std::stable_sort(changes_.begin(), changes_.end(),
                   [](const RangeChange &one, const RangeChange &other) {
                     return one.side().first < other.side().first;
                   });
  for (RangeChange &change : changes_)
    diff_.ranges.push_back(std::move(change));
  changes_.clear();
}

} // namespace vmpt
