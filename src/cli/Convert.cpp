//===- Convert.cpp - vmpt convert: all of the memory as an ELF vmcore -----===//
#include "session/Convert.h"
#include "cli/Commands.h"

namespace vmpt {

namespace {

class ConvertCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    file_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto opened = context.openForOutput("convert", file_, dump_, kernel_);
    if (!opened)
      return opened.takeError();
    return convertDump(*opened->session, opened->output);
  }

private:
  DumpOptions dump_;
  KernelOptions kernel_;
  FileOptions file_;
};

} // namespace

const CommandInfo convertCommand = {
    "convert", "write all of the memory as an ELF vmcore",
    "Writes an ELF vmcore that other tools can read, whatever the dump is: "
    "all pages, every note, and the VMCOREINFO that was found.",
    createCommand<ConvertCommand>};

} // namespace vmpt
