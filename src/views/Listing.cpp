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
  // 32-bit kernels end at 0, which is 2^32.
  const uint64_t inUse =
      wording_.addressDigits == 8 ? lowBits(32) : ~uint64_t(0);
  const uint64_t last = (run.end - 1) & inUse, bytes = last - run.start + 1;
  record.add("section", section_);
  record.add("first", VirtAddr(run.start)).add("last", VirtAddr(last));
  // 2^64 is no number of 64 bits.
  record.add("bytes", bytes ? Value(bytes) : Value());
}

void ListingRecords::addMeanings(Record &record, const Run &run) const {
  for (size_t i = 0; i < wording_.meanings.size();) {
    const llvm::StringRef word = wording_.meanings[i].word;
    bool isSo = false;
    for (; i < wording_.meanings.size() && wording_.meanings[i].word == word;
         ++i)
      isSo |= (run.state.attributes & wording_.meanings[i].mask) ==
              wording_.meanings[i].value;
    record.add(word, isSo);
  }
}

void ListingRecords::run(const Run &run) {
  if (!run.isAbsent() && !run.state.attributes && !wording_.printsEmptyRuns)
    return;
  begin();
  Record record;
  addRange(record, run);
  const int level = run.isAbsent() ? run.absentTableLevel() : run.state.level;
  record.add("level", llvm::StringRef(context_.levelNames[level]).lower());
  if (run.isAbsent()) {
    record.add("absent_table", run.absentTable())
        .add("reason", getReasonWord(run.absence()));
    writer_.record(record);
    return;
  }
  if (wording_.physicalColumn)
    record.add("physical", context_.physicalOf(run.firstEntry));
  record.add("attributes", makeArray(wording_.wordsOf(run)));
  addMeanings(record, run);
  writer_.record(record);
}

} // namespace vmpt
