//===- ListingOutput.h - page-table listings, printed ---------------------===//
#pragma once

#include "analysis/RangeNamer.h"
#include "kernel/tasks/TaskList.h"
#include "listing/LineFilter.h"
#include "listing/Plan.h"
#include "output/RecordWriter.h"
#include "session/Session.h"

namespace vmpt {

/// A listing that another thread has made, as text or as what it consists of.
struct MadeListing {
  struct Part {
    enum Kind : uint8_t { Section, Line, Annotated, Skipped } kind;
    std::string section;
    Run run;
    RunNotes notes;
    uint64_t count = 0;
  };
  std::string text;
  std::vector<Part> parts;
  SelectedResult result;
  /// Else it is still to be made: nothing stands in for a long one.
  bool isWhole = false;
};

/// Which lines of a page-table listing, what they show, and how many there may
/// be.
struct ListingChoice {
  std::vector<LineSelection::Range> ranges;
  std::vector<std::string> sections; ///< Titles.
  std::vector<const LineProperty *> properties;
  bool hasPhysical = false;
  bool hasNames = false;
  std::optional<uint64_t> maxLines;
};

/// Writes the listings that one question asks of the session's dump, by its
/// options. What is missing in them is told to the session. No error names the
/// file.
class ListingOutput {
public:
  /// All must outlive the object.
  ListingOutput(Session &session, const ListingChoice &options,
                RecordWriter &writer)
      : session_(session), options_(options), writer_(writer) {}
  ListingOutput(const ListingOutput &) = delete;
  ListingOutput &operator=(const ListingOutput &) = delete;

  /// First of all: whether listings such as \p plan have what is asked for.
  /// A LookupError names the sections that there are.
  llvm::Error prepare(const ListingPlan &plan);
  /// Of the tables of \p task, or nobody's; \p made of the same, or null. After
  /// an error nothing is written.
  llvm::Error write(const ListingPlan &plan, const Task *task = nullptr,
                    const MadeListing *made = nullptr);
  /// Can several threads make() listings, each with a \p known of its own? With
  /// names they cannot.
  bool canMake() const { return !namer_; }
  /// As far as it has no more than \p mostLines.
  void make(const ListingPlan &plan, uint64_t mostLines,
            std::optional<ListedTables> &known, MadeListing &made) const;
  /// Says if no line was what was asked for.
  void finish();

private:
  llvm::Error chooseSections(const ListingPlan &plan);
  llvm::Error prepareNames();
  void reportNames(llvm::StringRef kind, llvm::StringRef what,
                   llvm::Error error);
  llvm::Expected<SelectedResult> list(const ListingPlan &plan, RunSink &sink,
                                      uint64_t maxLines,
                                      std::optional<ListedTables> &known) const;
  uint64_t maxLines() const;
  void reportGaps(const ListingResult &result);

  Session &session_;
  const ListingChoice &options_;
  RecordWriter &writer_;
  LineSelection selection_;
  std::unique_ptr<RangeNamer> namer_;
  /// Of listings with all lines, as long as no table was read as empty: that
  /// is said of each listing anew.
  std::optional<ListedTables> known_;
  bool hasWritten_ = false;
  uint64_t lineCount_ = 0; ///< Of selections.
};

/// All of that for one listing.
llvm::Error writeListing(Session &session, const ListingChoice &options,
                         const ListingPlan &plan, RecordWriter &writer);

} // namespace vmpt
