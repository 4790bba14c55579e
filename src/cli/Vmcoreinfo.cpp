//===- Vmcoreinfo.cpp - vmpt vmcoreinfo -----------------------------------===//
#include "cli/Commands.h"
#include "views/Bytes.h"

namespace vmpt {

namespace {

class VmcoreinfoCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.addVmcoreinfo(parser);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("vmcoreinfo", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_);
    if (!session)
      return session.takeError();
    llvm::Expected<std::string> text = findText(**session);
    if (!text)
      return text.takeError();
    writeVmcoreinfo(**writer, *text);
    (*writer)->finish((*session)->finalFindings());
    return llvm::Error::success();
  }

private:
  static llvm::Expected<std::string> findText(Session &session) {
    const auto &text = session.dump().vmcoreinfo;
    const KernelOverrides &overrides = session.request().kernel;
    if (text && overrides.given().empty() && !overrides.kernelNumber)
      return *text;
    llvm::Expected<const KernelImage &> kernel = session.image();
    if (!kernel)
      return kernel.takeError();
    if (kernel->vmcoreinfo.text().empty())
      return session.withFileName(llvm::make_error<LookupError>(
          "no VMCOREINFO in the notes, nor at the start of any page of "
          "memory"));
    return kernel->vmcoreinfo.text().str();
  }

  DumpOptions dump_;
  KernelOptions kernel_;
  OutputOptions output_;
};

} // namespace

const CommandInfo vmcoreinfoCommand = {
    "vmcoreinfo", "print the kernel's VMCOREINFO text",
    "Prints VMCOREINFO as it is in the dump: the note, or what a scan of "
    "memory finds; with --vmcoreinfo the text of FILE, if it fits the dump.",
    createCommand<VmcoreinfoCommand>};

} // namespace vmpt
