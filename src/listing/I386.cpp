//===- I386.cpp - which addresses a 32-bit x86 kernel lists ---------------===//
//
// All four gigabytes, in one go. The last line ends at 0, and its size is
// computed in 32 bits. A PAE root entry holds neither RW nor USER, so from 5.6
// on, when it began to count like any other, no page grants them along its
// path; only NX ends lines there. Without PAE there is no NX: always "x".
//
#include "listing/ListingArch.h"
#include "listing/X86.h"

namespace vmpt {

namespace {

ListingPlan planKernel(const KernelImage &kernel) {
  ListingPlan plan = x86::makePlan(kernel, x86::findDumper(kernel));
  plan.ranges = {{VirtAddr(0), VirtAddr(lowBits(32))}};
  return plan;
}

} // namespace

const ListingArch listingArchI386 = {.planKernel = planKernel,
                                     .listsTasks = true};

} // namespace vmpt
