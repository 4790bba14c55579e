//===- Page.cpp - vmpt page: one page frame in full -----------------------===//
#include "views/Page.h"
#include "cli/Commands.h"
#include "cli/PageSession.h"
#include "support/Text.h"

namespace vmpt {

namespace {

class PageCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    output_.add(parser);
  }
  llvm::Error run(const CommandContext &context) override;

private:
  llvm::Error print(PageSession &pages, RecordWriter &writer) const;
  llvm::Expected<std::vector<uint64_t>> parseFrames(PageSession &pages) const;

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
  std::vector<std::string> words_;
};

llvm::Error PageCommand::run(const CommandContext &context) {
  // Further files of the dump come by --part: the words behind it are pages.
  if (dump_.files.size() > 1)
    words_.assign(dump_.files.begin() + 1, dump_.files.end());
  if (words_.empty())
    return llvm::make_error<UsageError>("page needs DUMP and a PFN or PHYS");
  dump_.files.resize(1);
  auto writer = output_.createWriter("page", context.out());
  if (!writer)
    return writer.takeError();
  auto session = context.open(dump_, kernel_, symbols_);
  if (!session)
    return session.takeError();
  llvm::Expected<std::unique_ptr<PageSession>> pages =
      PageSession::create(**session);
  if (!pages)
    return (*session)->withFileName(pages.takeError());
  if (llvm::Error error = print(**pages, **writer))
    return error;
  (*writer)->finish((*session)->diagnostics().findings());
  return llvm::Error::success();
}

/// A number below the number of frames is a frame, a larger one an address;
/// "pfn:" or "phys:" in front says which.
llvm::Expected<std::vector<uint64_t>>
PageCommand::parseFrames(PageSession &pages) const {
  std::vector<uint64_t> frames;
  for (llvm::StringRef word : words_) {
    const bool isFrame = word.consume_front("pfn:");
    const bool isAddress = !isFrame && word.consume_front("phys:");
    llvm::Expected<uint64_t> value = parseNumber(word, "PFN or PHYS");
    if (!value)
      return value.takeError();
    const bool isSmall = *value < pages.flags().map().frameCount();
    frames.push_back(isFrame || (!isAddress && isSmall)
                         ? *value
                         : *value >> pages.pageShift());
  }
  return frames;
}

llvm::Error PageCommand::print(PageSession &pages, RecordWriter &writer) const {
  llvm::Expected<std::vector<uint64_t>> frames = parseFrames(pages);
  if (!frames)
    return frames.takeError();
  PageExplorer explorer(pages.kernel(), pages.flags());
  PageView view(writer, pages.version(), pages.pageShift());
  view.begin();
  for (uint64_t frame : *frames) {
    const PageDetails details = explorer.explore(frame);
    // Here facts of other rooms join: which tables and processes map the page.
    view.write(view.make(details));
    pages.reportAbsent(details.facts);
    Subject subject;
    subject.physical = PhysAddr(frame << pages.pageShift());
    for (const std::string &problem : details.problems)
      pages.session().gap("page-details",
                          "frame " + hex(frame) + ": " + problem, subject);
  }
  view.end();
  return llvm::Error::success();
}

} // namespace

const CommandInfo pageCommand = {
    "page", "print all that is known of a page frame",
    "Prints flags, counts, the compound page, the owner (file and offset, or "
    "anonymous), node, zone and cgroup of each page frame. A number below the "
    "number of frames is a frame's, a larger one a physical address; pfn:N and "
    "phys:ADDR say which. Further files of the dump are named by --part.",
    createCommand<PageCommand>};

} // namespace vmpt
