//===- Efi.cpp - vmpt efi: the tables of EFI runtime services -------------===//
#include "cli/Commands.h"
#include "cli/ListingOutput.h"
#include "kernel/tasks/TaskList.h"

namespace vmpt {

namespace {

class EfiCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    listing_.add(parser);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("efi", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const Kernel &> kernel = (*session)->kernel();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<PhysAddr> root = readEfiRoot(*kernel);
    if (!root)
      return (*session)->withFileName(root.takeError());
    llvm::Expected<ListingPlan> plan = planEfiListing(kernel->image(), *root);
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
  SymbolOptions symbols_;
  ListingOptions listing_;
  OutputOptions output_;
};

} // namespace

const CommandInfo efiCommand = {
    "efi", "print the page tables of EFI runtime services",
    "Prints what page_tables/efi (arm64, riscv: efi_page_tables) would have "
    "printed.",
    createCommand<EfiCommand>};

} // namespace vmpt
