//===- Page.cpp - vmpt page: one page frame in full -----------------------===//
#include "views/Page.h"
#include "cli/Commands.h"
#include "cli/PageSession.h"
#include "support/Text.h"

#include <map>

namespace vmpt {

namespace {

class PageCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.addWithWords(parser, "DUMP PAGE",
                       "the memory dump, and page frame numbers or physical "
                       "addresses");
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addNumber("--max-lines", "N",
                     "name N places where the pages are mapped (100,000)",
                     maxLines_);
    output_.add(parser);
  }
  llvm::Error run(const CommandContext &context) override;

private:
  llvm::Expected<std::vector<uint64_t>> parseFrames(PageSession &pages) const;
  void findMappings(PageSession &pages,
                    llvm::MutableArrayRef<PageDetails> details) const;

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
  std::optional<uint64_t> maxLines_;
};

/// A number below the number of frames is a frame, a larger one an address;
/// "pfn:" or "phys:" in front says which.
llvm::Expected<std::vector<uint64_t>>
PageCommand::parseFrames(PageSession &pages) const {
  std::vector<uint64_t> frames;
  for (llvm::StringRef word : dump_.words) {
    const bool isFrame = word.consume_front("pfn:");
    const bool isAddress = !isFrame && word.consume_front("phys:");
    llvm::Expected<uint64_t> value = parseNumber(word, "PFN or PHYS");
    if (!value)
      return value.takeError();
    const bool isSmall = *value < pages.flags().map().frameCount();
    if (isFrame && *value > ~uint64_t(0) >> pages.pageShift())
      return llvm::make_error<UsageError>("frame " + hex(*value) +
                                          " has no physical address: that "
                                          "would not fit in 64 bits");
    frames.push_back(isFrame || (!isAddress && isSmall)
                         ? *value
                         : *value >> pages.pageShift());
  }
  return frames;
}

/// One pass over all tables for all pages.
void PageCommand::findMappings(
    PageSession &pages, llvm::MutableArrayRef<PageDetails> details) const {
  constexpr uint64_t defaultMaxLines = 100'000;
  const uint64_t limit = maxLines_.value_or(defaultMaxLines);
  Session &session = pages.session();
  // Without tasks the kernel's own mappings are still to be had.
  llvm::Expected<const TaskList &> tasks = pages.tasks();
  const TaskList none;
  if (!tasks)
    session.gap("task-list", tasks.takeError());
  else
    for (const std::string &problem : tasks->problems)
      session.gap("task-list", problem);

  std::vector<PhysicalRange> targets;
  std::multimap<uint64_t, PageDetails *> byFrame;
  const unsigned shift = pages.pageShift();
  for (PageDetails &page : details) {
    const PhysAddr first(page.facts.frame << shift);
    targets.push_back({first, first + lowBits(shift)});
    byFrame.insert({page.facts.frame, &page});
  }
  ReverseMap map(pages.kernel(), tasks ? *tasks : none);
  map.find(mergeRanges(std::move(targets)), limit,
           [&](const ReverseMapOwner &owner, const Mapping &mapping) {
             auto [first, end] =
                 byFrame.equal_range(mapping.physical.value >> shift);
             for (; first != end; ++first)
               first->second->mappings.push_back(
                   {owner, mapping, map.wayTo(owner, mapping.at)});
           });
  for (const std::string &problem : map.problems())
    session.gap("tables-absent", problem);
  if (map.isCut())
    session.gap("listing-cut",
                "only the first " + llvm::Twine(limit) +
                    " places where the pages are mapped are named; "
                    "--max-lines sets the limit");
  if (map.hasExcludedTables())
    session.warn("tables-excluded", "tables that were excluded, as pages of "
                                    "zeros are, were read as empty");
}

void reportProblems(Session &session, const PageDetails &details,
                    unsigned pageShift) {
  const std::string frame = "frame " + hex(details.facts.frame) + ": ";
  Subject subject;
  subject.physical = PhysAddr(details.facts.frame << pageShift);
  for (const std::string &problem : details.problems)
    session.gap("page-details", frame + problem, subject);
}

llvm::Error PageCommand::run(const CommandContext &context) {
  dump_.splitWords();
  if (dump_.words.empty())
    return llvm::make_error<UsageError>("page needs DUMP and a PFN or PHYS");
  auto writer = output_.createWriter("page", context.out());
  if (!writer)
    return writer.takeError();
  auto session = context.open(dump_, kernel_, symbols_);
  if (!session)
    return session.takeError();
  llvm::Expected<std::unique_ptr<PageSession>> created =
      PageSession::create(**session);
  if (!created)
    return (*session)->withFileName(created.takeError());
  PageSession &pages = **created;
  llvm::Expected<std::vector<uint64_t>> frames = parseFrames(pages);
  if (!frames)
    return frames.takeError();
  PageExplorer explorer(pages.kernel(), pages.flags());
  std::vector<PageDetails> details;
  for (uint64_t frame : *frames)
    details.push_back(explorer.explore(frame));
  findMappings(pages, details);
  PageView view(**writer, pages.version(), pages.kernel().image().mode);
  view.begin();
  for (const PageDetails &page : details) {
    view.add(page);
    pages.reportAbsent(page.facts);
    reportProblems(**session, page, pages.pageShift());
  }
  view.end();
  (*writer)->finish((*session)->diagnostics().findings());
  return llvm::Error::success();
}

} // namespace

const CommandInfo pageCommand = {
    "page", "print all that is known of a page frame",
    "Prints flags, counts, the compound page, the owner (file and offset, or "
    "anonymous), node, zone and cgroup of each page frame, then who maps it "
    "where, and through which tables. A number below the number of frames is a "
    "frame's, a larger one a physical address; pfn:N and phys:ADDR say which.",
    createCommand<PageCommand>};

} // namespace vmpt
