//===- ReverseMap.cpp - vmpt rmap: who maps a physical address ------------===//
#include "cli/AddressWords.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "reports/Reports.h"
#include "support/Text.h"

namespace vmpt {

namespace {

/// "0x1234", or "0x1000-0x3000".
llvm::Expected<PhysicalRange> parseTarget(llvm::StringRef word) {
  if (word.contains('-')) {
    llvm::Expected<AddressRange> range = parseRange(word, "range");
    if (!range)
      return range.takeError();
    return PhysicalRange{PhysAddr(range->first), PhysAddr(range->last)};
  }
  llvm::Expected<uint64_t> at = parseNumber(word, "physical address");
  if (!at)
    return at.takeError();
  return PhysicalRange{PhysAddr(*at), PhysAddr(*at)};
}

class ReverseMapCommand final : public KernelReport {
public:
  ReverseMapCommand() : KernelReport("rmap") {}

  void addDumpOptions(DumpOptions &dump, OptionParser &parser) override {
    dump.addWithWords(parser, "DUMP PHYS",
                      "the memory dump, and physical addresses or ranges A-B");
  }
  void addOwnOptions(OptionParser &parser) override {
    parser.addFlag("--duplicates",
                   "all that is mapped more than once with different rights",
                   duplicates_);
    parser.addNumber("--max-lines", "N", "end after N mappings (20 million)",
                     maxLines_);
  }
  llvm::Error check(RecordWriter &) override;
  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    reportMappings(session, kernel, targets_, maxLines_, writer);
    return llvm::Error::success();
  }

private:
  std::vector<PhysicalRange> targets_;
  bool duplicates_ = false;
  std::optional<uint64_t> maxLines_;
};

llvm::Error ReverseMapCommand::check(RecordWriter &) {
  if (words().empty() != duplicates_)
    return llvm::make_error<UsageError>(
        "rmap needs physical addresses, or else --duplicates");
  for (const std::string &word : words()) {
    llvm::Expected<PhysicalRange> range = parseTarget(word);
    if (!range)
      return range.takeError();
    targets_.push_back(*range);
  }
  targets_ = mergeRanges(std::move(targets_));
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
