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
#include "kernel/image/KernelVersion.h"
#include "paging/PagingMode.h"

namespace vmpt {

enum class EntryKind : uint8_t {
  Untouched,    ///< Zero: never used, or given back.
  Present,      ///< The MMU uses it.
  ProtNone,     ///< A page that may not be touched: PROT_NONE or NUMA hint.
  Swapped,      ///< On a swap device, or on its way.
  Migrating,    ///< Being moved to another frame.
  HwPoison,     ///< Its memory has failed.
  Device,       ///< In memory of a device (CONFIG_DEVICE_PRIVATE).
  UffdMarker,   ///< No page; userfaultfd write protection is remembered.
  GuardMarker,  ///< No page; MADV_GUARD_INSTALL.
  PoisonMarker, ///< No page; touching it is an error.
  Unknown,      ///< Not zero, and none of the above.
  TableAbsent,  ///< The table is not in the dump.
};
inline constexpr unsigned entryKindCount = unsigned(EntryKind::TableAbsent) + 1;

/// "untouched", "present", "prot-none", "swapped", ...
llvm::StringRef getEntryKindName(EntryKind kind);

/// How many swap types the kernel keeps for other purposes, counted down from
/// 31; linux include/linux/swap.h MAX_SWAPFILES. In that order, the lowest
/// first: memory failure, migration, device memory, markers.
struct SwapTypes {
  uint8_t hwPoison = 1;  ///< CONFIG_MEMORY_FAILURE
  uint8_t migration = 3; ///< CONFIG_MIGRATION; 2 before 5.19
  uint8_t device = 0;    ///< CONFIG_DEVICE_PRIVATE: 4; 2 before 5.14
  uint8_t marker = 1;    ///< Since 5.19.
};

/// An architecture's way of writing them.
struct NonPresentRules {
  uint64_t protNone = 0;     ///< In the last level.
  uint64_t hugeProtNone = 0; ///< Above it.
  /// x86 with 64-bit entries: the address of a PROT_NONE page and the swap
  /// offset have all their bits turned, so that no such entry leads a
  /// speculating CPU to memory (L1TF).
  bool isInverted = false;
  uint8_t typeShift = 0, typeBits = 5;
  uint8_t offsetShift = 0, offsetBits = 0;
  SwapTypes types;
};

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
/// what it was configured with.
SwapTypes findSwapTypes(const TypeSources &types, const SymbolSource &symbols);

} // namespace vmpt
