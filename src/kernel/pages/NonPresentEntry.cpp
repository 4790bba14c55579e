#include "kernel/pages/NonPresentEntry.h"

#include "kernel/context/Kernel.h"
#include "kernel/find/KernelArch.h"

#include <algorithm>

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
  if (mode.isEmpty(entry, level))
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
    if (format.entryBytes == mode.entryBytes && version >= format.since) {
      NonPresentRules rules = format.rules;
      if (!rules.offsetShift) {
        rules.offsetShift = mode.pageShift;
        rules.offsetBits = uint8_t(rules.offsetBits - mode.pageShift);
      }
      return rules;
    }
  return {};
}

namespace {

/// How many of the 32 types are not swap files', by `swap_info[]`, which has
/// one pointer for each that is.
struct SwapCount {
  unsigned atLeast = 0, atMost = maxSwapTypes;
};

/// The size of a symbol may be the distance to the next, and so include what
/// aligns that one.
SwapCount countOtherTypes(uint64_t swapInfoWords) {
  constexpr uint64_t maxPaddingWords = 7;
  SwapCount count;
  if (swapInfoWords <= maxPaddingWords ||
      swapInfoWords > maxSwapTypes + maxPaddingWords)
    return count;
  count.atLeast =
      maxSwapTypes - unsigned(std::min<uint64_t>(swapInfoWords, maxSwapTypes));
  count.atMost = maxSwapTypes - unsigned(swapInfoWords - maxPaddingWords);
  return count;
}

/// SWP_DEVICE_NUM of all releases; the fewest that fit win.
void fitDeviceTypes(SwapTypes &types, SwapCount others) {
  const unsigned rest = types.hwPoison + types.migration + types.marker;
  auto fits = [&](unsigned device) {
    return rest + device >= others.atLeast && rest + device <= others.atMost;
  };
  if (fits(types.device))
    return;
  for (unsigned device : {0, 2, 3, 4, 6})
    if (fits(device)) {
      types.device = uint8_t(device);
      return;
    }
}

} // namespace

SwapTypes findSwapTypes(const TypeSources &types, const SymbolSource &symbols,
                        KernelVersion version,
                        std::optional<uint64_t> swapInfoWords) {
  auto hasEnumerator = [&](llvm::StringRef name) {
    llvm::Expected<uint64_t> value = types.getEnumConstant(name);
    if (!value)
      llvm::consumeError(value.takeError());
    return bool(value);
  };
  SwapTypes found;
  // 5.19 brought PG_anon_exclusive, with it a third type of migration, and
  // the markers.
  const bool isOld = hasEnumerator("PG_locked")
                         ? !hasEnumerator("PG_anon_exclusive")
                         : version < KernelVersion{5, 19};
  if (isOld) {
    found.migration = 2;
    found.marker = 0;
  }
  const std::vector<std::optional<Symbol>> code =
      symbols.findAll({"vfs_read", "memory_failure", "migrate_pages",
                       "make_device_exclusive_range", "make_device_exclusive",
                       "device_private_entry_fault"});
  if (code[0]) { // in every kernel: else there are no symbols
    if (!code[1])
      found.hwPoison = 0;
    if (!code[2])
      found.migration = 0;
    // 5.14; one type less since 6.15, by another function.
    found.device = code[3] ? 4 : code[4] ? 3 : code[5] ? 2 : 0;
    if (code[4] && hasEnumerator("SOFTLEAF_MIGRATION_DEVICE_READ"))
      found.device = 6;
  }
  if (swapInfoWords)
    fitDeviceTypes(found, countOtherTypes(*swapInfoWords));
  return found;
}

NonPresentRules findNonPresentRules(const Kernel &kernel) {
  const KernelVersion version = kernel.image().version();
  NonPresentRules rules = getNonPresentRules(kernel.image().mode, version);
  std::optional<uint64_t> swapInfoWords;
  if (std::optional<Symbol> array = kernel.symbols().find("swap_info");
      array && array->sizeBytes)
    swapInfoWords = array->sizeBytes / kernel.image().wordBytes();
  rules.types =
      findSwapTypes(kernel.types(), kernel.symbols(), version, swapInfoWords);
  return rules;
}

} // namespace vmpt
