//===- Vmcoreinfo.cpp - vmpt vmcoreinfo -----------------------------------===//
#include "cli/Commands.h"

namespace vmpt {

namespace {

class VmcoreinfoCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.addVmcoreinfo(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto session = context.open(dump_, kernel_);
    if (!session)
      return session.takeError();
    if (const auto &text = (*session)->dump().vmcoreinfo) {
      context.out() << *text;
      return llvm::Error::success();
    }
    llvm::Expected<const KernelImage &> kernel = (*session)->kernel();
    if (!kernel)
      return kernel.takeError();
    if (kernel->vmcoreinfo.text().empty())
      return (*session)->withFileName(llvm::make_error<LookupError>(
          "no VMCOREINFO in the notes, nor at the start of any page of "
          "memory"));
    context.out() << kernel->vmcoreinfo.text();
    return llvm::Error::success();
  }

private:
  DumpOptions dump_;
  KernelOptions kernel_;
};

} // namespace

const CommandInfo vmcoreinfoCommand = {
    "vmcoreinfo", "print the kernel's VMCOREINFO text",
    "Prints VMCOREINFO as it is in the dump: the note, or what a scan of "
    "memory finds.",
    createCommand<VmcoreinfoCommand>};

} // namespace vmpt
