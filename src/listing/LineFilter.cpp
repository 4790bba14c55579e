#include "listing/LineFilter.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral large = "large";
constexpr int pteLevel = 4;

constexpr LineProperty properties[] = {
    {"wx", {{"writable"}, {"executable"}}},
    {"w", {{"writable"}}},
    {"x", {{"executable"}}},
    {"ro", {{"present"}, {"writable", false}}},
    {"nx", {{"present"}, {"executable", false}}},
    {"user", {{"user"}}},
    {"kernel", {{"present"}, {"user", false}}},
    {"huge", {{"present"}, {large}}},
    {"global", {{"global"}}},
    {"accessed", {{"accessed"}}},
    {"dirty", {{"dirty"}}},
    {"present", {{"present"}}},
    {"hole", {{"present", false}}},
};

/// What a walk may come to before it ends, however few lines are chosen.
constexpr uint64_t leastMaxRuns = 20'000'000;

class LineFilter final : public RunSink {
public:
  LineFilter(const ListingPlan &plan, const PhysicalMemory &memory,
             const LineSelection &selection, RunSink &out, uint64_t maxLines);

  void section(llvm::StringRef name) override;
  void run(const Run &run) override;
  /// The limits of sections are kept here.
  void skipped(uint64_t) override {}

  bool isCut() const { return isCut_; }
  uint64_t lineCount() const { return lineCount_; }
  llvm::ArrayRef<AbsentTable> absentTables() const { return absent_; }
  uint64_t absentTableCount() const { return absentCount_; }

private:
  bool isChosen(llvm::StringRef section) const {
    return selection_.sections.empty() ||
           llvm::is_contained(selection_.sections, section);
  }
  bool isInRanges(VirtAddr first, VirtAddr last) const;
  bool hasProperties(const Run &run) const;
  void addAbsent(const Run &run);
  bool pass(const Run &run, RunNotes notes);

  const ListingPlan &plan_;
  const LineSelection &selection_;
  RunSink &out_;
  const uint64_t maxLines_;
  std::optional<PhysicalRuns> physical_;
  /// Of the section that the next run is in.
  size_t marker_ = 0;
  bool isBeforeFirst_ = true, isInSection_ = true;
  std::optional<std::string> header_; ///< That its first line will need.
  uint64_t runsInSection_ = 0;
  bool isCut_ = false;
  uint64_t lineCount_ = 0, passedOver_ = 0;
  std::vector<AbsentTable> absent_;
  uint64_t absentCount_ = 0;
};

LineFilter::LineFilter(const ListingPlan &plan, const PhysicalMemory &memory,
                       const LineSelection &selection, RunSink &out,
                       uint64_t maxLines)
    : plan_(plan), selection_(selection), out_(out), maxLines_(maxLines) {
  if (selection.hasPhysical)
    physical_.emplace(plan, memory);
  // Where a kernel forgets the first header, its lines come before any.
  isBeforeFirst_ = plan.rules.initialLevel == -1;
  isInSection_ = !isBeforeFirst_ && !plan.markers.empty()
                     ? isChosen(plan.markers.front().name)
                     : selection.sections.empty();
}

uint64_t limitOf(const ListingPlan &plan, size_t marker) {
  return marker < plan.markers.size() ? plan.markers[marker].maxLines : 0;
}

void LineFilter::section(llvm::StringRef name) {
  const uint64_t limit = limitOf(plan_, marker_);
  if (isInSection_ && !selection_.picksLines() && limit &&
      runsInSection_ > limit)
    out_.skipped(runsInSection_ - limit);
  if (!std::exchange(isBeforeFirst_, false))
    ++marker_;
  runsInSection_ = 0;
  isInSection_ = isChosen(name);
  header_.reset();
  if (!isInSection_)
    return;
  if (selection_.picksLines())
    header_ = name.str();
  else
    out_.section(name);
}

bool LineFilter::isInRanges(VirtAddr first, VirtAddr last) const {
  return selection_.ranges.empty() ||
         llvm::any_of(selection_.ranges, [&](const auto &range) {
           return range.first <= last && first <= range.last;
         });
}

bool LineFilter::hasProperties(const Run &run) const {
  return run.isAbsent() ||
         llvm::all_of(selection_.properties, [&](const LineProperty *property) {
           return property->holds(plan_.wording, run).value_or(false);
         });
}

void LineFilter::addAbsent(const Run &run) {
  constexpr size_t keptTables = 16;
  if (absent_.size() < keptTables)
    absent_.push_back({VirtAddr(run.start), run.absentTable(), run.absence()});
  ++absentCount_;
}

/// False: no further lines.
bool LineFilter::pass(const Run &run, RunNotes notes) {
  const VirtAddr first(run.start), last = plan_.wording.lastOf(run);
  // Of a hostile table, pieces outside of the ranges have no end either.
  const bool isShown = isInRanges(first, last);
  if (!isShown && ++passedOver_ < leastMaxRuns)
    return true;
  if (!isShown || lineCount_ == maxLines_) {
    isCut_ = true;
    return false;
  }
  if (header_)
    out_.section(*header_);
  header_.reset();
  ++lineCount_;
  if (selection_.namer)
    notes.names = selection_.namer(first, last);
  out_.annotated(run, notes);
  return true;
}

void LineFilter::run(const Run &run) {
  if (!isInSection_ || isCut_)
    return;
  ++runsInSection_;
  if (run.isAbsent() &&
      isInRanges(VirtAddr(run.start), plan_.wording.lastOf(run)))
    addAbsent(run);
  const uint64_t limit = limitOf(plan_, marker_);
  if (!selection_.picksLines() && limit && runsInSection_ > limit)
    return;
  if (!plan_.wording.prints(run) || !hasProperties(run))
    return;
  if (!physical_) {
    pass(run, {});
    return;
  }
  physical_->split(run, [&](const PhysicalRun &part) {
    Run piece = run;
    piece.start = part.first.value;
    if (part.last != plan_.wording.lastOf(run))
      piece.end = part.last.value + 1;
    RunNotes notes;
    notes.hasPhysical = true;
    notes.physical = part.physical;
    notes.repeats = part.repeats;
    return pass(piece, std::move(notes));
  });
}

} // namespace

std::optional<bool> LineProperty::holds(const Wording &wording,
                                        const Run &run) const {
  for (const Term &term : terms) {
    if (term.word.empty())
      continue;
    const std::optional<bool> isSo = term.word == large
                                         ? run.state.level != pteLevel
                                         : wording.means(term.word, run.state);
    if (!isSo)
      return std::nullopt;
    if (*isSo != term.isSo)
      return false;
  }
  return true;
}

llvm::ArrayRef<LineProperty> getLineProperties() { return properties; }

std::vector<std::string> getSections(const ListingPlan &plan) {
  std::vector<std::string> names;
  for (const AddressMarker &marker : plan.markers)
    if (!llvm::is_contained(names, marker.name))
      names.push_back(marker.name);
  return names;
}

llvm::Expected<SelectedResult>
runSelectedListing(const ListingPlan &plan, const PhysicalMemory &memory,
                   const LineSelection &selection, RunSink &out,
                   uint64_t maxLines) {
  LineFilter filter(plan, memory, selection, out, maxLines);
  ListingPlan unlimited = plan;
  for (AddressMarker &marker : unlimited.markers)
    marker.maxLines = 0;
  llvm::Expected<ListingResult> walked =
      runListing(unlimited, memory, filter, std::max(maxLines, leastMaxRuns));
  if (!walked)
    return walked.takeError();
  SelectedResult result{*walked};
  result.isCut |= filter.isCut();
  result.absentTables = filter.absentTables();
  result.absentTableCount = filter.absentTableCount();
  result.lineCount = filter.lineCount();
  return result;
}

} // namespace vmpt
