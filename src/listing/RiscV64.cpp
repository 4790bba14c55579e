//===- RiscV64.cpp - the wording of RISC-V kernels ------------------------===//
//
// What is peculiar: a column with the physical address of a line's first
// entry, which does not end a line when it jumps; no line for what is not
// mapped; a note that crosses several markers prints all their headers, so
// that empty sections stand in the text.
//
// Levels are folded at run time from the top: Sv39 starts at the pud, Sv48 at
// the p4d, and the top level is called PGD whatever it is. Linux maps no page
// at pgd or p4d level, though the hardware could.
//
// Two layouts of the attribute columns: linux v6.1 and v6.12
// arch/riscv/mm/ptdump.c. Columns N and MT came with the number in RSW, in
// one series that is in 6.7 and not in 6.6.
//
#include "paging/modes/RiscV64.h"
#include "listing/ListingArch.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr AttributeField oldFields[] = {
    {bit(8), bit(8), "RSW", "   "}, {bit(7), bit(7), "D", "."},
    {bit(6), bit(6), "A", "."},     {bit(5), bit(5), "G", "."},
    {bit(4), bit(4), "U", "."},     {bit(3), bit(3), "X", "."},
    {bit(2), bit(2), "W", "."},     {bit(1), bit(1), "R", "."},
    {bit(0), bit(0), "V", "."},
};

/// A column of several texts is several rows, of which one prints something.
constexpr AttributeField newFields[] = {
    {bit(63), bit(63), "N", "."},
    {bits(62, 61), 0, "  ..  "},
    {bits(62, 61), bit(61), "MT(NC)"},
    {bits(62, 61), bit(62), "MT(IO)"},
    {bits(62, 61), bits(62, 61), "MT(?\?)"},
    {bits(9, 8), 0, "  ..  "},
    {bits(9, 8), bit(8), "RSW(1)"},
    {bits(9, 8), bit(9), "RSW(2)"},
    {bits(9, 8), bits(9, 8), "RSW(3)"},
    {bit(7), bit(7), "D", "."},
    {bit(6), bit(6), "A", "."},
    {bit(5), bit(5), "G", "."},
    {bit(4), bit(4), "U", "."},
    {bit(3), bit(3), "X", "."},
    {bit(2), bit(2), "W", "."},
    {bit(1), bit(1), "R", "."},
    {bit(0), bit(0), "V", "."},
};

constexpr AttributeMeaning meanings[] = {
    {"present", bit(0), bit(0)},
    {"writable", bit(0) | bit(2), bit(0) | bit(2)},
    {"executable", bit(0) | bit(3), bit(0) | bit(3)},
    {"user", bit(0) | bit(4), bit(0) | bit(4)},
    {"global", bit(0) | bit(5), bit(0) | bit(5)},
    {"accessed", bit(0) | bit(6), bit(0) | bit(6)},
    {"dirty", bit(0) | bit(7), bit(0) | bit(7)},
};

/// [riscv/priv] "Svpbmt".
constexpr AttributeField memoryTypes[] = {
    {bits(62, 61), 0, "PMA"},
    {bits(62, 61), bit(61), "NC"},
    {bits(62, 61), bit(62), "IO"},
};

constexpr Wording oldWording = {
    .source = "linux v5.17 to v6.6 arch/riscv/mm/ptdump.c",
    .physicalColumn = true,
    .fields = oldFields,
    .printsEmptyRuns = false,
    .meanings = meanings,
    .memoryTypes = memoryTypes,
};
constexpr Wording newWording = {
    .source = "linux v6.7 to v7.3 arch/riscv/mm/ptdump.c",
    .physicalColumn = true,
    .fields = newFields,
    .printsEmptyRuns = false,
    .meanings = meanings,
    .memoryTypes = memoryTypes,
};

/// pte_pfn(): in a NAPOT entry the lowest set bit of the frame number says
/// how large the group is. linux v6.12 arch/riscv/include/asm/pgtable.h.
PhysAddr physicalOf(uint64_t entry) {
  uint64_t frame = (entry & riscv64::pageNumber.lowMask) >> 10;
  if (entry & riscv64::napot)
    frame &= frame - 1;
  return PhysAddr(frame << 12);
}

/// Names of the pgd, p4d, pud, pmd and pte by the number of levels. 5.10 and
/// 5.15 take the number that was configured, which is the actual one there.
std::array<const char *, 5> levelNames(unsigned levelCount) {
  return {"PGD", levelCount > 4 ? "P4D" : "PGD", levelCount > 3 ? "PUD" : "PGD",
          "PMD", "PTE"};
}

/// linux v6.12 arch/riscv/include/asm/pgtable-64.h and pgtable.h.
EntryRules makeEntryRules(unsigned levelCount) {
  constexpr uint64_t valid = riscv64::valid, leaf = riscv64::readWriteExecute;
  constexpr uint64_t protNone = bit(5); // the G bit of an invalid entry
  const EntryRule upper = {.soundMask = valid,
                           .soundBits = valid, // p*d_bad(): not present
                           .presentMask = valid};
  const EntryRule pud = {
      .leafMask = leaf, .leafNeeds = valid, .presentMask = valid};
  const EntryRule pmd = {.leafMask = leaf,
                         .leafNeeds = valid | protNone | leaf,
                         .presentMask = valid | protNone | leaf};
  EntryRules rules = {upper, upper, pud, pmd, EntryRule()};
  std::rotate(rules.begin(), rules.begin() + (5 - levelCount), rules.end());
  return rules;
}

ListingPlan planKernel(const KernelImage &kernel) {
  const PagingMode &mode = kernel.mode;
  std::optional<bool> isNew;
  if (kernel.dumper)
    isNew = kernel.dumper->wordsRswAsNumber;
  if (!isNew)
    isNew = kernel.version() >= KernelVersion{6, 7};
  ListingPlan plan(mode, kernel.root, *isNew ? newWording : oldWording);
  plan.context.levelNames = levelNames(mode.levelCount);
  plan.context.physicalOf = physicalOf;
  plan.markers = kernel.markers;
  plan.entryRules = makeEntryRules(mode.levelCount);
  plan.rules.attributeMask = 0;
  for (const AttributeField &field : plan.wording.fields)
    plan.rules.attributeMask |= field.mask;
  plan.rules.advance = MarkerAdvance::All;
  for (unsigned level = 0; level < mode.levelCount; ++level)
    plan.rules.leafLevel[level] = plan.rules.holeLevel[level] =
        int8_t(level + 5 - mode.levelCount);
  // KERN_VIRT_START: the upper half of the address space.
  plan.ranges = {
      {VirtAddr(~lowBits(mode.virtualBits - 1)), VirtAddr(~uint64_t(0))}};
  return plan;
}

/// linux v6.12 arch/riscv/mm/ptdump.c, efi_ptd_info: up to 2 GiB, though the
/// marker says 1.
ListingPlan planEfi(const KernelImage &kernel, PhysAddr root) {
  ListingPlan plan = planKernel(kernel);
  plan.root = root;
  constexpr uint64_t gibibyte = bit(30);
  plan.markers = {{0, "UEFI runtime start"}, {gibibyte, "UEFI runtime end"}};
  plan.ranges = {{VirtAddr(0), VirtAddr(2 * gibibyte - 1)}};
  return plan;
}

} // namespace

const ListingArch listingArchRiscV64 = {.planKernel = planKernel,
                                        .planEfi = planEfi};

} // namespace vmpt
