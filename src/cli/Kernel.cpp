//===- Kernel.cpp - vmpt kernel: the kernel's own listing -----------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "cli/ListingOutput.h"

namespace vmpt {

namespace {

class KernelCommand final : public DumpReport {
public:
  KernelCommand() : DumpReport("kernel") {}

  void addOwnOptions(OptionParser &parser) override { listing_.add(parser); }
  llvm::Error check(RecordWriter &) override { return listing_.check(); }

  /// The text alone needs no symbols and types.
  llvm::Error report(Session &session, RecordWriter &writer) override {
    llvm::Expected<const KernelImage &> kernel = session.image();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<ListingPlan> plan = planKernelListing(*kernel);
    if (!plan)
      return plan.takeError();
    return writeListing(session, listing_, *plan, writer);
  }

private:
  ListingOptions listing_;
};

} // namespace

const CommandInfo kernelCommand = {
    "kernel", "print the kernel's page tables as the kernel itself does",
    "Prints what /sys/kernel/debug/page_tables/kernel (arm64, riscv: "
    "kernel_page_tables) would have printed at the moment of the dump; with "
    "further options, a part of it, or more about it.",
    createCommand<KernelCommand>};

} // namespace vmpt
