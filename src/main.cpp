#include "dump/Dump.h"
#include "listing/Plan.h"
using namespace vmpt;
int main(int, char **argv) {
  Diagnostics d([](llvm::StringRef s){ llvm::errs() << "warn " << s << "\n"; });
  auto dump = openDump(argv[1], {}, d);
  if (!dump) { llvm::errs() << toString(dump.takeError()) << "\n"; return 2; }
  auto kernel = findKernel(*dump, *dump->memory, {}, d);
  if (!kernel) { llvm::errs() << toString(kernel.takeError()) << "\n"; return 2; }
  for (auto &f : kernel->evidence.facts()) llvm::errs() << f.name << "  " << f.value << "  [" << f.source << "]\n";
  auto plan = planKernelListing(*kernel);
  TextPrinter p(plan->wording, plan->context, llvm::outs());
  auto r = runListing(*plan, *dump->memory, p, 20000000);
  if (!r) { llvm::errs() << toString(r.takeError()) << "\n"; return 2; }
  llvm::errs() << "tables " << r->tableCount << " absent " << r->absentTableCount << " empty " << r->emptyTableCount << "\n";
}
