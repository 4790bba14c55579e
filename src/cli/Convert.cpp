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
    if (llvm::Error error = file_.check("convert"))
      return error;
    llvm::Expected<Request> request = makeRequest(dump_, kernel_);
    if (!request)
      return request.takeError();
    llvm::Expected<Output> output = file_.create(*request);
    if (!output)
      return output.takeError();
    auto session = context.openRequest(std::move(*request));
    if (!session)
      return session.takeError();
    return convertDump(**session, *output);
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
