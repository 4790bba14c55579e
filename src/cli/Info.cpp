//===- Info.cpp - vmpt info: the dump, and how that is known --------------===//
#include "cli/Command.h"
#include "cli/Commands.h"
#include "reports/Reports.h"

namespace vmpt {

namespace {

class InfoCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addFlag("--sources",
                   "also where symbols and struct layouts come from",
                   parts_.sources);
    parser.addFlag("--evidence",
                   "also all that was tried, and every message in full",
                   parts_.evidence);
    parser.addFlag("--kernels",
                   "look for all kernels in memory, however large it is",
                   parts_.kernels);
    parser.addFlag("--verify",
                   "also read every page: which are zeros, which are broken",
                   parts_.verify);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("info", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    if (llvm::Error error = reportInfo(**session, parts_, **writer))
      return error;
    (*writer)->finish((*session)->finalFindings());
    return llvm::Error::success();
  }

private:
  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
  InfoParts parts_;
};

} // namespace

const CommandInfo infoCommand = {
    "info", "say what the dump is, and how that is known",
    "Prints the container and what it lacks, physical memory, registers, and "
    "every fact about the kernel with where it came from.",
    createCommand<InfoCommand>};

} // namespace vmpt
