#include "kernel/pages/NonPresentEntry.h"

namespace vmpt {

namespace {

constexpr unsigned maxSwapTypes = 32; ///< 1 << MAX_SWAPFILES_SHIFT

/// linux include/linux/swapops.h PTE_MARKER_*: bits of the marker's offset.
constexpr uint64_t uffdMarker = 1, poisonMarker = 2, guardMarker = 4;

struct ArchRules {
  Arch arch;
  uint8_t entryBytes;
  KernelVersion since; ///< The first version that writes entries so.
  NonPresentRules rules;
};

/// The newest first. That a version decides is a last resort: nothing in
/// symbols or types speaks of these bits.
constexpr ArchRules archRules[] = {
    // linux arch/x86/include/asm/pgtable_64.h, pgtable-3level.h "Encode and
    // de-code a swap entry": type in 63:59, offset turned in 58:9; _PAGE_PSE
    // and _PAGE_PROTNONE (bit 8) are zero. So since 4.19 and the L1TF fixes
    // of older series.
    {Arch::X86_64,
     8,
     {0, 0},
     {.protNone = bit(8),
      .hugeProtNone = bit(8) | bit(7),
      .isInverted = true,
      .typeShift = 59,
      .offsetShift = 9,
      .offsetBits = 50}},
    {Arch::I386,
     8,
     {0, 0},
     {.protNone = bit(8),
      .hugeProtNone = bit(8) | bit(7),
      .isInverted = true,
      .typeShift = 59,
      .offsetShift = 9,
      .offsetBits = 50}},
    // linux arch/x86/include/asm/pgtable-2level.h
    {Arch::I386,
     4,
     {0, 0},
     {.protNone = bit(8),
      .hugeProtNone = bit(8) | bit(7),
      .typeShift = 1,
      .offsetShift = 9,
      .offsetBits = 23}},
    // linux arch/arm64/include/asm/pgtable.h "Encode and decode a swap
    // entry". "arm64/mm: Move PTE_PRESENT_INVALID to overlay PTE_NG" (6.10)
    // gave PROT_NONE bit 11; before, it had bit 58, and bit 59 was for
    // invalidated huge pages. 6.0 took a bit from the type for "exclusive".
    {Arch::Arm64,
     8,
     {6, 10},
     {.protNone = bit(11),
      .hugeProtNone = bit(11),
      .typeShift = 6,
      .offsetShift = 12,
      .offsetBits = 50}},
    {Arch::Arm64,
     8,
     {5, 19},
     {.protNone = bit(58),
      .hugeProtNone = bit(58) | bit(59),
      .typeShift = 3,
      .offsetShift = 8,
      .offsetBits = 50}},
    {Arch::Arm64,
     8,
     {0, 0},
     {.protNone = bit(58),
      .hugeProtNone = bit(58) | bit(59),
      .typeShift = 2,
      .typeBits = 6,
      .offsetShift = 8,
      .offsetBits = 50}},
    // linux arch/riscv/include/asm/pgtable.h "Encode and decode a swap entry".
    // 6.3 took bit 6 for "exclusive"; 5.17 moved PROT_NONE from bit 1 to 5.
    {Arch::RiscV64,
     8,
     {6, 3},
     {.protNone = bit(5),
      .hugeProtNone = bit(5) | bits(3, 1),
      .typeShift = 7,
      .offsetShift = 12,
      .offsetBits = 52}},
    {Arch::RiscV64,
     8,
     {5, 17},
     {.protNone = bit(5),
      .hugeProtNone = bit(5) | bits(3, 1),
      .typeShift = 6,
      .offsetShift = 11,
      .offsetBits = 53}},
    {Arch::RiscV64,
     8,
     {0, 0},
     {.protNone = bit(1),
      .hugeProtNone = bit(1),
      .typeShift = 2,
      .offsetShift = 7,
      .offsetBits = 57}},
};

EntryKind classifyMarker(uint64_t offset) {
  if (offset & guardMarker)
    return EntryKind::GuardMarker;
  if (offset & poisonMarker)
    return EntryKind::PoisonMarker;
  return offset & uffdMarker ? EntryKind::UffdMarker : EntryKind::Unknown;
}

EntryKind classify(const SwapTypes &types, unsigned type, uint64_t offset) {
  // 6 bits of type (arm64 before 5.19) leave the upper half without use.
  if (type >= maxSwapTypes)
    return EntryKind::Unknown;
  unsigned first = maxSwapTypes - types.hwPoison - types.migration -
                   types.device - types.marker;
  if (type < first)
    return EntryKind::Swapped;
  struct {
    unsigned count;
    EntryKind kind;
  } const groups[] = {{types.hwPoison, EntryKind::HwPoison},
                      {types.migration, EntryKind::Migrating},
                      {types.device, EntryKind::Device}};
  for (const auto &[count, kind] : groups) {
    if (type < first + count)
      return kind;
    first += count;
  }
  return classifyMarker(offset);
}

} // namespace

llvm::StringRef getEntryKindName(EntryKind kind) {
  static constexpr llvm::StringLiteral names[entryKindCount] = {
      "untouched", "present",       "prot-none", "swapped",
      "migrating", "hwpoison",      "device",    "uffd-wp marker",
      "guard",     "poison marker", "unknown",   "table not in the dump"};
  return names[unsigned(kind)];
}

NonPresentEntry decodeNonPresent(const NonPresentRules &rules,
                                 const PagingMode &mode, uint64_t entry,
                                 unsigned level) {
  NonPresentEntry result;
  if (!entry)
    return result;
  const bool isLast = level == mode.lastLevel();
  if (entry & (isLast ? rules.protNone : rules.hugeProtNone)) {
    result.kind = EntryKind::ProtNone;
    result.address = mode.pageAddress(rules.isInverted ? ~entry : entry, level);
    return result;
  }
  result.swapType =
      unsigned(entry >> rules.typeShift & lowBits(rules.typeBits));
  const uint64_t offset = rules.isInverted ? ~entry : entry;
  result.swapOffset = offset >> rules.offsetShift & lowBits(rules.offsetBits);
  result.kind = classify(rules.types, result.swapType, result.swapOffset);
  return result;
}

NonPresentRules getNonPresentRules(const PagingMode &mode,
                                   KernelVersion version) {
  for (const ArchRules &row : archRules)
    if (row.arch == mode.arch && row.entryBytes == mode.entryBytes &&
        version >= row.since)
      return row.rules;
  return {};
}

SwapTypes findSwapTypes(const TypeSources &types, const SymbolSource &symbols) {
  auto hasEnumerator = [&](llvm::StringRef name) {
    llvm::Expected<uint64_t> value = types.getEnumConstant(name);
    if (!value)
      llvm::consumeError(value.takeError());
    return bool(value);
  };
  SwapTypes found;
  // 5.19 brought PG_anon_exclusive, with it a third type of migration, and
  // the markers.
  if (hasEnumerator("PG_locked") && !hasEnumerator("PG_anon_exclusive")) {
    found.migration = 2;
    found.marker = 0;
  }
  const std::vector<std::optional<Symbol>> code =
      symbols.findAll({"vfs_read", "memory_failure", "migrate_pages",
                       "make_device_exclusive_range", "make_device_exclusive",
                       "device_private_entry_fault"});
  if (!code[0]) // in every kernel: there are no symbols
    return found;
  if (!code[1])
    found.hwPoison = 0;
  if (!code[2])
    found.migration = 0;
  found.device = code[3] || code[4] ? 4 : code[5] ? 2 : 0;
  return found;
}

} // namespace vmpt
