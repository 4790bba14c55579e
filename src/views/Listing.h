//===- Listing.h - a page-table listing as records ------------------------===//
//
// A record is a line of the kernel's text, in the same order. It says the
// section that the line stands in, and what the columns mean in words that are
// the same on every architecture.
//
#pragma once

#include "listing/Wording.h"
#include "output/RecordWriter.h"

namespace vmpt {

class ListingRecords final : public RunSink {
public:
  /// All must outlive the object. The list begins with the first of it, or
  /// with finish().
  ListingRecords(const Wording &wording, const PrintContext &context,
                 RecordWriter &writer)
      : wording_(wording), context_(context), writer_(writer) {}
  /// Ends the list, and names the sections that are cut short.
  void finish();

  void section(llvm::StringRef name) override;
  void run(const Run &run) override;
  void skipped(uint64_t count) override;
  void annotated(const Run &run, const RunNotes &notes) override;

private:
  void addRange(Record &record, const Run &run) const;
  void addMeanings(Record &record, const Run &run) const;

  const Wording &wording_;
  const PrintContext &context_;
  RecordWriter &writer_;
  void begin();

  bool isBegun_ = false;
  std::optional<std::string> section_;
  std::vector<Record> skipped_;
};

/// The lists of a listing that could not be made.
void writeNoListing(RecordWriter &writer);

} // namespace vmpt
