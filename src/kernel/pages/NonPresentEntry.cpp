#include "kernel/pages/NonPresentEntry.h"

#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

constexpr unsigned maxSwapTypes = 32; ///< 1 << MAX_SWAPFILES_SHIFT

/// linux include/linux/swapops.h PTE_MARKER_*: bits of the marker's offset.
constexpr uint64_t uffdMarker = 1, poisonMarker = 2, guardMarker = 4;

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
  for (const NonPresentFormat &format :
       findKernelArch(mode.arch)->nonPresentFormats)
    if (format.entryBytes == mode.entryBytes && version >= format.since)
      return format.rules;
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
