//===- Trim.cpp - vmpt trim: the pages that matter, and no others ---------===//
#include "session/Trim.h"
#include "cli/Commands.h"

namespace vmpt {

namespace {

class TrimCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addFlag("--tasks", "also keep what tasks, task and maps read",
                   trim_.tasks);
    parser.addFlag("--log", "also keep what log, modules and vmalloc read",
                   trim_.log);
    parser.addFlag("--pages",
                   "also keep what pages and page read: about a 64th of memory",
                   trim_.pages);
    file_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    const Needs needs = {.names = trim_.tasks || trim_.log || trim_.pages,
                         .with = "--tasks, --log and --pages"};
    auto opened =
        context.openForOutput("trim", file_, dump_, kernel_, symbols_, needs);
    if (!opened)
      return opened.takeError();
    return trimDump(*opened->session, opened->output, trim_);
  }

private:
  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  FileOptions file_;
  TrimOptions trim_;
};

} // namespace

const CommandInfo trimCommand = {
    "trim", "cut a minimal vmcore for the listing",
    "Writes an ELF vmcore with the notes and only those pages that info and "
    "kernel read, so that both print the same from it.",
    createCommand<TrimCommand>};

} // namespace vmpt
