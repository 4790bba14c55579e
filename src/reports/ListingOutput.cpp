#include "reports/ListingOutput.h"

#include "reports/TaskChoice.h"
#include "support/Suggest.h"
#include "support/Text.h"
#include "views/Listing.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

constexpr uint64_t defaultMaxLines = 20'000'000;

std::string quote(llvm::StringRef word) { return "'" + printable(word) + "'"; }

/// Keeps what a listing consists of.
class PartKeeper final : public RunSink {
public:
  explicit PartKeeper(std::vector<MadeListing::Part> &parts) : parts_(parts) {}

  void section(llvm::StringRef name) override {
    parts_.push_back({Part::Section, name.str(), {}, {}});
  }
  void run(const Run &run) override {
    parts_.push_back({Part::Line, {}, run, {}});
  }
  void annotated(const Run &run, const RunNotes &notes) override {
    parts_.push_back({Part::Annotated, {}, run, notes});
  }
  void skipped(uint64_t count) override {
    parts_.push_back({Part::Skipped, {}, {}, {}, count});
  }

  static void replay(llvm::ArrayRef<MadeListing::Part> parts, RunSink &sink) {
    for (const Part &part : parts)
      switch (part.kind) {
      case Part::Section:
        sink.section(part.section);
        break;
      case Part::Line:
        sink.run(part.run);
        break;
      case Part::Annotated:
        sink.annotated(part.run, part.notes);
        break;
      case Part::Skipped:
        sink.skipped(part.count);
        break;
      }
  }

private:
  using Part = MadeListing::Part;
  std::vector<Part> &parts_;
};

} // namespace

/// Titles are those of the kernel, in any case of letters.
llvm::Error ListingOutput::chooseSections(const ListingPlan &plan) {
  const std::vector<std::string> known = getSections(plan);
  for (const std::string &word : options_.sections) {
    const size_t chosen = selection_.sections.size();
    for (const std::string &name : known)
      if (llvm::StringRef(name).equals_insensitive(word))
        selection_.sections.push_back(name);
    if (selection_.sections.size() != chosen)
      continue;
    std::string near = suggest(word, known);
    if (near.empty()) {
      std::vector<std::string> quoted;
      for (const std::string &name : known)
        quoted.push_back(quote(name));
      near = known.empty() ? "" : "; it has " + llvm::join(quoted, ", ");
    }
    return llvm::make_error<LookupError>("the listing has no section " +
                                         quote(word) + near);
  }
  return llvm::Error::success();
}

void ListingOutput::reportNames(llvm::StringRef kind, llvm::StringRef what,
                                llvm::Error error) {
  if (error)
    session_.gap(kind, what + " are not known: " +
                           session_.takeMessage(std::move(error)));
  for (const std::string &problem : namer_->takeProblems())
    session_.gap(kind, problem);
}

llvm::Error ListingOutput::prepareNames() {
  llvm::Expected<const Kernel &> kernel = session_.kernel();
  if (!kernel)
    return kernel.takeError();
  namer_ = std::make_unique<RangeNamer>(*kernel);
  if (!kernel->kallsyms())
    session_.gap("symbols", "the kernel's symbols have no names: " +
                                kernel->kallsymsProblem());
  reportNames("module-list", "modules", namer_->readModules());
  reportNames("vmalloc-list", "areas of vmalloc space", namer_->readVmalloc());
  selection_.namer = [this](VirtAddr first, VirtAddr last) {
    return namer_->find(first, last);
  };
  return llvm::Error::success();
}

llvm::Error ListingOutput::prepare(const ListingPlan &plan) {
  selection_ = LineSelection();
  selection_.hasPhysical = options_.hasPhysical;
  selection_.ranges = options_.ranges;
  selection_.properties = options_.properties;
  for (const LineProperty *property : selection_.properties)
    if (!property->holds(plan.wording, Run()))
      return llvm::make_error<UnsupportedError>(
          "--only " + property->name +
          ": listings of this kernel do not tell whether entries are so");
  if (llvm::Error error = chooseSections(plan))
    return error;
  if (!plan.sectionsDoubt.empty())
    session_.gap("sections-unknown", plan.sectionsDoubt);
  return options_.hasNames ? prepareNames() : llvm::Error::success();
}

uint64_t ListingOutput::maxLines() const {
  return options_.maxLines.value_or(defaultMaxLines);
}

llvm::Expected<SelectedResult>
ListingOutput::list(const ListingPlan &plan, RunSink &sink, uint64_t maxLines,
                    std::optional<ListedTables> &known) const {
  if (!selection_.isAll())
    return runSelectedListing(plan, session_.memory(), selection_, sink,
                              maxLines);
  if (!known)
    known.emplace();
  llvm::Expected<ListingResult> result =
      runListing(plan, session_.memory(), sink, maxLines, &*known);
  if (!result)
    return result.takeError();
  if (result->emptyTableCount)
    known.reset();
  return SelectedResult{std::move(*result)};
}

void ListingOutput::make(const ListingPlan &plan, uint64_t mostLines,
                         std::optional<ListedTables> &known,
                         MadeListing &made) const {
  const uint64_t limit = std::min(mostLines, maxLines());
  llvm::raw_string_ostream os(made.text);
  TextPrinter text(plan.wording, plan.context, os);
  PartKeeper parts(made.parts);
  RunSink &sink = writer_.text() ? static_cast<RunSink &>(text) : parts;
  llvm::Expected<SelectedResult> result = list(plan, sink, limit, known);
  if (!result)
    return llvm::consumeError(result.takeError()); // as it will be in its turn
  made.isWhole = !result->isCut || limit == maxLines();
  made.result = std::move(*result);
}

llvm::Error ListingOutput::write(const ListingPlan &plan, const Task *task,
                                 const MadeListing *made) {
  if (namer_) {
    namer_->forgetAreas();
    if (task && task->mm.value && !task->isKernelThread)
      reportNames("areas-of-task", nameOf(*task) + ": memory areas",
                  namer_->readAreas(task->mm));
  }
  llvm::raw_ostream *os = writer_.text();
  TextPrinter text(plan.wording, plan.context, os ? *os : llvm::nulls());
  ListingRecords records(plan.wording, plan.context, writer_);
  RunSink &sink = os ? static_cast<RunSink &>(text) : records;
  SelectedResult result;
  if (made && made->isWhole) {
    if (os)
      *os << made->text;
    PartKeeper::replay(made->parts, sink);
    result = made->result;
  } else {
    llvm::Expected<SelectedResult> listed =
        list(plan, sink, maxLines(), known_);
    if (!listed)
      return listed.takeError();
    result = std::move(*listed);
  }
  hasWritten_ = true;
  lineCount_ += result.lineCount;
  if (!os)
    records.finish();
  if (result.isCut) {
    if (os)
      *os << "--- the listing ends here: " << maxLines()
          << " lines, see --max-lines ---\n";
    session_.gap("listing-cut", "the listing was ended after " +
                                    llvm::Twine(maxLines()) +
                                    " lines; --max-lines sets the limit");
  }
  reportGaps(result);
  return llvm::Error::success();
}

void ListingOutput::finish() {
  if (hasWritten_ && !selection_.isAll() && !lineCount_)
    session_.warn("no-lines", "no line of the listing is what --range, "
                              "--section and --only ask for");
}

/// Says what the listing had to leave out.
void ListingOutput::reportGaps(const ListingResult &result) {
  for (const AbsentTable &table : result.absentTables) {
    Subject subject;
    subject.physical = table.table;
    subject.virtualStart = table.at;
    session_.gap("table-absent",
                 "page table at physical " + hex(table.table) +
                     ", for addresses from " + hex(table.at) +
                     " on, is not in the dump (" +
                     getAbsenceName(table.absence) + ")",
                 subject);
  }
  if (result.absentTableCount)
    session_.gap(
        "tables-absent",
        llvm::Twine(result.absentTableCount) +
            (result.absentTableCount == 1 ? " table is" : " tables are") +
            " not in the dump; the listing shows each in its place");
  if (result.emptyTableCount)
    session_.warn(
        "tables-excluded",
        llvm::Twine(result.emptyTableCount) +
            (result.emptyTableCount == 1 ? " table was" : " tables were") +
            " excluded, as pages of zeros are, and read as empty");
}

llvm::Error writeListing(Session &session, const ListingChoice &options,
                         const ListingPlan &plan, RecordWriter &writer) {
  ListingOutput output(session, options, writer);
  if (llvm::Error error = output.prepare(plan))
    return error;
  if (llvm::Error error = output.write(plan))
    return error;
  output.finish();
  return llvm::Error::success();
}

} // namespace vmpt
