//===- ReverseMap.cpp - vmpt rmap: who maps a physical address ------------===//
#include "views/ReverseMap.h"
#include "cli/Commands.h"
#include "support/Text.h"

namespace vmpt {

namespace {

/// "0x1234", or "0x1000-0x3000", whose end is the first address behind.
llvm::Expected<PhysicalRange> parseRange(llvm::StringRef word) {
  auto [start, end] = word.split('-');
  llvm::Expected<uint64_t> first = parseNumber(start, "physical address");
  if (!first)
    return first.takeError();
  if (start.size() == word.size())
    return PhysicalRange{PhysAddr(*first), PhysAddr(*first)};
  llvm::Expected<uint64_t> behind = parseNumber(end, "end of the range");
  if (!behind)
    return behind.takeError();
  if (*behind <= *first)
    return llvm::make_error<UsageError>(
        "range '" + word + "' is empty; B in A-B is the first address behind");
  return PhysicalRange{PhysAddr(*first), PhysAddr(*behind - 1)};
}

class ReverseMapCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.addWithWords(parser, "DUMP PHYS",
                       "the memory dump, and physical addresses or ranges A-B");
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addFlag("--duplicates",
                   "all that is mapped more than once with different rights",
                   duplicates_);
    parser.addNumber("--max-lines", "N", "end after N mappings (20 million)",
                     maxLines_);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override;

private:
  llvm::Expected<std::vector<PhysicalRange>> parseTargets() const;
  void print(Session &session, const Kernel &kernel, const TaskList &tasks,
             std::vector<PhysicalRange> targets, RecordWriter &writer) const;

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
  bool duplicates_ = false;
  std::optional<uint64_t> maxLines_;
};

llvm::Expected<std::vector<PhysicalRange>>
ReverseMapCommand::parseTargets() const {
  if (dump_.words.empty() != duplicates_)
    return llvm::make_error<UsageError>(
        "rmap needs physical addresses, or else --duplicates");
  std::vector<PhysicalRange> targets;
  for (const std::string &word : dump_.words) {
    llvm::Expected<PhysicalRange> range = parseRange(word);
    if (!range)
      return range.takeError();
    targets.push_back(*range);
  }
  return mergeRanges(std::move(targets));
}

void ReverseMapCommand::print(Session &session, const Kernel &kernel,
                              const TaskList &tasks,
                              std::vector<PhysicalRange> targets,
                              RecordWriter &writer) const {
  constexpr uint64_t defaultMaxLines = 20'000'000;
  const uint64_t limit = maxLines_.value_or(defaultMaxLines);
  ReverseMap map(kernel, tasks);
  if (duplicates_)
    targets = map.findDuplicates();
  ReverseMapView view(writer);
  map.find(targets, limit,
           [&](const ReverseMapOwner &owner, const Mapping &mapping) {
             view.add(owner, mapping);
           });
  view.finish();
  for (const std::string &problem : map.problems())
    session.gap("tables-absent", problem);
  if (map.isCut())
    session.gap("listing-cut", "the output was ended after " +
                                   llvm::Twine(limit) +
                                   " mappings; --max-lines sets the limit");
  if (map.hasExcludedTables())
    session.warn("tables-excluded", "tables that were excluded, as pages of "
                                    "zeros are, were read as empty");
}

llvm::Error ReverseMapCommand::run(const CommandContext &context) {
  dump_.splitWords();
  llvm::Expected<std::vector<PhysicalRange>> targets = parseTargets();
  if (!targets)
    return targets.takeError();
  auto writer = output_.createWriter("rmap", context.out());
  if (!writer)
    return writer.takeError();
  auto session = context.open(dump_, kernel_, symbols_);
  if (!session)
    return session.takeError();
  llvm::Expected<const Kernel &> kernel = (*session)->kernel();
  if (!kernel)
    return kernel.takeError();
  // Without tasks the kernel's own mappings are still to be had.
  llvm::Expected<TaskList> tasks =
      readTaskList(*kernel, {/*withThreads=*/true});
  TaskList none;
  if (!tasks)
    (*session)->gap("task-list", tasks.takeError());
  else
    for (const std::string &problem : tasks->problems)
      (*session)->gap("task-list", problem);
  print(**session, *kernel, tasks ? *tasks : none, std::move(*targets),
        **writer);
  (*writer)->finish((*session)->diagnostics().findings());
  return llvm::Error::success();
}

} // namespace

const CommandInfo rmapCommand = {
    "rmap", "list who maps physical addresses, and where",
    "Prints every virtual address of the kernel and of each process that maps "
    "one of the physical addresses, with the page's size and what may be done "
    "with it. A range has a line for each page.",
    createCommand<ReverseMapCommand>};

} // namespace vmpt
