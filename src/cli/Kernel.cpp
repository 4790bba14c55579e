//===- Kernel.cpp - vmpt kernel: the kernel's own listing -----------------===//
#include "cli/Session.h"
#include "dump/OpenDump.h"
#include "listing/Plan.h"

#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

constexpr uint64_t defaultMaxLines = 20'000'000;

/// Says on standard error what the listing had to leave out.
void reportGaps(const Options &options, const ListingResult &result) {
  for (const AbsentTable &table : result.absentTables)
    warn(options, "page table at physical " + hex(table.table) +
                      ", for addresses from " + hex(table.at) +
                      " on, is not in the dump (" +
                      getAbsenceName(table.absence) + ")");
  if (result.absentTableCount)
    warn(options,
         llvm::Twine(result.absentTableCount) +
             (result.absentTableCount == 1 ? " table is" : " tables are") +
             " not in the dump; the listing shows each in its place");
  if (result.emptyTableCount)
    warn(options,
         llvm::Twine(result.emptyTableCount) +
             (result.emptyTableCount == 1 ? " table was" : " tables were") +
             " excluded, as pages of zeros are, and read as empty");
}

} // namespace

llvm::Expected<int> printListing(const Options &options,
                                 const ListingPlan &plan,
                                 const PhysicalMemory &memory) {
  TextPrinter printer(plan.wording, plan.context, llvm::outs());
  const uint64_t maxLines = options.maxLines.value_or(defaultMaxLines);
  llvm::Expected<ListingResult> result =
      runListing(plan, memory, printer, maxLines);
  if (!result)
    return withFileName(options, result.takeError());
  if (result->isCut) {
    llvm::outs() << "--- the listing ends here: " << maxLines
                 << " lines, see --max-lines ---\n";
    warn(options, "the listing was ended after " + llvm::Twine(maxLines) +
                      " lines; --max-lines sets the limit");
  }
  llvm::outs().flush();
  reportGaps(options, *result);
  return result->absentTableCount || result->isCut ? 1 : 0;
}

llvm::Expected<int> runKernel(const Options &options) {
  llvm::Expected<Dump> dump = openDump(options);
  if (!dump)
    return dump.takeError();
  llvm::Expected<KernelImage> kernel =
      findKernel(options, *dump, *dump->memory);
  if (!kernel)
    return kernel.takeError();
  llvm::Expected<ListingPlan> plan = planKernelListing(*kernel);
  if (!plan)
    return withFileName(options, plan.takeError());
  return printListing(options, *plan, *dump->memory);
}

} // namespace vmpt
