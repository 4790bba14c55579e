#include "listing/Plan.h"

#include "kernel/find/KernelArch.h"

#include "llvm/Support/ErrorHandling.h"

namespace vmpt {

ListingPlan planX86_64(const KernelImage &kernel);
ListingPlan planArm64(const KernelImage &kernel);
ListingPlan planArm64Efi(const KernelImage &kernel, PhysAddr root);
ListingPlan planI386(const KernelImage &kernel);
ListingPlan planRiscV64(const KernelImage &kernel);
ListingPlan planRiscV64Efi(const KernelImage &kernel, PhysAddr root);

static ListingPlan planWholeTable(const KernelImage &kernel) {
  switch (kernel.arch->arch) {
  case Arch::X86_64:
    return planX86_64(kernel);
  case Arch::Arm64:
    return planArm64(kernel);
  case Arch::RiscV64:
    return planRiscV64(kernel);
  case Arch::I386:
    return planI386(kernel);
  }
  llvm_unreachable("an architecture without a listing");
}

llvm::Expected<ListingPlan> planKernelListing(const KernelImage &kernel) {
  ListingPlan plan = planWholeTable(kernel);
  ListedRange &user = plan.ranges.front();
  if (!kernel.rootIsOfTask || user.first != VirtAddr(0))
    return plan;
  // The kernel's own user half is empty.
  const VirtAddr last = kernel.arch->lastUserAddress(kernel);
  ListedRange rest{last + 1, user.last};
  user = {VirtAddr(0), std::min(last, user.last), /*isSkipped=*/true};
  if (rest.first <= rest.last && rest.first != VirtAddr(0))
    plan.ranges.insert(plan.ranges.begin() + 1, rest);
  return plan;
}

llvm::Expected<ListingPlan> planTaskListing(const KernelImage &kernel,
                                            PhysAddr root, bool userOnly) {
  ListingPlan plan = planWholeTable(kernel);
  plan.root = root;
  const bool listsBothHalves = plan.ranges.front().first == VirtAddr(0);
  if (listsBothHalves && !userOnly)
    return plan;
  VirtAddr last = kernel.arch->lastUserAddress(kernel);
  plan.ranges = {{VirtAddr(0), last}};
  plan.rules.flushAddress = last.value + 1;
  plan.rules.initialLevel = -1;
  plan.markers = {{0, "User Space", 0}};
  return plan;
}

llvm::Expected<ListingPlan> planEfiListing(const KernelImage &kernel,
                                           PhysAddr root) {
  switch (kernel.arch->arch) {
  case Arch::Arm64:
    return planArm64Efi(kernel, root);
  case Arch::RiscV64:
    return planRiscV64Efi(kernel, root);
  case Arch::X86_64:
  case Arch::I386:
    break;
  }
  return planTaskListing(kernel, root, false);
}

/// Holes of the top level, one for each of its entries.
static void noteSkipped(const ListingPlan &plan, const ListedRange &range,
                        Ptdump &ptdump) {
  const uint64_t step = plan.mode.entrySpan(0);
  for (VirtAddr at = range.first;; at += step) {
    ptdump.note(at, 0, ptdump.holeState(0));
    if (range.last - at < step)
      return;
  }
}

llvm::Expected<ListingResult> runListing(const ListingPlan &plan,
                                         const PhysicalMemory &memory,
                                         RunSink &out, uint64_t maxLines) {
  uint8_t firstByte;
  if (auto absent = memory.tryRead(plan.root, firstByte))
    return llvm::make_error<MemoryError>(*absent);

  Ptdump ptdump(plan.rules, plan.markers, out, maxLines);
  Walker<Ptdump> walker(memory, plan.mode, plan.entryRules, ptdump);
  for (const ListedRange &range : plan.ranges)
    if (range.isSkipped)
      noteSkipped(plan, range, ptdump);
    else
      walker.walk(plan.root, range.first, range.last, ptdump.initialRights());

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
