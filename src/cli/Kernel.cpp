//===- Kernel.cpp - vmpt kernel: the kernel's own listing -----------------===//
#include "cli/Commands.h"
#include "cli/ListingOutput.h"

namespace vmpt {

namespace {

class KernelCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    listing_.add(parser);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("kernel", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_);
    if (!session)
      return session.takeError();
    llvm::Expected<const KernelImage &> kernel = (*session)->image();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<ListingPlan> plan = planKernelListing(*kernel);
    if (!plan)
      return (*session)->withFileName(plan.takeError());
    if (llvm::Error error = writeListing(**session, listing_, *plan, **writer))
      return (*session)->withFileName(std::move(error));
    (*writer)->finish((*session)->diagnostics().findings());
    return llvm::Error::success();
  }

private:
  DumpOptions dump_;
  KernelOptions kernel_;
  ListingOptions listing_;
  OutputOptions output_;
};

} // namespace

const CommandInfo kernelCommand = {
    "kernel", "print the kernel's page tables as the kernel itself does",
    "Prints what /sys/kernel/debug/page_tables/kernel (arm64, riscv: "
    "kernel_page_tables) would have printed at the moment of the dump.",
    createCommand<KernelCommand>};

} // namespace vmpt
