//===- Arm.cpp - what 32-bit Arm kernels print ----------------------------===//
//
// linux v4.4, v5.15 and v6.12 arch/arm/mm/dump.c, which has its own walk: it
// goes through all 4 GiB, one header at a break, lines without attributes not
// printed. With short descriptors two entries of the first level are one of
// Linux's: the second is looked at only where it is a section. Their domain is
// a column since 4.11, and ends a line; the level is one since 5.16.
//
// The words are those of ARMv6 and later. Older processors' sections have other
// bits there, which the dumper itself calls approximate.
//
#include "paging/modes/Arm.h"
#include "listing/ListingArch.h"

namespace vmpt {

namespace {

constexpr uint8_t pmd = 1 << 3, pte = 1 << 4;

/// Where the path's rights keep the domain of the first level's entry.
constexpr unsigned domainShift = 32;
constexpr uint64_t domainBits = arm::domain << domainShift;

constexpr AttributeField domainFields[] = {
    {domainBits, 0, "KERNEL ", ""},
    {domainBits, bit(5) << domainShift, "USER   ", ""},
    {domainBits, bit(6) << domainShift, "IO     ", ""},
    {domainBits, bits(6, 5) << domainShift, "VECTORS", ""},
    {bit(8) << domainShift, bit(8) << domainShift, "unknown", ""},
    {bits(8, 7) << domainShift, bit(7) << domainShift, "unknown", ""},
};

constexpr uint64_t shortType = bits(5, 2), shortAccess = bit(15) | bits(11, 10);

constexpr AttributeField shortFields[] = {
    {bit(8), bit(8), "USR", "", pte},
    {bit(8), 0, "   ", "", pte},
    {bit(7), bit(7), "ro", "", pte},
    {bit(7), 0, "RW", "", pte},
    {bit(9), bit(9), "NX", "", pte},
    {bit(9), 0, "x ", "", pte},
    {bit(10), bit(10), "SHD", "", pte},
    {bit(10), 0, "   ", "", pte},
    {shortType, 0 << 2, "SO/UNCACHED", "", pte},
    {shortType, 1 << 2, "MEM/BUFFERABLE/WC", "", pte},
    {shortType, 2 << 2, "MEM/CACHED/WT", "", pte},
    {shortType, 3 << 2, "MEM/CACHED/WBRA", "", pte},
    {shortType, 6 << 2, "MEM/MINICACHE", "", pte},
    {shortType, 7 << 2, "MEM/CACHED/WBWA", "", pte},
    {shortType, 4 << 2, "DEV/SHARED", "", pte},
    {shortType, 12 << 2, "DEV/NONSHARED", "", pte},
    {shortType, 9 << 2, "DEV/WC", "", pte},
    {shortType, 11 << 2, "DEV/CACHED", "", pte},
    {shortAccess, bit(15) | bit(10), "    ro", "", pmd},
    {shortAccess, bit(10), "    RW", "", pmd},
    {shortAccess, bit(11), "USR ro", "", pmd},
    {shortAccess, bits(11, 10), "USR RW", "", pmd},
    {bit(4), bit(4), "NX", "", pmd},
    {bit(4), 0, "x ", "", pmd},
    {bit(16), bit(16), "SHD", "", pmd},
    {bit(16), 0, "   ", "", pmd},
};

constexpr uint64_t longType = bits(4, 2), longReadOnly = bit(58) | bit(7);

/// Types of one number have two names, and get both.
constexpr AttributeField longFields[] = {
    {bit(6), bit(6), "USR", "", pte},
    {bit(6), 0, "   ", "", pte},
    {bit(58), bit(58), "ro", "", pte},
    {bit(58), 0, "RW", "", pte},
    {bit(54), bit(54), "NX", "", pte},
    {bit(54), 0, "x ", "", pte},
    {bits(9, 8), bits(9, 8), "SHD", "", pte},
    {bit(8), 0, "   ", "", pte},
    {bits(9, 8), bit(8), "   ", "", pte},
    {longType, 0 << 2, "SO/UNCACHED", "", pte},
    {longType, 1 << 2, "MEM/BUFFERABLE/WC", "", pte},
    {longType, 2 << 2, "MEM/CACHED/WT", "", pte},
    {longType, 3 << 2, "MEM/CACHED/WBRA", "", pte},
    {longType, 7 << 2, "MEM/CACHED/WBWA", "", pte},
    {longType, 4 << 2, "DEV/SHARED", "", pte},
    {longType, 1 << 2, "DEV/WC", "", pte},
    {longType, 3 << 2, "DEV/CACHED", "", pte},
    {bit(6), bit(6), "USR", "", pmd},
    {longReadOnly, longReadOnly, "ro", "", pmd},
    {bit(7), 0, "RW", "", pmd},
    {longReadOnly, bit(7), "RW", "", pmd},
    {bit(54), bit(54), "NX", "", pmd},
    {bit(54), 0, "x ", "", pmd},
    {bits(9, 8), bits(9, 8), "SHD", "", pmd},
    {bit(8), 0, "   ", "", pmd},
    {bits(9, 8), bit(8), "   ", "", pmd},
};

/// The two kinds of entry have other bits, but each row is of one.
constexpr AttributeMeaning shortMeanings[] = {
    {"writable", bit(7), 0, pte},
    {"writable", bit(15) | bit(10), bit(10), pmd},
    {"executable", bit(9), 0, pte},
    {"executable", bit(4), 0, pmd},
    {"user", bit(8), bit(8), pte},
    {"user", bit(11), bit(11), pmd},
};
constexpr AttributeMeaning longMeanings[] = {
    {"writable", bit(58), 0, pte},
    {"writable", bit(58), 0, pmd},
    {"writable", longReadOnly, bit(58), pmd},
    {"executable", bit(54), 0, pte | pmd},
    {"user", bit(6), bit(6), pte | pmd},
};

/// Of a section what PRRR and NMRR make of TEX[0], C and B, to which Linux
/// gives the numbers of its own pages' types (linux v6.12
/// arch/arm/mm/proc-v7-2level.S).
constexpr uint64_t sectionType = bit(12) | bits(3, 2);
constexpr AttributeField shortTypes[] = {
    {shortType, 0 << 2, "SO/UNCACHED", "", pte},
    {shortType, 1 << 2, "MEM/BUFFERABLE/WC", "", pte},
    {shortType, 2 << 2, "MEM/CACHED/WT", "", pte},
    {shortType, 3 << 2, "MEM/CACHED/WBRA", "", pte},
    {shortType, 6 << 2, "MEM/MINICACHE", "", pte},
    {shortType, 7 << 2, "MEM/CACHED/WBWA", "", pte},
    {shortType, 4 << 2, "DEV/SHARED", "", pte},
    {shortType, 12 << 2, "DEV/NONSHARED", "", pte},
    {shortType, 9 << 2, "DEV/WC", "", pte},
    {shortType, 11 << 2, "DEV/CACHED", "", pte},
    {sectionType, 0, "SO/UNCACHED", "", pmd},
    {sectionType, bit(2), "MEM/BUFFERABLE/WC", "", pmd},
    {sectionType, bit(3), "MEM/CACHED/WT", "", pmd},
    {sectionType, bits(3, 2), "MEM/CACHED/WBRA", "", pmd},
    {sectionType, bit(12) | bits(3, 2), "MEM/CACHED/WBWA", "", pmd},
    {sectionType, bit(12), "DEV/SHARED", "", pmd},
};
/// What is for devices and for memory alike has one name here.
constexpr AttributeField longTypes[] = {
    {longType, 0 << 2, "SO/UNCACHED", "", pmd | pte},
    {longType, 1 << 2, "MEM/BUFFERABLE/WC", "", pmd | pte},
    {longType, 2 << 2, "MEM/CACHED/WT", "", pmd | pte},
    {longType, 3 << 2, "MEM/CACHED/WBRA", "", pmd | pte},
    {longType, 7 << 2, "MEM/CACHED/WBWA", "", pmd | pte},
    {longType, 4 << 2, "DEV/SHARED", "", pmd | pte},
};

/// L_PTE_YOUNG and L_PTE_DIRTY. Sections of short descriptors have no such
/// bits, those of long ones are the kernel's and not marked as written.
constexpr AttributeMeaning shortAges[] = {
    {"accessed", bit(1), bit(1), pte},
    {"dirty", bit(6), bit(6), pte},
};
constexpr AttributeMeaning longAges[] = {
    {"accessed", bit(10), bit(10), pmd | pte},
    {"dirty", bit(55), bit(55), pte},
};

constexpr Wording shortWording = {
    .source = "linux v4.11 to v7.3 arch/arm/mm/dump.c, without ARM_LPAE",
    .addressDigits = 8,
    .pathFields = domainFields,
    .fields = shortFields,
    .printsEmptyRuns = false,
    .meanings = shortMeanings,
    .memoryTypes = shortTypes,
    .untold = shortAges,
};
constexpr Wording longWording = {
    .source = "linux v4.4 to v7.3 arch/arm/mm/dump.c, with ARM_LPAE",
    .addressDigits = 8,
    .fields = longFields,
    .printsEmptyRuns = false,
    .meanings = longMeanings,
    .memoryTypes = longTypes,
    .untold = longAges,
};

/// The bits that columns of a level show.
uint64_t maskOf(llvm::ArrayRef<AttributeField> fields, uint8_t level) {
  uint64_t mask = 0;
  for (const AttributeField &field : fields)
    if (field.levels & level)
      mask |= field.mask;
  return mask;
}

void planShort(const KernelImage &kernel, ListingPlan &plan) {
  plan.context.levelNames = {"PGD", "PGD", "PGD", "PGD", "PTE"};
  plan.entryRules[0] = {.leafMask = arm::section, .presentMask = ~uint64_t(0)};
  plan.rules.leafLevel = plan.rules.holeLevel = {3, 4};
  plan.rules.unnotedHoles = bit(20);
  std::optional<bool> hasDomain;
  if (kernel.dumper)
    hasDomain = kernel.dumper->wordsDomain;
  if (hasDomain.value_or(kernel.version() >= KernelVersion{4, 11})) {
    plan.rules.pathMask = arm::domain;
    plan.rules.pathShift = domainShift;
    plan.rules.denyMask = plan.rules.zeroEntryKeeps = domainBits;
  } else {
    plan.wording.pathFields = {};
  }
}

/// pud_none(): only what is 0 ends the walk there.
void planLong(ListingPlan &plan) {
  constexpr uint64_t kind = bits(1, 0);
  plan.context.levelNames = {"PGD", "P4D", "PUD", "PMD", "PTE"};
  plan.entryRules[0] = {.presentMask = ~uint64_t(0)};
  plan.entryRules[1] = {
      .leafMask = kind, .tableBits = kind, .presentMask = ~uint64_t(0)};
  plan.rules.leafLevel = plan.rules.holeLevel = {2, 3, 4};
}

ListingPlan planKernel(const KernelImage &kernel) {
  const bool isShort = kernel.mode.entryBytes == 4;
  ListingPlan plan(kernel.mode, kernel.root,
                   isShort ? shortWording : longWording);
  if (isShort)
    planShort(kernel, plan);
  else
    planLong(plan);
  std::optional<bool> hasLevel;
  if (kernel.dumper)
    hasLevel = kernel.dumper->wordsLevel;
  plan.wording.namesLevel =
      hasLevel.value_or(kernel.version() >= KernelVersion{5, 16});
  plan.markers = kernel.markers;
  plan.rules.attributeMask = maskOf(plan.wording.fields, pte);
  plan.rules.largeFlag = ~uint64_t(0);
  plan.rules.largeMask.fill(maskOf(plan.wording.fields, pmd));
  plan.rules.onlyLargeMask = true;
  plan.ranges = {{VirtAddr(0), VirtAddr(lowBits(32))}};
  return plan;
}

/// linux v6.12 drivers/firmware/efi/arm-runtime.c, asm/ptdump.h.
ListingPlan planEfi(const KernelImage &kernel, PhysAddr root) {
  ListingPlan plan = planKernel(kernel);
  plan.root = root;
  plan.markers = {{0, "UEFI runtime start"}, {bit(30), "UEFI runtime end"}};
  return plan;
}

} // namespace

const ListingArch listingArchArm = {.planKernel = planKernel,
                                    .planEfi = planEfi};

} // namespace vmpt
