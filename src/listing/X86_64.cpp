//===- X86_64.cpp - which addresses an x86-64 kernel lists ----------------===//
//
// From 5.6 on two ranges: user space, and the kernel's from the end of the
// hypervisor's guard hole on; the run that is open at the end of user space
// thus spans the non-canonical addresses. Before, every slot of the top table,
// those of the guard hole unseen.
//
#include "listing/ListingArch.h"
#include "listing/X86.h"

namespace vmpt {

namespace {

struct GuardHole {
  uint64_t start, end; ///< [start, end)
};

const AddressMarker *findMarker(const KernelImage &kernel,
                                llvm::StringRef name) {
  for (const AddressMarker &marker : kernel.markers)
    if (name == marker.name)
      return &marker;
  return nullptr;
}

/// The first 16 slots of the kernel's half, from 4.20 on (GUARD_HOLE_*). The
/// fix belongs to the move of the LDT below the direct map, with which it came
/// to 4.19 kernels, too. Before: the 16 slots below the direct map, wherever
/// KASLR puts it.
GuardHole findGuardHole(const KernelImage &kernel) {
  const uint64_t slot = kernel.mode.entrySpan(0);
  const uint64_t half = ~lowBits(kernel.mode.virtualBits - 1);
  const AddressMarker *ldt = findMarker(kernel, "LDT remap");
  const AddressMarker *directMap = findMarker(kernel, "Low Kernel Mapping");
  const bool isFixed = kernel.version() >= KernelVersion{4, 20} ||
                       (ldt && directMap && ldt < directMap);
  if (isFixed || !directMap)
    return {half, half + 16 * slot};
  const uint64_t end = alignDown(directMap->start, slot);
  return {end - 16 * slot, end};
}

/// Clips a hostile hole to the kernel's half and adds what is around it.
void addOldRanges(const KernelImage &kernel, ListingPlan &plan) {
  const uint64_t half = ~lowBits(kernel.mode.virtualBits - 1);
  const uint64_t last = ~uint64_t(0);
  GuardHole hole = findGuardHole(kernel);
  if (hole.start < half || hole.end <= hole.start)
    hole = {half, half};
  if (hole.start > half)
    plan.ranges.push_back({VirtAddr(half), VirtAddr(hole.start - 1)});
  if (hole.end > hole.start)
    plan.ranges.push_back(
        {VirtAddr(hole.start), VirtAddr(hole.end - 1), /*isSkipped=*/true});
  plan.ranges.push_back({VirtAddr(hole.end), VirtAddr(last)});
}

ListingPlan planKernel(const KernelImage &kernel) {
  const x86::X86Dumper dumper = x86::findDumper(kernel);
  ListingPlan plan = x86::makePlan(kernel, dumper);
  const uint64_t userLast = lowBits(kernel.mode.virtualBits - 1);
  plan.ranges = {{VirtAddr(0), VirtAddr(userLast)}};
  if (dumper.commonWalker)
    plan.ranges.push_back({VirtAddr(~userLast + 16 * plan.mode.entrySpan(0)),
                           VirtAddr(~uint64_t(0))});
  else
    addOldRanges(kernel, plan);
  return plan;
}

} // namespace

const ListingArch listingArchX86_64 = {.planKernel = planKernel,
                                       .listsTasks = true};

} // namespace vmpt
