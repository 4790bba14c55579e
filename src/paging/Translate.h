//===- Translate.h - one address through the page tables ------------------===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"

#include "llvm/ADT/SmallVector.h"

namespace vmpt {

/// One entry on the way from the root to a page.
struct TranslationStep {
  unsigned level;
  PhysAddr entryAddress;
  uint64_t entry;
};

/// Where a virtual address leads, as the MMU would find it.
struct Translation {
  enum class Outcome : uint8_t {
    Mapped,
    NotPresent,  ///< The last step's entry is a hole.
    Reserved,    ///< The MMU takes the last step's entry for a fault.
    NotCovered,  ///< The root does not translate such addresses.
    TableAbsent, ///< `absent` names the entry that is not in the dump.
  };
  Outcome outcome = Outcome::NotPresent;
  PhysAddr address; ///< Mapped: the byte's physical address.
  /// Size of the page, or of what is not mapped: the naturally aligned piece
  /// around the address.
  uint64_t pageBytes = 0;
  AbsentByte absent = {}; ///< TableAbsent only.
  llvm::SmallVector<TranslationStep, maxLevels> steps;

  bool isMapped() const { return outcome == Outcome::Mapped; }
  /// What all entries on the way together allow; nothing if not mapped.
  PageRights rights(const PagingMode &mode) const {
    uint8_t denied = 0;
    for (const TranslationStep &step : steps)
      denied |= mode.deniedBy(step.entry, step.level);
    return isMapped() ? PageRights::without(denied) : PageRights();
  }
};

/// Addresses that mode.coverage leaves out are faults without any step.
Translation translate(const PhysicalMemory &memory, const PagingMode &mode,
                      PhysAddr root, VirtAddr address);

/// The entry of a table, zero-extended to 64 bits.
std::optional<AbsentByte> readEntry(const PhysicalMemory &memory,
                                    const PagingMode &mode, PhysAddr at,
                                    uint64_t &entry);

} // namespace vmpt
