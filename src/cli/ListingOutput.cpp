#include "cli/ListingOutput.h"

#include "views/Listing.h"

namespace vmpt {

namespace {

constexpr uint64_t defaultMaxLines = 20'000'000;

/// Says what the listing had to leave out.
void reportGaps(Session &session, const ListingResult &result) {
  for (const AbsentTable &table : result.absentTables) {
    Subject subject;
    subject.physical = table.table;
    subject.virtualStart = table.at;
    session.gap("table-absent",
                "page table at physical " + hex(table.table) +
                    ", for addresses from " + hex(table.at) +
                    " on, is not in the dump (" +
                    getAbsenceName(table.absence) + ")",
                subject);
  }
  if (result.absentTableCount)
    session.gap(
        "tables-absent",
        llvm::Twine(result.absentTableCount) +
            (result.absentTableCount == 1 ? " table is" : " tables are") +
            " not in the dump; the listing shows each in its place");
  if (result.emptyTableCount)
    session.warn(
        "tables-excluded",
        llvm::Twine(result.emptyTableCount) +
            (result.emptyTableCount == 1 ? " table was" : " tables were") +
            " excluded, as pages of zeros are, and read as empty");
}

} // namespace

llvm::Error writeListing(Session &session, const ListingOptions &options,
                         const ListingPlan &plan, RecordWriter &writer) {
  llvm::raw_ostream *os = writer.text();
  TextPrinter text(plan.wording, plan.context, os ? *os : llvm::nulls());
  ListingRecords records(plan.wording, plan.context, writer);
  RunSink &sink = os ? static_cast<RunSink &>(text) : records;
  const uint64_t maxLines = options.maxLines.value_or(defaultMaxLines);
  llvm::Expected<ListingResult> result =
      runListing(plan, session.memory(), sink, maxLines);
  if (!result)
    return result.takeError();
  if (!os)
    records.finish();
  if (result->isCut) {
    if (os)
      *os << "--- the listing ends here: " << maxLines
          << " lines, see --max-lines ---\n";
    session.gap("listing-cut", "the listing was ended after " +
                                   llvm::Twine(maxLines) +
                                   " lines; --max-lines sets the limit");
  }
  reportGaps(session, *result);
  return llvm::Error::success();
}

} // namespace vmpt
