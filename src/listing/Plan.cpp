#include "listing/Plan.h"

#include "kernel/find/KernelArch.h"
#include "listing/ListingArch.h"

namespace vmpt {

const ListingArch &getListingArch(Arch arch) {
  static const ListingArch *const archs[] = {
#define VMPT_ARCH(X, x) &listingArch##X,
#include "memory/Archs.def"
  };
  return *archs[size_t(arch)];
}

static ListingPlan planWholeTable(const KernelImage &kernel) {
  ListingPlan plan = getListingArch(kernel.arch->arch).planKernel(kernel);
  plan.sectionsDoubt = kernel.sectionsDoubt;
  return plan;
}

llvm::Expected<ListingPlan> planKernelListing(const KernelImage &kernel) {
  ListingPlan plan = planWholeTable(kernel);
  if (!plan.refusal.empty())
    return llvm::make_error<UnsupportedError>(plan.refusal);
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

/// A plan follows from the kernel's mode; a task may have another.
static ListingPlan planTaskTable(const KernelImage &kernel,
                                 const PhysicalMemory &memory, PhysAddr root) {
  if (!kernel.arch->taskMode)
    return planWholeTable(kernel);
  KernelImage ofTask = kernel;
  ofTask.mode = getTaskMode(kernel, memory, root);
  return planWholeTable(ofTask);
}

llvm::Expected<ListingPlan> planTaskListing(const KernelImage &kernel,
                                            const PhysicalMemory &memory,
                                            PhysAddr root, bool userOnly) {
  ListingPlan plan = planTaskTable(kernel, memory, root);
  plan.root = root;
  if (getListingArch(kernel.arch->arch).listsTasks && !userOnly)
    return plan;
  const VirtAddr last = lastUserAddress(kernel, plan.mode);
  plan.ranges = {{VirtAddr(0), last}};
  plan.rules.flushAddress = last.value + 1;
  plan.rules.initialLevel = -1;
  plan.markers = {{0, "User Space", 0}};
  plan.sectionsDoubt.clear();
  return plan;
}

llvm::Expected<ListingPlan> planEfiListing(const KernelImage &kernel,
                                           const PhysicalMemory &memory,
                                           PhysAddr root) {
  if (auto *planEfi = getListingArch(kernel.arch->arch).planEfi)
    return planEfi(kernel, root);
  return planTaskListing(kernel, memory, root, false);
}

namespace {

/// Holes of the top level, one for each of its entries.
void noteSkipped(const ListingPlan &plan, const ListedRange &range,
                 Ptdump &ptdump) {
  const uint64_t step = plan.mode.entrySpan(0);
  for (VirtAddr at = range.first;; at += step) {
    ptdump.note(at, 0, ptdump.holeState(0));
    if (range.last - at < step)
      return;
  }
}

template <class Sink>
ListingResult walkInto(const ListingPlan &plan, const PhysicalMemory &memory,
                       RunSink &out, uint64_t maxLines, ListedTables *known) {
  Sink ptdump(plan.rules, plan.markers, out, maxLines);
  Walker<Sink> walker(memory, plan.mode, plan.entryRules, ptdump, known);
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
  result.loadCount = walker.getLoadCount();
  return result;
}

} // namespace

llvm::Expected<ListingResult> runListing(const ListingPlan &plan,
                                         const PhysicalMemory &memory,
                                         RunSink &out, uint64_t maxLines,
                                         ListedTables *known) {
  uint8_t firstByte;
  if (auto absent = memory.tryRead(plan.root, firstByte))
    return llvm::make_error<MemoryError>(*absent);
  return plan.rules.invalidBit
             ? walkInto<InvalidBitPtdump>(plan, memory, out, maxLines, known)
             : walkInto<Ptdump>(plan, memory, out, maxLines, known);
}

} // namespace vmpt
