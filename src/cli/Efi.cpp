//===- Efi.cpp - vmpt efi: the tables of EFI runtime services -------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "kernel/tasks/EfiMm.h"
#include "reports/ListingOutput.h"

namespace vmpt {

namespace {

class EfiCommand final : public KernelReport {
public:
  EfiCommand() : KernelReport("efi") {}

  void addOwnOptions(OptionParser &parser) override { listing_.add(parser); }
  llvm::Error check(RecordWriter &) override { return listing_.check(); }

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    llvm::Expected<PhysAddr> root = readEfiRoot(kernel);
    if (!root)
      return root.takeError();
    llvm::Expected<ListingPlan> plan =
        planEfiListing(kernel.image(), kernel.memory().physical(), *root);
    if (!plan)
      return plan.takeError();
    return writeListing(session, listing_, *plan, writer);
  }

private:
  ListingOptions listing_;
};

} // namespace

const CommandInfo efiCommand = {
    "efi", "print the page tables of EFI runtime services",
    "Prints what page_tables/efi (arm64, riscv: efi_page_tables) would have "
    "printed.",
    createCommand<EfiCommand>};

} // namespace vmpt
