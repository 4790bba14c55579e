//===- Page.cpp - vmpt page: one page frame in full -----------------------===//
#include "cli/Commands.h"
#include "reports/Reports.h"
#include "support/Text.h"

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
    return (*session)->endWith(created.takeError());
  PageSession &pages = **created;
  llvm::Expected<std::vector<uint64_t>> frames = parseFrames(pages);
  if (!frames)
    return frames.takeError();
  reportFrames(pages, *frames, maxLines_, **writer);
  (*writer)->finish((*session)->finalFindings());
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
