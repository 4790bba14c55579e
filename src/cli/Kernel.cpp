//===- Kernel.cpp - vmpt kernel: the kernel's own listing -----------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "reports/Reports.h"

namespace vmpt {

namespace {

class KernelCommand final : public DumpReport {
public:
  KernelCommand() : DumpReport("kernel") {}

  void addOwnOptions(OptionParser &parser) override { listing_.add(parser); }
  llvm::Error check(RecordWriter &) override { return listing_.check(); }
  Needs needs() const override { return listing_.needs(); }

  llvm::Error report(Session &session, RecordWriter &writer) override {
    return reportKernelListing(session, listing_, writer);
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
