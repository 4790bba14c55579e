//===- LineFilter.h - some lines of a listing, with more in them ----------===//
//
// Stands between the kernel's state machine and what writes a listing, where
// somebody asked for less or more than the kernel's text. It picks lines and
// never makes new ones: a line that lies partly in a range is there whole. Only
// physical addresses cut a line, where they do not go on.
//
#pragma once

#include "listing/PhysicalRuns.h"

#include <functional>

namespace vmpt {

/// What can be asked of a line: "wx", "user", "huge".
struct LineProperty {
  /// Of Wording::meanings, or "large": a page of an upper level.
  struct Term {
    llvm::StringLiteral word = "";
    bool isSo = true;
  };
  llvm::StringLiteral name = "";
  Term terms[2] = {}; ///< Both hold.

  /// Nothing if these listings do not tell.
  std::optional<bool> holds(const Wording &wording, const Run &run) const;
};
llvm::ArrayRef<LineProperty> getLineProperties();

struct LineSelection {
  struct Range {
    VirtAddr first, last; ///< Both inclusive.
  };
  /// Lines that lie in one of these; none: everywhere.
  std::vector<Range> ranges;
  /// Lines under one of these headers, as the kernel writes them; none: all.
  std::vector<std::string> sections;
  /// Lines that have all of these. A table that is not in the dump may have
  /// any.
  std::vector<const LineProperty *> properties;
  bool hasPhysical = false;
  std::function<RangeNames(VirtAddr first, VirtAddr last)> namer; ///< Or null.

  bool picksLines() const { return !ranges.empty() || !properties.empty(); }
  bool isAll() const {
    return !picksLines() && sections.empty() && !hasPhysical && !namer;
  }
};

/// The titles of a plan's sections in their order, each once.
std::vector<std::string> getSections(const ListingPlan &plan);

struct SelectedResult : ListingResult {
  uint64_t lineCount = 0;
};

/// As runListing() of Plan.h, of the selected lines alone: tables that are
/// absent elsewhere are no loss. Where single lines are picked, the kernel's
/// limit of lines for a section does not hold, and headers stand only above
/// lines. \p maxLines counts what is printed.
llvm::Expected<SelectedResult>
runSelectedListing(const ListingPlan &plan, const PhysicalMemory &memory,
                   const LineSelection &selection, RunSink &out,
                   uint64_t maxLines);

} // namespace vmpt
