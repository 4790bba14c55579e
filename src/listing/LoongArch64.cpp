//===- LoongArch64.cpp - a listing in words of our own --------------------===//
//
// No version of Linux has a dumper of page tables on this architecture: there
// is no text to be the same as. The lines are made as those of arm64 and
// riscv64: holes have none, a line ends where a column changes.
//
#include "paging/modes/LoongArch64.h"
#include "listing/ListingArch.h"

namespace vmpt {

namespace {

constexpr AttributeField fields[] = {
    {bits(3, 2), bits(3, 2), "USR", "   "},
    {bit(8), bit(8), "RW", "ro"},
    {loongarch64::noExecute, loongarch64::noExecute, "NX", "x "},
    {bit(61), bit(61), "NR", "  "},
    {bits(5, 4), 0, "SUC", ""},
    {bits(5, 4), bit(4), "CC ", ""},
    {bits(5, 4), bit(5), "WUC", ""},
    {bits(5, 4), bits(5, 4), "?? ", ""},
    {bit(1), bit(1), "D", "."},
    {bit(0), bit(0), "V", "."},
    {bit(7), bit(7), "P", "."},
};

constexpr AttributeMeaning meanings[] = {
    {"present", bit(7), bit(7)},
    {"writable", bit(7) | bit(8), bit(7) | bit(8)},
    {"executable", bit(7) | loongarch64::noExecute, bit(7)},
    {"user", bit(7) | bits(3, 2), bit(7) | bits(3, 2)},
    {"dirty", bit(7) | bit(1), bit(7) | bit(1)},
    {"accessed", bit(7) | bit(0), bit(7) | bit(0)},
};

constexpr AttributeField memoryTypes[] = {
    {bits(5, 4), 0, "SUC", ""},
    {bits(5, 4), bit(4), "CC", ""},
    {bits(5, 4), bit(5), "WUC", ""},
};

constexpr Wording ownWording = {
    .source = "vmpt: linux lists no page tables of loongarch64",
    .fields = fields,
    .printsEmptyRuns = false,
    .meanings = meanings,
    .memoryTypes = memoryTypes,
};

/// Linux folds from the top: two levels are pgd and pte.
int8_t linuxLevel(unsigned level, unsigned levelCount) {
  if (level == 0)
    return 0;
  return int8_t(5 + level - levelCount);
}

ListingPlan planKernel(const KernelImage &kernel) {
  const PagingMode &mode = kernel.mode;
  ListingPlan plan(mode, kernel.root, ownWording);
  plan.context.levelNames = {"PGD", "P4D", "PUD", "PMD", "PTE"};
  plan.markers = kernel.markers;
  plan.rules.attributeMask = 0;
  for (const AttributeField &field : fields)
    plan.rules.attributeMask |= field.mask;
  plan.rules.advance = MarkerAdvance::All;
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    plan.rules.leafLevel[level] = plan.rules.holeLevel[level] =
        linuxLevel(level, mode.levelCount);
    plan.entryRules[level] = {.emptyBits = mode.levels[level].empty,
                              .leafMask = loongarch64::windowMask,
                              .tableBits = loongarch64::cachedWindow,
                              .presentMask = ~uint64_t(0)};
  }
  plan.ranges = {{mode.coverage.first(), mode.coverage.last()}};
  return plan;
}

} // namespace

const ListingArch listingArchLoongArch64 = {.planKernel = planKernel};

} // namespace vmpt
