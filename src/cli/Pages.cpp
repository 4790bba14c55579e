//===- Pages.cpp - vmpt pages: page-types and /proc/PID/pagemap -----------===//
#include "cli/Commands.h"
#include "reports/PageSession.h"
#include "views/PageTypes.h"
#include "views/Pagemap.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

class PagesCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override;
  llvm::Error run(const CommandContext &context) override;

private:
  llvm::Error check() const;
  llvm::Error print(Session &session, RecordWriter &writer);
  void printProcess(PageSession &pages, const Task &task,
                    RecordWriter &writer) const;
  void printPagemap(PageSession &pages, const Task &task,
                    RecordWriter &writer) const;
  void printBinary(PageSession &pages, const Task &task) const;
  void printAll(PageSession &pages, RecordWriter &writer) const;
  void finish(PageSession &pages, PageTypesView &view) const;
  PageTypesOptions viewOptions() const;

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
  std::optional<uint64_t> pid_;
  bool list_ = false, listEach_ = false, raw_ = false, noSummary_ = false,
       count_ = false, pagemap_ = false, binary_ = false;
};

void PagesCommand::addOptions(OptionParser &parser) {
  dump_.add(parser);
  kernel_.add(parser);
  symbols_.add(parser);
  parser.addNumber("--pid", "N",
                   "the pages that a process maps (page-types -p)", pid_);
  parser.addFlag("--list", "pages in ranges (page-types -l)", list_);
  parser.addFlag("--list-each", "each page (page-types -L)", listEach_);
  parser.addFlag("--raw", "flags for kernel developers too (page-types -r)",
                 raw_);
  parser.addFlag("--no-summary", "no summary (page-types -N)", noSummary_);
  parser.addFlag("--count", "how often each page is mapped", count_);
  parser.addFlag("--pagemap", "entries of /proc/PID/pagemap that are not zero",
                 pagemap_);
  parser.addFlag("--binary", "with --pagemap: the file's bytes", binary_);
  output_.add(parser);
}

llvm::Error PagesCommand::check() const {
  if (list_ && listEach_)
    return llvm::make_error<UsageError>(
        "pages takes one of --list and --list-each");
  if (pagemap_ && !pid_)
    return llvm::make_error<UsageError>("--pagemap needs --pid N");
  if (pagemap_ && (list_ || listEach_ || raw_ || noSummary_))
    return llvm::make_error<UsageError>(
        "--pagemap goes with --pid, --count, --binary and --format alone");
  if ((count_ && !pagemap_) || noSummary_)
    if (!list_ && !listEach_)
      return llvm::make_error<UsageError>(
          std::string(count_ ? "--count" : "--no-summary") +
          " goes with --list, --list-each" + (count_ ? " or --pagemap" : "") +
          "; the summary has no pages");
  if (binary_ && !pagemap_)
    return llvm::make_error<UsageError>("--binary needs --pagemap");
  if (binary_ && (output_.format || count_))
    return llvm::make_error<UsageError>(
        "--binary has neither a --format nor a --count");
  return llvm::Error::success();
}

PageTypesOptions PagesCommand::viewOptions() const {
  PageTypesOptions options;
  options.list = list_       ? PageTypesOptions::List::Ranges
                 : listEach_ ? PageTypesOptions::List::Each
                             : PageTypesOptions::List::None;
  options.isRaw = raw_;
  options.hasSummary = !noSummary_;
  options.hasCounts = count_;
  options.isOfProcess = pid_.has_value();
  return options;
}

llvm::Error PagesCommand::run(const CommandContext &context) {
  if (llvm::Error error = check())
    return error;
  auto writer = output_.createWriter("pages", context.out());
  if (!writer)
    return writer.takeError();
  auto session = context.open(dump_, kernel_, symbols_);
  if (!session)
    return session.takeError();
  return print(**session, **writer);
}

llvm::Error PagesCommand::print(Session &session, RecordWriter &writer) {
  llvm::Expected<std::unique_ptr<PageSession>> pages =
      PageSession::create(session);
  if (!pages)
    return session.endWith(pages.takeError());
  const Task *task = nullptr;
  if (pid_) {
    llvm::Expected<const Task *> found = (*pages)->findTask(*pid_);
    if (!found)
      return session.endWith(found.takeError());
    task = *found;
  }
  if (binary_) {
    printBinary(**pages, *task);
    (*pages)->reportAbsentPages();
    return llvm::Error::success();
  }
  if (task)
    writer.context("pid", uint64_t(task->pid));
  if (pagemap_)
    printPagemap(**pages, *task, writer);
  else if (task)
    printProcess(**pages, *task, writer);
  else
    printAll(**pages, writer);
  (*pages)->reportAbsentPages();
  writer.finish(session.finalFindings());
  return llvm::Error::success();
}

void PagesCommand::printPagemap(PageSession &pages, const Task &task,
                                RecordWriter &writer) const {
  PagemapView view(writer, pages.pageShift());
  view.begin();
  pages.readPagemap(task, [&](const PagemapRun &run) {
    std::optional<uint64_t> mapCount;
    if (count_ && pagemapFrame(run.entry))
      mapCount =
          pages.flags().count(pages.flags().look(pagemapFrame(run.entry)));
    if (!run.isTableAbsent)
      view.add(run, mapCount);
  });
  view.end();
}

/// Area by area, in the kernel's byte order.
void PagesCommand::printBinary(PageSession &pages, const Task &task) const {
  llvm::raw_ostream &os = pages.session().out();
  const ByteOrder order = pages.byteOrder();
  pages.readPagemap(task, [&](const PagemapRun &run) {
    const uint64_t stored =
        order == ByteOrder::native ? run.entry : byteSwap(run.entry);
    for (uint64_t i = 0; i < run.pageCount; ++i)
      os.write(reinterpret_cast<const char *>(&stored), sizeof stored);
  });
}

void PagesCommand::printProcess(PageSession &pages, const Task &task,
                                RecordWriter &writer) const {
  PageTypesView view(writer, pages.version(), pages.pageShift(), viewOptions());
  view.begin();
  pages.readPagemap(task, [&](const PagemapRun &run) {
    if (run.isTableAbsent)
      return;
    PageTypesRow row;
    row.virtualPage = run.start.value >> pages.pageShift();
    row.pagemapEntry = run.entry;
    if (const uint64_t frame = pagemapFrame(run.entry)) {
      const PageFacts facts = pages.look(frame);
      row.frame = frame;
      row.flags = pages.flags().flags(facts);
      row.mapCount = pages.flags().count(facts);
      if (facts.state != PageFacts::State::Absent)
        view.add(row);
    }
    if (run.entry >> PmSwap & 1) {
      row.frame = pagemapSwapOffset(run.entry);
      row.flags = row.mapCount = 0;
      row.isSwap = true;
      view.add(row);
    }
  });
  finish(pages, view);
}

/// Frame by frame, as /proc/kpageflags has them.
void PagesCommand::printAll(PageSession &pages, RecordWriter &writer) const {
  // linux tools/mm/page-types.c KPAGEFLAGS_BATCH: each batch begins anew with
  // virtual page 0, so no range reaches across.
  constexpr uint64_t batch = 64 << 10;
  PageTypesView view(writer, pages.version(), pages.pageShift(), viewOptions());
  view.begin();
  pages.visitFrames([&](const PageFacts &facts, uint64_t count) {
    PageTypesRow row;
    row.flags = pages.flags().flags(facts);
    row.mapCount = pages.flags().count(facts);
    for (uint64_t done = 0; done < count;) {
      row.frame = facts.frame + done;
      row.virtualPage = row.frame % batch;
      const uint64_t now = std::min(count - done, batch - row.virtualPage);
      view.add(row, now);
      done += now;
    }
  });
  finish(pages, view);
}

void PagesCommand::finish(PageSession &pages, PageTypesView &view) const {
  view.end();
  if (view.unnamed())
    pages.session().gap(
        "flag-without-name",
        "page-types of this kernel has no name for the flag bits in " +
            hex(view.unnamed()) + ", and would have stopped there");
  if (view.isFull())
    pages.session().gap(
        "too-many-flags",
        "more combinations of flags than page-types can count; the "
        "total has them, the rows do not");
}

} // namespace

const CommandInfo pagesCommand = {
    "pages", "print page flags as page-types does, or /proc/PID/pagemap",
    "Prints what the kernel's tool page-types would have printed at the "
    "moment of the dump: a summary over all of memory or, with --pid, over "
    "what a process maps; with --list and --list-each the pages. --pagemap "
    "prints the entries of /proc/PID/pagemap instead, each with what its bits "
    "say; --binary the bytes of that file, memory area after memory area.",
    createCommand<PagesCommand>};

} // namespace vmpt
