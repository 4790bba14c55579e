#include "views/Listing.h"

#include "support/Bits.h"
#include "views/Words.h"

namespace vmpt {

static void writeSkipped(RecordWriter &writer, llvm::ArrayRef<Record> skipped) {
  writer.beginList({"skipped", "skipped"});
  for (const Record &record : skipped)
    writer.record(record);
  writer.endList();
}

void ListingRecords::begin() {
  if (!std::exchange(isBegun_, true))
    writer_.beginList({"ranges", "range"});
}

void ListingRecords::finish() {
  begin();
  writer_.endList();
  writeSkipped(writer_, skipped_);
}

void writeNoListing(RecordWriter &writer) {
  writer.beginList({"ranges", "range"});
  writer.endList();
  writeSkipped(writer, {});
}

void ListingRecords::section(llvm::StringRef name) { section_ = name.str(); }

void ListingRecords::skipped(uint64_t count) {
  Record record;
  record.add("section", section_).add("ranges", count);
  skipped_.push_back(std::move(record));
}

void ListingRecords::addRange(Record &record, const Run &run) const {
  const VirtAddr first(run.start), last = wording_.lastOf(run);
  const uint64_t bytes = last - first + 1;
  record.add("section", section_);
  record.add("first", first).add("last", last);
  // 2^64 is no number of 64 bits.
  record.add("bytes", bytes ? Value(bytes) : Value());
}

void ListingRecords::addMeanings(Record &record, const Run &run) const {
  for (size_t i = 0; i < wording_.meanings.size();) {
    const llvm::StringRef word = wording_.meanings[i].word;
    while (i < wording_.meanings.size() && wording_.meanings[i].word == word)
      ++i;
    record.add(word, wording_.means(word, run.state).value_or(false));
  }
}

static Record makeRecord(const RangeName &name) {
  Record record;
  record.add("kind", name.kind).add("name", name.name);
  record.add("first", name.first).add("last", name.last);
  return record;
}

void ListingRecords::run(const Run &run) { annotated(run, {}); }

void ListingRecords::annotated(const Run &run, const RunNotes &notes) {
  if (!wording_.prints(run))
    return;
  begin();
  Record record;
  addRange(record, run);
  const int level = run.isAbsent() ? run.absentTableLevel() : run.state.level;
  record.add("level", llvm::StringRef(context_.levelNames[level]).lower());
  if (notes.hasPhysical)
    record.add("physical", notes.physical);
  else if (wording_.physicalColumn && !run.isAbsent())
    record.add("physical", context_.physicalOf(run.firstEntry));
  if (notes.repeats)
    record.add("repeats", true);
  if (run.isAbsent()) {
    record.add("absent_table", run.absentTable())
        .add("reason", getReasonWord(run.absence()));
  } else {
    record.add("attributes", makeArray(wording_.wordsOf(run)));
    addMeanings(record, run);
  }
  if (notes.names) {
    Array names;
    for (const RangeName &name : notes.names->names)
      names.push_back(makeRecord(name));
    record.add("names", std::move(names))
        .add("more_names", notes.names->moreCount);
  }
  writer_.record(record);
}

} // namespace vmpt
