//===- X86_64.cpp - the wording of x86 kernels ----------------------------===//
//
// linux v6.12 arch/x86/mm/dump_pagetables.c, printk_prot(); the same text from
// 5.6 on. The fields fill 30 columns; the level stands last. PAT is bit 7 in
// a pte and would be bit 12 in a larger page, but from 5.6 on bit 12 is part
// of the frame number mask, so it can never be seen there.
//
#include "paging/X86_64.h"
#include "listing/Plan.h"

namespace vmpt {

namespace {

constexpr uint8_t tableLevels = 0b01111, pteLevel = 0b10000;

constexpr AttributeField fields[] = {
    {bit(2), bit(2), "USR ", "    "},
    {bit(1), bit(1), "RW ", "ro "},
    {bit(3), bit(3), "PWT ", "    "},
    {bit(4), bit(4), "PCD ", "    "},
    {bit(7), bit(7), "PSE ", "    ", tableLevels},
    {bit(7), bit(7), "PAT ", "    ", pteLevel},
    {bit(8), bit(8), "GLB ", "    "},
    {bit(63), bit(63), "NX ", "x  "},
};

constexpr Wording wording = {
    .source = "linux v5.6 to v7.3 arch/x86/mm/dump_pagetables.c",
    .addressDigits = 16,
    .sizeInBytes = true,
    .levelLast = true,
    .fields = fields,
    .presentMask = bit(0),
    .blankWidth = 30,
};

constexpr uint64_t present = bit(0), writable = bit(1), user = bit(2),
                   accessed = bit(5), dirty = bit(6), global = bit(8),
                   noExecute = bit(63);
constexpr uint64_t pageSize = x86_64::pageSizeBit;
/// A protection-none page keeps "present" in the global bit.
constexpr uint64_t protNone = global;
/// Stray accessed and dirty bits do not make an entry (Knights Landing).
constexpr uint64_t strayBits = accessed | dirty;
constexpr uint64_t kernelTable = present | writable | accessed | dirty;

/// linux mm/pagewalk.c and arch/x86/include/asm/pgtable.h: *_none, *_bad,
/// *_leaf, *_present of each level. PTI puts NX into the top level.
EntryRules makeEntryRules(const KernelImage &kernel, uint64_t flagsMask) {
  const uint64_t encrypted = kernel.encryptionMask;
  const EntryRule p4d = {
      .contentMask = ~strayBits,
      .soundMask = flagsMask & ~(kernelTable | encrypted | user | noExecute),
      .soundBits = 0,
      .presentMask = ~uint64_t(0)};
  const EntryRule pgd = {.contentMask = ~uint64_t(0),
                         .soundMask = flagsMask & ~(user | noExecute),
                         .soundBits = kernelTable | encrypted,
                         .presentMask = ~uint64_t(0)};
  // Up to 6.6 pud_leaf() also asks for "present" (linux v6.6 and v6.12
  // arch/x86/include/asm/pgtable.h; between the two it was dropped).
  const bool leafAlone = kernel.version() >= KernelVersion{6, 9};
  const EntryRule pud = {.contentMask = ~strayBits,
                         .leafMask = pageSize,
                         .leafNeeds = leafAlone ? pageSize : present,
                         .presentMask = present};
  const EntryRule pmd = {.contentMask = ~strayBits,
                         .leafMask = pageSize,
                         .leafNeeds = pageSize,
                         .presentMask = present | protNone | pageSize};
  if (kernel.mode->levelCount == 5)
    return {pgd, p4d, pud, pmd, EntryRule()};
  return {p4d, pud, pmd, EntryRule(), EntryRule()};
}

} // namespace

ListingPlan planX86_64(const KernelImage &kernel) {
  const PagingMode &mode = *kernel.mode;
  const bool five = mode.levelCount == 5;
  const uint64_t flagsMask = ~mode.address.lowMask;
  ListingPlan plan(mode, kernel.root, wording);
  plan.context.levelNames = {"pgd", "p4d", "pud", "pmd", "pte"};
  plan.markers = kernel.markers;
  plan.entryRules = makeEntryRules(kernel, flagsMask);
  plan.rules.attributeMask = flagsMask;
  plan.rules.grantMask = writable | user;
  plan.rules.denyMask = noExecute;
  plan.rules.advance = MarkerAdvance::One;
  plan.rules.firstRunStartsAtZero = true;
  // With 4 levels the p4d is folded into the pgd, which names the holes.
  if (five)
    plan.rules.leafLevel = plan.rules.holeLevel = {0, 1, 2, 3, 4};
  else
    plan.rules.leafLevel = plan.rules.holeLevel = {0, 2, 3, 4};
  // Neither the non-canonical hole nor the hypervisor's guard hole is visited.
  const uint64_t userEnd = bit(mode.virtualBits - 1);
  const uint64_t guardHoleEnd = five ? 0xff10000000000000 : 0xffff880000000000;
  plan.ranges = {{VirtAddr(0), VirtAddr(userEnd - 1)},
                 {VirtAddr(guardHoleEnd), VirtAddr(~uint64_t(0))}};
  return plan;
}

} // namespace vmpt
