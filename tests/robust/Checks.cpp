#include "Checks.h"

#include "CountingStream.h"
#include "analysis/MapsReader.h"
#include "paging/Translate.h"
#include "views/Maps.h"

namespace vmpt::robust {

namespace {

constexpr uint64_t maxLines = 20000;

class RunCollector final : public RunSink {
public:
  explicit RunCollector(RunSink *next = nullptr) : next_(next) {}

  void section(llvm::StringRef name) override {
    if (next_)
      next_->section(name);
  }
  void run(const Run &run) override {
    runs.push_back(run);
    if (next_)
      next_->run(run);
  }
  void skipped(uint64_t count) override {
    if (next_)
      next_->skipped(count);
  }

  std::vector<Run> runs;

private:
  RunSink *next_;
};

struct Piece {
  VirtAddr first, last;
  RunState state;

  bool operator==(const Piece &) const = default;
};

/// What is listed outside of \p spans, neighbours of one state joined: where
/// lines break depends on their neighbours.
std::vector<Piece> listOutside(llvm::ArrayRef<Run> runs,
                               llvm::ArrayRef<Span> spans) {
  std::vector<Piece> pieces;
  auto add = [&](VirtAddr first, VirtAddr last, const RunState &state) {
    if (!pieces.empty() && pieces.back().state == state &&
        pieces.back().last + 1 == first)
      pieces.back().last = last;
    else
      pieces.push_back({first, last, state});
  };
  for (const Run &run : runs) {
    VirtAddr first(run.start);
    const VirtAddr last = VirtAddr(run.end) - 1;
    bool isDone = false;
    for (const Span &span : spans) { // ascending
      if (span.last < first || span.first > last)
        continue;
      if (span.first > first)
        add(first, span.first - 1, run.state);
      isDone = span.last >= last;
      if (isDone)
        break;
      first = span.last + 1;
    }
    if (!isDone)
      add(first, last, run.state);
  }
  return pieces;
}

std::string describe(const Piece &piece) {
  return hex(piece.first) + "-" + hex(piece.last) + " level " +
         std::to_string(piece.state.level) + " " + hex(piece.state.attributes);
}

std::optional<std::string> compare(llvm::ArrayRef<Piece> before,
                                   llvm::ArrayRef<Piece> after) {
  if (before == after)
    return std::nullopt;
  size_t i = 0;
  while (i < before.size() && i < after.size() && before[i] == after[i])
    ++i;
  return "outside of the damage the listing had " +
         (i < before.size() ? describe(before[i]) : "nothing more") +
         ", and now has " + (i < after.size() ? describe(after[i]) : "nothing");
}

/// The parts of \p ranges around \p span.
std::vector<ListedRange> clip(llvm::ArrayRef<ListedRange> all,
                              const Span &span) {
  const uint64_t around = span.last - span.first + 0x10000;
  const VirtAddr first(span.first.value > around ? span.first.value - around
                                                 : 0),
      last(span.last.value + around > span.last.value ? span.last.value + around
                                                      : ~uint64_t(0));
  std::vector<ListedRange> ranges;
  for (ListedRange range : all) {
    if (range.last < first || range.first > last)
      continue;
    range.first = std::max(range.first, first);
    range.last = std::min(range.last, last);
    ranges.push_back(range);
  }
  return ranges;
}

/// False if there is no listing, or not all of it.
bool list(const ListingPlan &plan, const PhysicalMemory &memory,
          RunSink &sink) {
  llvm::Expected<ListingResult> result =
      runListing(plan, memory, sink, maxLines);
  if (result)
    return !result->isCut;
  llvm::consumeError(result.takeError());
  return false;
}

/// What all mutants of a specimen are compared with.
struct SoundListing {
  explicit SoundListing(const Specimen &specimen)
      : plan(specimen.plan()), ranges(plan.ranges) {
    // Which lines a section leaves out depends on how many it has.
    for (AddressMarker &marker : plan.markers)
      marker.maxLines = 0;
  }

  /// Those in the ranges of the plan, which is clipped; edges may be off.
  llvm::ArrayRef<Run> runsInPlan() const {
    const uint64_t first = plan.ranges.front().first.value,
                   last = plan.ranges.back().last.value;
    auto begin = llvm::partition_point(
        runs, [&](const Run &run) { return run.end && run.end <= first; });
    auto end = std::partition_point(
        begin, runs.end(), [&](const Run &run) { return run.start <= last; });
    return llvm::ArrayRef<Run>(runs).slice(size_t(begin - runs.begin()),
                                           size_t(end - begin));
  }

  ListingPlan plan;
  const std::vector<ListedRange> ranges; ///< Of the whole listing.
  std::vector<Run> runs;
  bool isWhole = false; ///< The runs are all that there are.
};

SoundListing &soundListingOf(Specimen &specimen) {
  static std::map<const Specimen *, SoundListing> known;
  auto [at, isNew] = known.try_emplace(&specimen, specimen);
  SoundListing &sound = at->second;
  if (isNew) {
    RunCollector collector;
    sound.isWhole = list(sound.plan, specimen.session().memory(), collector);
    sound.runs = std::move(collector.runs);
  }
  return sound;
}

struct Row {
  VirtAddr address;
  std::string text;
};
struct Rows {
  std::vector<Row> rows;
  std::vector<std::string> problems;
};

/// \p damaged, whose line may change; null: nothing is known of whose it is.
std::optional<std::string> compare(const Rows &before, const Rows &after,
                                   const KnownObject *damaged) {
  if (before.problems != after.problems)
    return std::nullopt; // it is said
  auto find = [](const Rows &rows, VirtAddr address) -> const Row * {
    for (const Row &row : rows.rows)
      if (row.address == address)
        return &row;
    return nullptr;
  };
  for (const Row &row : before.rows) {
    const Row *now = find(after, row.address);
    if (damaged && damaged->address == row.address)
      continue;
    if (!now)
      return "lost without a word: " + row.text;
    if (damaged && now->text != row.text)
      return "was " + row.text + ", is " + now->text;
  }
  for (const Row &row : after.rows)
    if (!find(before, row.address))
      return "invented: " + row.text;
  return std::nullopt;
}

std::optional<Rows> readTasks(const Kernel &kernel) {
  llvm::Expected<TaskList> list = readTaskList(kernel, {/*withThreads=*/true});
  if (!list) {
    llvm::consumeError(list.takeError());
    return std::nullopt;
  }
  Rows rows;
  rows.problems = list->problems;
  for (const Task &task : list->tasks) // the parent's name is not its own
    rows.rows.push_back(
        {task.address, std::to_string(task.pid) + " " +
                           std::to_string(task.tgid) + " " + task.state + " " +
                           hex(task.mm) + " " +
                           (task.root ? hex(*task.root) : task.rootProblem) +
                           " " + task.comm});
  return rows;
}

std::optional<Rows> readAreas(const Kernel &kernel, VirtAddr mm) {
  llvm::Expected<MapsReader> maps = MapsReader::create(kernel);
  llvm::Expected<MapsListing> listing =
      maps ? maps->read(mm) : llvm::Expected<MapsListing>(maps.takeError());
  if (!listing) {
    llvm::consumeError(listing.takeError());
    return std::nullopt;
  }
  Rows rows;
  rows.problems = listing->problems;
  for (const MapsRow &row : listing->rows) {
    std::string text;
    llvm::raw_string_ostream os(text);
    printMapsRow(os, row, kernel.image().wordBytes());
    rows.rows.push_back({row.start, os.str()});
  }
  return rows;
}

} // namespace

/// The last address of the line that \p last is in, as far as Linux's walker
/// passes over what follows without a word.
static VirtAddr endOfPassedOver(const Specimen &specimen,
                                const PhysicalMemory &memory, VirtAddr last) {
  const PagingMode &mode = specimen.image().mode;
  constexpr unsigned maxEntries = 4096;
  for (unsigned i = 0; i < maxEntries; ++i) {
    const VirtAddr at = last + 1;
    PhysAddr table = specimen.image().root;
    unsigned level = 0;
    uint64_t entry = 0;
    for (; level < mode.lastLevel(); ++level) {
      const EntryRule &rule = specimen.plan().entryRules[level];
      const PhysAddr place =
          table + uint64_t(mode.indexOf(at, level)) * mode.entryBytes;
      if (readEntry(memory, mode, place, entry) || rule.isHole(entry) ||
          rule.isLeaf(entry))
        return last;
      if (rule.isPassedOver(entry))
        break;
      table = mode.decode(entry, level).address;
    }
    if (level == mode.lastLevel() || at == VirtAddr(0))
      return last;
    last = VirtAddr(at.value | (mode.entrySpan(level) - 1));
  }
  return last;
}

/// What depends on where the listing begins and ends.
static void addUncompared(const ListingPlan &plan, std::vector<Span> &spans) {
  // x86's first line begins at 0, and the last ends at 2^64, whatever the
  // first and the last address.
  VirtAddr begin(~uint64_t(0)), last(0);
  for (const ListedRange &range : plan.ranges) {
    begin = std::min(begin, range.first);
    last = std::max(last, range.last);
  }
  if (begin.value)
    spans.push_back({VirtAddr(0), begin - 1});
  if (last != VirtAddr(~uint64_t(0)))
    spans.push_back({last + 1, VirtAddr(~uint64_t(0))});
  llvm::sort(spans,
             [](const Span &a, const Span &b) { return a.first < b.first; });
}

CheckResult checkTable(Specimen &specimen, Random &random, bool isWhole) {
  llvm::ArrayRef<Target> targets = specimen.targets(Part::Table);
  if (targets.empty())
    return {};
  const Target &target = random.pick(targets);
  const KnownTable &table = *specimen.findTable(target.offset);
  const PagingMode &mode = specimen.image().mode;
  // The first of two short descriptors of 32-bit Arm decides for both.
  const unsigned together =
      mode.arch == Arch::Arm && mode.entryBytes == 4 && table.level == 0 ? 2
                                                                         : 1;
  const uint64_t index =
      (target.offset - table.offset) / mode.entryBytes / together * together;
  const uint64_t span = mode.entrySpan(table.level) * together;
  std::vector<Span> spans;
  for (VirtAddr base : table.bases) {
    const VirtAddr first = base + (index << mode.levels[table.level].shift);
    spans.push_back({first, first + (span - 1)});
  }
  SoundListing &sound = soundListingOf(specimen);
  ListingPlan &plan = sound.plan;
  plan.ranges = isWhole ? sound.ranges : clip(sound.ranges, random.pick(spans));
  if (plan.ranges.empty())
    return {};
  const PhysicalMemory &memory = specimen.session().memory();
  CheckResult result;
  result.damage = mutate(specimen.file(), target, targets, random);
  CountingStream text;
  TextPrinter printer(plan.wording, plan.context, text);
  RunCollector after(isWhole ? &printer : nullptr);
  const bool isListed = list(plan, memory, after);
  specimen.file().restore();
  if (!isListed || table.isAmbiguous)
    return result;
  for (Span &own : spans)
    own.last = endOfPassedOver(specimen, memory, own.last);
  addUncompared(plan, spans);
  const std::vector<Piece> now = listOutside(after.runs, spans);
  if (sound.isWhole && listOutside(sound.runsInPlan(), spans) == now)
    return result;
  RunCollector before;
  if (list(plan, memory, before))
    result.fault = compare(listOutside(before.runs, spans), now);
  return result;
}

CheckResult checkTasks(Specimen &specimen, Random &random) {
  llvm::ArrayRef<Target> targets = specimen.targets(Part::Task);
  if (targets.empty() || !specimen.kernel())
    return {};
  const Target &target = random.pick(targets);
  static std::map<const Specimen *, std::optional<Rows>> known;
  auto [before, isNew] = known.try_emplace(&specimen);
  if (isNew)
    before->second = readTasks(*specimen.kernel());
  CheckResult result;
  result.damage = mutate(specimen.file(), target, targets, random);
  std::optional<Rows> after = readTasks(*specimen.kernel());
  specimen.file().restore();
  if (before->second && after)
    result.fault = compare(*before->second, *after,
                           specimen.findObject(Part::Task, target.offset));
  return result;
}

CheckResult checkAreas(Specimen &specimen, Random &random) {
  llvm::ArrayRef<Target> targets = specimen.targets(Part::Area);
  if (targets.empty() || specimen.processes().empty())
    return {};
  const Target &target = random.pick(targets);
  const KnownObject *damaged = specimen.findObject(Part::Area, target.offset);
  llvm::ArrayRef<VirtAddr> processes = specimen.processes();
  const VirtAddr mm = random.pick(processes);
  static std::map<std::pair<const Specimen *, uint64_t>, std::optional<Rows>>
      known;
  auto [at, isNew] = known.try_emplace({&specimen, mm.value});
  if (isNew)
    at->second = readAreas(*specimen.kernel(), mm);
  const std::optional<Rows> &before = at->second;
  CheckResult result;
  result.damage = mutate(specimen.file(), target, targets, random);
  std::optional<Rows> after = readAreas(*specimen.kernel(), mm);
  specimen.file().restore();
  if (!before || !after || before->problems != after->problems)
    return result;
  // An area has one line, whose beginning may have moved.
  size_t changed = 0;
  std::string first;
  for (size_t i = 0; i < before->rows.size() && i < after->rows.size(); ++i)
    if (before->rows[i].text != after->rows[i].text && ++changed == 1)
      first = before->rows[i].text + " became " + after->rows[i].text;
  if (before->rows.size() != after->rows.size())
    result.fault = "there were " + std::to_string(before->rows.size()) +
                   " areas, and now " + std::to_string(after->rows.size());
  else if (damaged && changed > 1)
    result.fault = "one area was damaged, and " + std::to_string(changed) +
                   " lines changed: " + first;
  return result;
}

} // namespace vmpt::robust
