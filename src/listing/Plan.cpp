#include "listing/Plan.h"

#include "kernel/KernelArch.h"

namespace vmpt {

ListingPlan planX86_64(const KernelImage &kernel);

llvm::Expected<ListingPlan> planKernelListing(const KernelImage &kernel) {
  switch (kernel.arch->arch) {
  case Arch::X86_64:
    return planX86_64(kernel);
  case Arch::I386:
  case Arch::Arm64:
  case Arch::RiscV64:
    break;
  }
  return llvm::make_error<UnsupportedError>(
      "no listing for " + getArchName(kernel.arch->arch) + " yet");
}

llvm::Expected<ListingResult> runListing(const ListingPlan &plan,
                                         const PhysicalMemory &memory,
                                         RunSink &out, uint64_t maxLines) {
  uint8_t firstByte;
  if (auto absent = memory.tryRead(plan.root, firstByte))
    return llvm::make_error<MemoryError>(*absent);

  Ptdump ptdump(plan.rules, plan.markers, out, maxLines);
  Walker<Ptdump> walker(memory, plan.mode, plan.entryRules, ptdump);
  for (const auto &[first, last] : plan.ranges)
    walker.walk(plan.root, first, last, ptdump.initialRights());

  ListingResult result;
  result.isCut = ptdump.isFull();
  if (!result.isCut)
    ptdump.flush();
  result.absentTables = ptdump.getAbsentTables();
  result.absentTableCount = ptdump.getAbsentTableCount();
  result.emptyTableCount = ptdump.getEmptyTableCount();
  result.tableCount = walker.getTableCount();
  return result;
}

} // namespace vmpt
