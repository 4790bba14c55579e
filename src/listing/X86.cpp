//===- X86.cpp - wording and rules of x86's dumper ------------------------===//
//
// The fields fill 30 columns; the level stands last. PAT is bit 7 in a pte and
// bit 12 in a larger page. From 5.6 on bit 12 is masked as part of the frame
// number at every level, so PAT is never seen there; before, it is.
//
// linux v6.12, v5.4, v4.14, v4.9 arch/x86/mm/dump_pagetables.c;
// arch/x86/include/asm/pgtable.h for *_none, *_bad, *_leaf, *_present.
//
#include "listing/X86.h"

namespace vmpt::x86 {

namespace {

constexpr uint8_t pteLevel = 1 << Pte, largeLevels = 1 << Pmd | 1 << Pud,
                  topLevels = 1 << P4d | 1 << Pgd,
                  tableLevels = largeLevels | topLevels;

bool is32Bit(const PagingMode &mode) { return mode.virtualBits == 32; }

/// PAT is one column of which one row prints.
constexpr AttributeField fields[] = {
    {bit(2), bit(2), "USR ", "    "},
    {bit(1), bit(1), "RW ", "ro "},
    {bit(3), bit(3), "PWT ", "    "},
    {bit(4), bit(4), "PCD ", "    "},
    {bit(7), bit(7), "PSE ", "    ", tableLevels},
    {bit(7), bit(7), "PAT ", "", pteLevel},
    {bit(7), 0, "    ", "", pteLevel},
    {bit(12), bit(12), "PAT ", "", largeLevels},
    {bit(12), 0, "    ", "", largeLevels},
    {0, 0, "    ", "", topLevels},
    {bit(8), bit(8), "GLB ", "    "},
    {bit(63), bit(63), "NX ", "x  "},
};

/// A kernel without NX sets no bit 63, and may execute everything.
constexpr AttributeMeaning meanings[] = {
    {"present", present, present},
    {"writable", present | writable, present | writable},
    {"executable", present | noExecute, present},
    {"user", present | user, present | user},
    {"global", present | global, present | global},
    {"accessed", present | accessed, present | accessed},
    {"dirty", present | dirty, present | dirty},
};

constexpr uint64_t writeThrough = bit(3), cacheDisable = bit(4);

/// PAT as Linux programs it: linux v6.12 arch/x86/mm/pat/memtype.c
/// pat_bp_init(). \p pat is bit 7 of a pte, bit 12 of a larger page.
constexpr AttributeField typeOf(uint64_t pat, uint64_t value,
                                llvm::StringLiteral name) {
  return {writeThrough | cacheDisable | pat, value, name, "",
          pat == bit(7) ? pteLevel : largeLevels};
}
constexpr AttributeField memoryTypes[] = {
    typeOf(bit(7), 0, "WB"),
    typeOf(bit(7), writeThrough, "WC"),
    typeOf(bit(7), cacheDisable, "UC-"),
    typeOf(bit(7), writeThrough | cacheDisable, "UC"),
    typeOf(bit(7), bit(7), "WB"),
    typeOf(bit(7), bit(7) | writeThrough, "WP"),
    typeOf(bit(7), bit(7) | cacheDisable, "UC-"),
    typeOf(bit(7), bit(7) | writeThrough | cacheDisable, "WT"),
    typeOf(bit(12), 0, "WB"),
    typeOf(bit(12), writeThrough, "WC"),
    typeOf(bit(12), cacheDisable, "UC-"),
    typeOf(bit(12), writeThrough | cacheDisable, "UC"),
    typeOf(bit(12), bit(12), "WB"),
    typeOf(bit(12), bit(12) | writeThrough, "WP"),
    typeOf(bit(12), bit(12) | cacheDisable, "UC-"),
    typeOf(bit(12), bit(12) | writeThrough | cacheDisable, "WT"),
};

constexpr Wording wording = {
    .source = "linux v4.9 to v7.3 arch/x86/mm/dump_pagetables.c",
    .sizeInBytes = true,
    .levelLast = true,
    .fields = fields,
    .blankWidth = 30,
    .meanings = meanings,
    .memoryTypes = memoryTypes,
};

/// A protection-none page keeps "present" in the global bit.
constexpr uint64_t protNone = global;
/// Stray accessed and dirty bits do not make an entry (Knights Landing).
constexpr uint64_t strayBits = accessed | dirty;
constexpr uint64_t kernelTable = present | writable | accessed | dirty;

/// Rules of the common walker by Linux's level. PTI puts NX into the top
/// level.
EntryRules makeCommonRules(const KernelImage &kernel, uint64_t flagsMask) {
  const uint64_t encrypted = kernel.encryptionMask;
  const EntryRule pgd = {.soundMask = flagsMask & ~(user | noExecute),
                         .soundBits = kernelTable | encrypted,
                         .presentMask = ~uint64_t(0)};
  const EntryRule p4d = {
      .contentMask = ~strayBits,
      .soundMask = flagsMask & ~(kernelTable | encrypted | user | noExecute),
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
  return {pgd, p4d, pud, pmd, EntryRule()};
}

/// Rules of the walker before 5.6: nothing is broken, nothing passed over.
EntryRules makeOwnRules() {
  const EntryRule pgd = {.leafWithout = present, .presentMask = ~uint64_t(0)};
  const EntryRule p4d = {.contentMask = ~strayBits,
                         .leafWithout = present,
                         .presentMask = ~uint64_t(0)};
  const EntryRule pud = {.contentMask = ~strayBits,
                         .leafMask = pageSize,
                         .leafNeeds = present,
                         .leafWithout = present,
                         .presentMask = ~uint64_t(0)};
  const EntryRule pmd = {.contentMask = ~strayBits,
                         .leafMask = pageSize,
                         .leafNeeds = pageSize,
                         .leafWithout = present | protNone | pageSize,
                         .presentMask = ~uint64_t(0)};
  return {pgd, p4d, pud, pmd, EntryRule()};
}

/// pmd_none() of 32-bit kernels looks at the low word alone, as the halves of
/// a PAE entry are written one after the other; and without PAE there was no
/// erratum to work around.
void narrowTo32Bits(const PagingMode &mode, EntryRules &rules) {
  rules[Pmd].contentMask =
      mode.entryBytes == 8 ? lowBits(32) & ~strayBits : ~uint64_t(0);
}

void setOldRules(const PagingMode &mode, PtdumpRules &rules) {
  rules.zeroEntryKeeps = rules.denyMask;
  rules.rootGrantsAll = is32Bit(mode) && mode.levelCount == 3;
  rules.largeFlag = pageSize;
  // A level that is folded into the pgd is masked as the pgd.
  for (unsigned level = 1; level < mode.lastLevel(); ++level)
    rules.largeMask[level] =
        lowBits(mode.levels[level].shift) & ~rules.attributeMask;
  if (mode.levelCount == 5)
    rules.largeMask[P4d] = 0;
}

} // namespace

X86Dumper findDumper(const KernelImage &kernel) {
  const KernelVersion version = kernel.version();
  X86Dumper dumper;
  // linux v5.6: "x86: mm: convert dump_pagetables to use walk_page_range".
  dumper.commonWalker = version >= KernelVersion{5, 6};
  // linux v4.12: "x86: Convert the rest of the code to support p4d_t".
  dumper.hasP4d = version >= KernelVersion{4, 12};
  // linux v4.17: "x86/mm: Consider effective protection attributes in W+X
  // check".
  dumper.rightsOfPath = version >= KernelVersion{4, 17};
  // This marker came with the test for "present" in 4.15, and with both to
  // later 4.14 ones.
  dumper.asksForPresent =
      version >= KernelVersion{4, 15} ||
      std::any_of(kernel.markers.begin(), kernel.markers.end(), [](auto &m) {
        return llvm::StringRef(m.name).equals_insensitive("CPU entry area");
      });
  // __PHYSICAL_MASK_SHIFT: linux v4.14 and v4.17 page_64_types.h, v4.14 and
  // v4.19 page_32_types.h.
  if (!is32Bit(kernel.mode))
    dumper.physicalBits = version >= KernelVersion{4, 17} ? 52 : 46;
  else if (kernel.mode.entryBytes == 4)
    dumper.physicalBits = 32;
  else
    dumper.physicalBits = version >= KernelVersion{4, 19} ? 52 : 44;
  return dumper;
}

ListingPlan makePlan(const KernelImage &kernel, const X86Dumper &dumper) {
  const PagingMode &mode = kernel.mode;
  ListingPlan plan(mode, kernel.root, wording);
  plan.wording.addressDigits = is32Bit(mode) ? 8 : 16;
  plan.wording.presentMask = dumper.asksForPresent ? present : ~uint64_t(0);
  plan.context.levelNames = {"pgd", "p4d", "pud", "pmd", "pte"};
  plan.markers = kernel.markers;

  PtdumpRules &rules = plan.rules;
  rules.attributeMask =
      ~(mode.rootAddressBits().lowMask & lowBits(dumper.physicalBits));
  if (dumper.rightsOfPath) {
    rules.grantMask = writable | user;
    rules.denyMask = noExecute;
  }
  rules.advance = MarkerAdvance::One;
  rules.firstRunStartsAtZero = true;
  if (!dumper.commonWalker)
    setOldRules(mode, rules);

  // Levels are folded from the top; the top one that is left keeps the rules
  // of its own kind, but its holes are the pgd's.
  EntryRules byKind = dumper.commonWalker
                          ? makeCommonRules(kernel, rules.attributeMask)
                          : makeOwnRules();
  if (is32Bit(mode))
    narrowTo32Bits(mode, byKind);
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    const unsigned kind = level + (5 - mode.levelCount);
    plan.entryRules[level] = byKind[kind];
    rules.leafLevel[level] = int8_t(kind);
    rules.holeLevel[level] = level == 0 ? int8_t(Pgd) : int8_t(kind);
  }
  // The walker before 5.6 notes the pages of a folded level as the pgd's, and
  // a pgd that others are folded into is always present to it.
  if (!is32Bit(mode) || !dumper.commonWalker)
    rules.leafLevel[0] = Pgd;
  if (!dumper.commonWalker && mode.levelCount == 4 && !dumper.hasP4d)
    plan.entryRules[0] = byKind[Pgd];
  else if (!dumper.commonWalker && mode.levelCount != 5)
    plan.entryRules[0].leafWithout = 0;
  return plan;
}

} // namespace vmpt::x86
