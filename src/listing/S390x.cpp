//===- S390x.cpp - the wording of s390x kernels ---------------------------===//
//
// What is peculiar: an entry that is not there has a line like all others,
// "I". The first line of all begins at 0 and the last ends where the tables of
// the kernel's depth do. Each area has a header where it starts and one where
// it ends; an area can lie in another.
//
// Levels are folded at the top: with three the pgd and the p4d are the pud. A
// hole is noted at its own level.
//
// linux v6.1 and v6.12 arch/s390/mm/dump_pagetables.c. The difference is in
// the headers: since the array of markers is allocated (6.9), the first one is
// a text of its own, and those of areas that start at 0 follow at once.
//
#include "paging/modes/S390x.h"
#include "listing/ListingArch.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr uint64_t pageInvalid = s390x::pageInvalid, protect = s390x::protect,
                   noExecute = s390x::noExecute;

/// A column of several texts is several rows, of which one prints something.
constexpr AttributeField fields[] = {
    {pageInvalid, pageInvalid, "I", ""},
    {pageInvalid | protect, protect, "RO", ""},
    {pageInvalid | protect, 0, "RW", ""},
    {pageInvalid | noExecute, noExecute, "NX", ""},
    {pageInvalid | noExecute, 0, "X", ""},
};

constexpr AttributeMeaning meanings[] = {
    {"present", pageInvalid, 0},
    {"writable", pageInvalid | protect, 0},
    {"executable", pageInvalid | noExecute, 0},
};

/// _PAGE_YOUNG, _PAGE_DIRTY and those of segments and regions (linux v6.12
/// arch/s390/include/asm/pgtable.h).
constexpr uint8_t pte = 1 << 4, abovePte = 1 << 2 | 1 << 3;
constexpr AttributeMeaning ages[] = {
    {"accessed", bit(2), bit(2), pte},
    {"accessed", bit(12), bit(12), abovePte},
    {"dirty", bit(3), bit(3), pte},
    {"dirty", bit(13), bit(13), abovePte},
};

constexpr Wording oldWording = {
    .source = "linux v5.10 to v6.8 arch/s390/mm/dump_pagetables.c",
    .gapWidth = 1,
    .fields = fields,
    .zeroHasFields = true,
    .meanings = meanings,
    .untold = ages,
};
constexpr Wording newWording = {
    .source = "linux v6.9 to v7.3 arch/s390/mm/dump_pagetables.c",
    .gapWidth = 1,
    .fields = fields,
    .zeroHasFields = true,
    .meanings = meanings,
    .untold = ages,
};

/// linux v6.12 arch/s390/include/asm/pgtable.h: pgd_none() is the invalid bit,
/// others are one value. What is invalid and not that value is passed over
/// where it is no page: it has no origin to go to.
EntryRules makeEntryRules(const PagingMode &mode) {
  EntryRules rules = {};
  for (unsigned level = 0; level < mode.lastLevel(); ++level) {
    EntryRule &rule = rules[level];
    const unsigned fromLast = mode.lastLevel() - level;
    rule.emptyBits = mode.levels[level].empty;
    rule.presentMask = ~lowBits(fromLast == 1 ? 11 : 12);
    if (fromLast == 4) {
      rule.contentMask = rule.emptyBits = s390x::invalid;
    } else if (fromLast <= 2) {
      rule.leafMask = s390x::formatControl;
      rule.leafNeeds = s390x::formatControl;
    }
  }
  return rules;
}

bool hasAllocatedMarkers(const KernelImage &kernel) {
  return !kernel.markers.empty() &&
         kernel.markers.front().name == "Kernel Virtual Address Space";
}

ListingPlan planKernel(const KernelImage &kernel) {
  const PagingMode &mode = kernel.mode;
  const bool isNew = hasAllocatedMarkers(kernel);
  ListingPlan plan(mode, kernel.root, isNew ? newWording : oldWording);
  plan.context.levelNames = {"ASCE", "PGD", "PUD", "PMD", "PTE"};
  plan.markers = kernel.markers;
  plan.entryRules = makeEntryRules(mode);
  plan.rules.attributeMask = pageInvalid | protect | noExecute;
  plan.rules.invalidBit = pageInvalid;
  plan.rules.firstNoteCrosses = isNew;
  plan.rules.advance = MarkerAdvance::All;
  plan.rules.flushAddress = mode.coverage.last().value + 1;
  // Names are by the walk's depth; ptdump's pgd is 0.
  for (unsigned level = 0; level < mode.levelCount; ++level)
    plan.rules.leafLevel[level] = plan.rules.holeLevel[level] =
        int8_t(level + 5 - mode.levelCount);
  plan.ranges = {{VirtAddr(0), mode.coverage.last()}};
  return plan;
}

} // namespace

const ListingArch listingArchS390x = {.planKernel = planKernel};

} // namespace vmpt
