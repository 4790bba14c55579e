//===- NonPresentEntry.h - page table entries that the MMU does not use ---===//
//
// Linux keeps much in entries without the present bit: pages that nobody may
// touch (PROT_NONE, NUMA hints), where a page was swapped to, that it is on
// its way elsewhere, that it is broken, and markers for ranges without pages.
// The last kinds are "swap types" above those of swap files.
//
#pragma once

#include "debuginfo/Symbols.h"
#include "debuginfo/Types.h"
#include "kernel/find/NonPresentRules.h"
#include "paging/PagingMode.h"

namespace vmpt {

class Kernel;

enum class EntryKind : uint8_t {
  Untouched,    ///< Empty: never used, or given back.
  Present,      ///< The MMU uses it.
  ProtNone,     ///< A page that may not be touched: PROT_NONE or NUMA hint.
  Swapped,      ///< On a swap device, or on its way.
  Migrating,    ///< Being moved to another frame.
  HwPoison,     ///< Its memory has failed.
  Device,       ///< In memory of a device (CONFIG_DEVICE_PRIVATE).
  UffdMarker,   ///< No page; userfaultfd write protection is remembered.
  GuardMarker,  ///< No page; MADV_GUARD_INSTALL.
  PoisonMarker, ///< No page; touching it is an error.
  Unknown,      ///< Not empty, and none of the above.
  TableAbsent,  ///< The table is not in the dump.
};
inline constexpr unsigned entryKindCount = unsigned(EntryKind::TableAbsent) + 1;

/// "untouched", "present", "prot-none", "swapped", ...
llvm::StringRef getEntryKindName(EntryKind kind);

struct NonPresentEntry {
  EntryKind kind = EntryKind::Untouched;
  std::optional<PhysAddr> address; ///< ProtNone: the page.
  unsigned swapType = 0;           ///< Swapped, and kinds made of swap types.
  uint64_t swapOffset = 0;         ///< In pages; of others: a frame, or flags.
};

/// Decodes an entry that is a hole to the MMU.
NonPresentEntry decodeNonPresent(const NonPresentRules &rules,
                                 const PagingMode &mode, uint64_t entry,
                                 unsigned level);

/// The architecture's rules, with the swap types of a usual configuration.
/// Nothing in a dump speaks of these bits, so the version decides.
NonPresentRules getNonPresentRules(const PagingMode &mode,
                                   KernelVersion version);

/// Which swap types this kernel keeps, by the functions and enumerators of
/// what it was configured with; `swap_info[]`, which has a pointer for each
/// type of swap files, wins where it contradicts those.
SwapTypes findSwapTypes(const TypeSources &types, const SymbolSource &symbols,
                        KernelVersion version,
                        std::optional<uint64_t> swapInfoWords);

/// Both for a dumped kernel.
NonPresentRules findNonPresentRules(const Kernel &kernel);

} // namespace vmpt
