//===- Arm64.cpp - the wording of arm64 kernels ---------------------------===//
//
// linux v5.6 to v7.3 arch/arm64/mm/ptdump.c; up to 5.5 arch/arm64/mm/dump.c,
// a walker of its own. What differs is in the table `generations`; a kernel's
// row is found by its own marker array where it has one, else by its version.
//
// Only the bits of the columns can end a line. With LPA2 the bits of SHD are
// address bits, which the kernel overlooks; so do we.
//
// A kernel's level counts from the one it was configured with: a top table of
// three levels is a "pud" to the code, with holes that are said to be PGD. Up
// to 6.8 a table of names translates the rest; from 6.9 on a folded pud's
// level becomes that of the pgd before it is compared, whether it was folded
// when the kernel was built or at boot. A pmd's does not, so a block in a top
// table of two levels is a PMD beside holes that are PGD.
//
#include "paging/modes/Arm64.h"
#include "listing/ListingArch.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr uint64_t user = bit(6), readOnly = bit(7), shared = bits(9, 8),
                   accessed = bit(10), notGlobal = bit(11), guarded = bit(50),
                   contiguous = bit(52), privilegedNoExecute = bit(53),
                   userNoExecute = bit(54), memoryType = bits(4, 2);
using arm64::tableBit;
using arm64::validBit;

constexpr AttributeField column(uint64_t bits, llvm::StringLiteral set,
                                llvm::StringLiteral clear) {
  return {bits, bits, set, clear};
}
/// One of several names in the same place: nothing if it is not this one.
constexpr AttributeField typeName(uint64_t index, llvm::StringLiteral name) {
  return {memoryType, index << 2, name, ""};
}

constexpr AttributeField
    valid = column(validBit, " ", "F"),
    usr = column(user, "USR", "   "), ro = column(readOnly, "ro", "RW"),
    nx = column(privilegedNoExecute, "NX", "x "),
    shd = column(shared, "SHD", "   "), af = column(accessed, "AF", "  "),
    ng = column(notGlobal, "NG", "  "), con = column(contiguous, "CON", "   "),
    uxn = column(userNoExecute, "UXN", "   "),
    // Up to 5.7: nothing at all, not even blanks, if clear.
    uxnAlone = column(userNoExecute, "UXN", ""),
    gp = column(guarded, "GP", "  ");
/// Any entry with a clear bit 1, valid or not; from 6.15 on a valid one.
constexpr AttributeField blkLoose = {tableBit, tableBit, "   ", "BLK"},
                         blk = {tableBit | validBit, validBit, "BLK", "   "};

/// All columns: the eight that never changed, then the version's own.
template <size_t N, size_t M>
constexpr std::array<AttributeField, 8 + N + M>
columns(const AttributeField (&own)[N], const AttributeField (&types)[M]) {
  std::array<AttributeField, 8 + N + M> all = {valid, usr, ro, nx,
                                               shd,   af,  ng, con};
  std::copy(own, own + N, all.begin() + 8);
  std::copy(types, types + M, all.begin() + 8 + N);
  return all;
}

// Index in MAIR_EL1, linux arch/arm64/include/asm/memory.h MT_*: renumbered in
// 5.10, and Device-GRE and Normal-WT (which has no name) dropped in 5.14.
constexpr AttributeField typesOf4_9[] = {
    typeName(0, "DEVICE/nGnRnE"), typeName(1, "DEVICE/nGnRE"),
    typeName(2, "DEVICE/GRE"), typeName(3, "MEM/NORMAL-NC"),
    typeName(4, "MEM/NORMAL")};
constexpr AttributeField typesOf5_10[] = {
    typeName(4, "DEVICE/nGnRnE"), typeName(5, "DEVICE/nGnRE"),
    typeName(6, "DEVICE/GRE"),    typeName(2, "MEM/NORMAL-NC"),
    typeName(0, "MEM/NORMAL"),    typeName(1, "MEM/NORMAL-TAGGED")};
constexpr AttributeField typesOf5_14[] = {
    typeName(3, "DEVICE/nGnRnE"), typeName(4, "DEVICE/nGnRE"),
    typeName(2, "MEM/NORMAL-NC"), typeName(0, "MEM/NORMAL"),
    typeName(1, "MEM/NORMAL-TAGGED")};

constexpr auto fieldsOf4_9 = columns({blkLoose, uxnAlone}, typesOf4_9);
constexpr auto fieldsOf5_8 = columns({blkLoose, uxn, gp}, typesOf4_9);
constexpr auto fieldsOf5_10 = columns({blkLoose, uxn, gp}, typesOf5_10);
constexpr auto fieldsOf5_14 = columns({blkLoose, uxn, gp}, typesOf5_14);
constexpr auto fieldsOf6_15 = columns({blk, uxn, gp}, typesOf5_14);

/// What keeps an invalid entry "present": PTE_PROT_NONE (bit 58), and in a pmd
/// also PMD_PRESENT_INVALID (bit 59) from 5.10 on; from 6.10 on nG in both.
constexpr uint64_t protNone = bit(58), presentInvalid = bit(59);

/// Who may execute: user code where it may read, else the kernel. Nothing in
/// the columns is "dirty".
constexpr AttributeMeaning meanings[] = {
    {"present", validBit, validBit},
    {"writable", validBit | readOnly, validBit},
    {"executable", validBit | user | userNoExecute, validBit | user},
    {"executable", validBit | user | privilegedNoExecute, validBit},
    {"user", validBit | user, validBit | user},
    {"global", validBit | notGlobal, validBit},
    {"accessed", validBit | accessed, validBit | accessed},
};

struct Generation {
  KernelVersion since;
  llvm::StringLiteral source;
  llvm::ArrayRef<AttributeField> fields;
  bool printsEmptyRuns;
  int initialLevel;
  bool foldsAtRunTime;
  uint64_t pudPresent, pmdPresent;
};

constexpr llvm::StringLiteral dumpC = "linux v4.9 to v5.5 arch/arm64/mm/dump.c",
                              ptdumpC =
                                  "linux v5.6 to v7.3 arch/arm64/mm/ptdump.c";

// clang-format off
const Generation generations[] = {
//  since       source   fields    empty  level  folds  pud present               pmd present
  {{0, 0},      dumpC,   fieldsOf4_9,  false, -1, false, validBit | protNone,  validBit | protNone},
  // ptdump_walk() does not set the level to -1: no first header, and the first
  // line starts at 0 (still so in 5.10.262; right in 5.15).
  {{5, 6},      ptdumpC, fieldsOf4_9,  true,   0, false, validBit | protNone,  validBit | protNone},
  {{5, 8},      ptdumpC, fieldsOf5_8,  true,   0, false, validBit | protNone,  validBit | protNone},
  {{5, 10},     ptdumpC, fieldsOf5_10, true,   0, false, validBit | protNone,  validBit | protNone | presentInvalid},
  {{5, 14},     ptdumpC, fieldsOf5_14, true,   0, false, validBit | protNone,  validBit | protNone | presentInvalid},
  {{5, 15},     ptdumpC, fieldsOf5_14, true,  -1, false, validBit | protNone,  validBit | protNone | presentInvalid},
  {{6, 9},      ptdumpC, fieldsOf5_14, true,  -1, true,  validBit | protNone,  validBit | protNone | presentInvalid},
  {{6, 10},     ptdumpC, fieldsOf5_14, true,  -1, true,  validBit | notGlobal, validBit | notGlobal},
  {{6, 15},     ptdumpC, fieldsOf6_15, true,  -1, true,  validBit | notGlobal, validBit | notGlobal},
};
// clang-format on

/// The kernel's version as far as its marker array bears it out: vendors and
/// stable branches backport, but the array is what this kernel was built with.
KernelVersion versionOf(const KernelImage &kernel) {
  KernelVersion version = kernel.version();
  if (!kernel.dumper)
    return version;
  auto indexOf = [&](llvm::StringRef name) {
    return std::find_if(
               kernel.markers.begin(), kernel.markers.end(),
               [&](const AddressMarker &m) { return m.name == name; }) -
           kernel.markers.begin();
  };
  const auto missing = std::ptrdiff_t(kernel.markers.size());
  constexpr unsigned any = ~0u;
  if (indexOf("Linear Mapping start") == missing)
    return std::min(version, KernelVersion{5, 3, any});
  if (indexOf("BPF start") != missing)
    return std::clamp(version, KernelVersion{5, 6}, KernelVersion{5, 14, any});
  const auto fixmap = indexOf("Fixmap start"),
             vmemmap = indexOf("vmemmap start");
  if (vmemmap < fixmap)
    return std::max(version, KernelVersion{6, 9});
  if (vmemmap != missing)
    return std::min(version, KernelVersion{6, 8, any});
  return version;
}

const Generation &generationOf(KernelVersion version) {
  const Generation *found = &generations[0];
  for (const Generation &generation : generations)
    if (generation.since <= version)
      found = &generation;
  return *found;
}

/// linux mm/pagewalk.c and arch/arm64/include/asm/pgtable.h: *_none, *_bad,
/// *_leaf, *_present.
EntryRules makeEntryRules(const PagingMode &mode,
                          const Generation &generation) {
  // A pgd or p4d without bit 1 is bad, hence a hole; whether it is valid is
  // not asked.
  const EntryRule upper = {.soundMask = tableBit,
                           .soundBits = tableBit,
                           .presentMask = ~uint64_t(0)};
  EntryRule pud = {.leafMask = tableBit | validBit,
                   .tableBits = tableBit | validBit,
                   .leafNeeds = generation.pudPresent,
                   .presentMask = generation.pudPresent};
  // pud_sect() and pud_table() are constants with 64K pages.
  if (mode.pageShift == 16)
    pud.leafMask = pud.tableBits = 0;
  EntryRule pmd = pud;
  pmd.leafMask = pmd.tableBits = tableBit | validBit;
  pmd.leafNeeds = pmd.presentMask = generation.pmdPresent;

  const EntryRule byLinuxLevel[] = {upper, upper, pud, pmd, EntryRule()};
  EntryRules rules;
  for (unsigned level = 0; level < mode.levelCount; ++level)
    rules[level] = byLinuxLevel[level + 5 - mode.levelCount];
  return rules;
}

/// The parts that do not depend on whose table it is.
ListingPlan makePlan(const KernelImage &kernel, PhysAddr root,
                     const Generation &generation) {
  const PagingMode &mode = kernel.mode;
  Wording wording = {.source = generation.source,
                     .fields = generation.fields,
                     .printsEmptyRuns = generation.printsEmptyRuns,
                     .meanings = meanings,
                     .memoryTypes = generation.fields.drop_while(
                         [](const AttributeField &field) {
                           return field.mask != memoryType;
                         })};
  ListingPlan plan(mode, root, wording);
  plan.entryRules = makeEntryRules(mode, generation);
  plan.rules.attributeMask = 0;
  for (const AttributeField &field : generation.fields)
    plan.rules.attributeMask |= field.mask;
  plan.rules.advance = MarkerAdvance::OneOrTwo;
  plan.rules.initialLevel = generation.initialLevel;

  for (unsigned level = 0; level < mode.levelCount; ++level)
    plan.rules.leafLevel[level] = plan.rules.holeLevel[level] =
        int8_t(level + 5 - mode.levelCount);
  plan.rules.holeLevel[0] = 0;
  if (generation.foldsAtRunTime && plan.rules.leafLevel[0] == 2)
    plan.rules.leafLevel[0] = 0;
  plan.context.levelNames = {"PGD", "P4D", "PUD", "PMD", "PTE"};
  if (!generation.foldsAtRunTime) {
    if (mode.levelCount <= 3)
      plan.context.levelNames[2] = "PGD";
    if (mode.levelCount <= 2)
      plan.context.levelNames[3] = "PGD";
  }
  return plan;
}

ListingPlan planKernel(const KernelImage &kernel) {
  const KernelVersion version = versionOf(kernel);
  const Generation &generation = generationOf(version);
  ListingPlan plan = makePlan(kernel, kernel.root, generation);
  plan.markers = kernel.markers;
  // From 6.9 on the walk starts where the hardware's half starts; before, at
  // the configured one's, and a 52-bit table is walked whole on any hardware.
  const unsigned bits = generation.foldsAtRunTime && kernel.virtualBits
                            ? kernel.virtualBits
                            : kernel.mode.virtualBits;
  plan.ranges = {{VirtAddr(-bit(bits)), VirtAddr(~uint64_t(0))}};
  return plan;
}

ListingPlan planEfi(const KernelImage &kernel, PhysAddr root) {
  const KernelVersion version = versionOf(kernel);
  ListingPlan plan = makePlan(kernel, root, generationOf(version));
  const unsigned bits =
      kernel.virtualBits ? kernel.virtualBits : kernel.mode.virtualBits;
  // DEFAULT_MAP_WINDOW_64: 1 << VA_BITS_MIN; TASK_SIZE_64 is what is in use.
  const unsigned windowBits = std::min<unsigned>(
      bits, kernel.mode.pageShift == 14 && bits > 48 ? 47 : 48);
  const uint64_t taskSize = bit(bits);
  plan.markers = {{0, "UEFI runtime start"},
                  {bit(windowBits), "UEFI runtime end"}};
  plan.ranges = {{VirtAddr(0), VirtAddr(taskSize - 1)}};
  // note_page_flush() knows the range's end from 7.2 on, and in 6.12 from
  // 6.12.110 on ("arm64: ptdump: Make note_page_flush() range aware").
  const bool endsWithRange =
      version >= KernelVersion{7, 2} ||
      (version >= KernelVersion{6, 12, 110} && version < KernelVersion{6, 13});
  plan.rules.flushAddress = endsWithRange ? taskSize : 0;
  return plan;
}

} // namespace

const ListingArch listingArchArm64 = {.planKernel = planKernel,
                                      .planEfi = planEfi};

} // namespace vmpt
