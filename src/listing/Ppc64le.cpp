//===- Ppc64le.cpp - what 64-bit Power kernels print ----------------------===//
//
// What is peculiar: a line names its last byte, and the physical address of its
// first page; it goes on while flags and level agree, wherever its other pages
// lie. A row without any flag is not printed. All headers that are crossed are
// printed, by the first note too. Columns are blanks where the bit is not set,
// but for those behind "tolerant", which are then not there. "present" is what
// the column of neither bit is not.
//
// Linux's bits are columns on a radix kernel as well, where the bits of the
// hash table ("hpte", "busy", "f_gix") mean nothing.
//
// linux v5.15 to v6.12 arch/powerpc/mm/ptdump/ptdump.c, book3s64.c. Kernels
// before 5.14 have a walk of their own, whose lines end where physical
// addresses do, too, or name one page for all of them; they are refused.
//
#include "paging/modes/Ppc64le.h"
#include "listing/ListingArch.h"

namespace vmpt {

namespace {

using ppc64le::attributes;
using ppc64le::invalidated;
using ppc64le::leaf;
using ppc64le::valid;

constexpr uint64_t softValid = valid | invalidated;

/// linux v6.12 arch/powerpc/include/asm/book3s/64/hash-64k.h, hash-4k.h:
/// H_PAGE_HASHPTE is another bit, and what is in the other bits, too.
constexpr AttributeField fields64K[] = {
    {bit(3), 0, "  user", "      "},
    {bit(2), bit(2), "  r", "   "},
    {bit(1), bit(1), "  w", "   "},
    {bit(0), bit(0), "   X ", "     "},
    {leaf, leaf, "  pte", "     "},
    {valid, valid, "  valid", "       "},
    {softValid, 0, "         ", "  present"},
    {bit(55), bit(55), "  hpte", "      "},
    {bit(7), bit(7), "  dirty", "       "},
    {bit(8), bit(8), "  accessed", "          "},
    {bit(5), bit(5), "  non-idempotent", "                "},
    {attributes, attributes, "  tolerant", "          "},
    {bit(6), bit(6), "  busy", ""},
    {bit(12), bit(12), "  combo", ""},
    {bit(13), bit(13), "  4K_pfn", ""},
    {bit(10), bit(10), "  special", ""},
};

/// "f_gix" is a number.
constexpr uint64_t slot = bits(55, 53);
constexpr AttributeField fields4K[] = {
    fields64K[0],
    fields64K[1],
    fields64K[2],
    fields64K[3],
    fields64K[4],
    fields64K[5],
    fields64K[6],
    {bit(60), bit(60), "  hpte", "      "},
    fields64K[8],
    fields64K[9],
    fields64K[10],
    fields64K[11],
    fields64K[12],
    {slot, uint64_t(0) << 53, "  f_gix:0", ""},
    {slot, uint64_t(1) << 53, "  f_gix:1", ""},
    {slot, uint64_t(2) << 53, "  f_gix:2", ""},
    {slot, uint64_t(3) << 53, "  f_gix:3", ""},
    {slot, uint64_t(4) << 53, "  f_gix:4", ""},
    {slot, uint64_t(5) << 53, "  f_gix:5", ""},
    {slot, uint64_t(6) << 53, "  f_gix:6", ""},
    {slot, uint64_t(7) << 53, "  f_gix:7", ""},
    {bit(56), bit(56), "  f_second", ""},
    {bit(10), bit(10), "  special", ""},
};

/// A column of newer kernels, before the others.
constexpr AttributeField levelField[] = {
    {0, 0, "PGD ", "", 1 << 0}, {0, 0, "P4D ", "", 1 << 1},
    {0, 0, "PUD ", "", 1 << 2}, {0, 0, "PMD ", "", 1 << 3},
    {0, 0, "PTE ", "", 1 << 4},
};

/// Of what the MMU, or pte_present(), finds.
constexpr AttributeMeaning meanings[] = {
    {"present", valid, valid},
    {"present", invalidated, invalidated},
    {"writable", valid | bit(1), valid | bit(1)},
    {"writable", invalidated | bit(1), invalidated | bit(1)},
    {"executable", valid | bit(0), valid | bit(0)},
    {"executable", invalidated | bit(0), invalidated | bit(0)},
    {"user", valid | leaf | bit(3), valid | leaf},
    {"user", invalidated | leaf | bit(3), invalidated | leaf},
    {"dirty", valid | bit(7), valid | bit(7)},
    {"dirty", invalidated | bit(7), invalidated | bit(7)},
    {"accessed", valid | bit(8), valid | bit(8)},
    {"accessed", invalidated | bit(8), invalidated | bit(8)},
};

constexpr AttributeField memoryTypes[] = {
    {attributes, 0, "normal", ""},
    {attributes, bit(4), "SAO", ""},
    {attributes, bit(5), "non-idempotent", ""},
    {attributes, attributes, "tolerant", ""},
};

constexpr Wording wording64K = {
    .source = "linux v5.14 to v6.12 arch/powerpc/mm/ptdump, 64K pages",
    .sizeInBytes = true,
    .gapWidth = 1,
    .endIsInclusive = true,
    .physicalColumn = true,
    .levelLast = true,
    .fields = fields64K,
    .namesLevel = false,
    .printsEmptyRuns = false,
    .meanings = meanings,
    .memoryTypes = memoryTypes,
};
constexpr Wording wording4K = {
    .source = "linux v5.14 to v6.12 arch/powerpc/mm/ptdump, 4K pages",
    .sizeInBytes = true,
    .gapWidth = 1,
    .endIsInclusive = true,
    .physicalColumn = true,
    .levelLast = true,
    .fields = fields4K,
    .namesLevel = false,
    .printsEmptyRuns = false,
    .meanings = meanings,
    .memoryTypes = memoryTypes,
};

/// PTE_RPN_MASK, at every level.
template <unsigned pageShift> PhysAddr physicalOf(uint64_t entry) {
  return PhysAddr(entry & bits(ppc64le::pageBits - 1, pageShift));
}

/// p4d_leaf() is false of the first level.
EntryRules makeEntryRules(const PagingMode &mode) {
  EntryRules rules = {};
  for (unsigned level = 0; level < mode.lastLevel(); ++level)
    rules[level] = {.leafMask = level ? leaf : 0, .presentMask = ~uint64_t(0)};
  return rules;
}

ListingPlan planKernel(const KernelImage &kernel) {
  const PagingMode &mode = kernel.mode;
  const bool isLarge = mode.pageShift == 16;
  ListingPlan plan(mode, kernel.root, isLarge ? wording64K : wording4K);
  if (kernel.version() < KernelVersion{5, 14})
    plan.refusal = "linux before 5.14 lists Power's page tables in another "
                   "way, which vmpt does not know; 'task' and 'tree' show them";
  if (kernel.version() < KernelVersion{6, 0})
    plan.wording.sizeInBytes = false;
  if (kernel.dumper && kernel.dumper->wordsLevel.value_or(false))
    plan.wording.pathFields = levelField;
  plan.context.levelNames = {"PGD", "P4D", "PUD", "PMD", "PTE"};
  plan.context.physicalOf = isLarge ? physicalOf<16> : physicalOf<12>;
  plan.entryRules = makeEntryRules(mode);
  plan.markers = kernel.markers;
  plan.rules.attributeMask = 0;
  for (const AttributeField &field : plan.wording.fields)
    plan.rules.attributeMask |= field.mask;
  plan.rules.advance = MarkerAdvance::All;
  plan.rules.firstNoteCrosses = true;
  // The p4d is folded into the pgd.
  plan.rules.leafLevel = plan.rules.holeLevel = {0, 2, 3, 4};
  // KERN_VIRT_START under a hash table, else PAGE_OFFSET.
  plan.ranges = {{ppc64le::firstOfTables(mode), mode.coverage.last()}};
  return plan;
}

} // namespace

const ListingArch listingArchPpc64le = {.planKernel = planKernel};

} // namespace vmpt
