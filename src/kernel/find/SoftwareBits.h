//===- SoftwareBits.h - what Linux keeps in bits of its own ---------------===//
#pragma once

#include <cstdint>
#include <optional>

namespace vmpt {

/// Bits of page table entries that the hardware leaves to software: linux
/// arch/*/include/asm/pgtable*.h. 0: there is no such bit.
struct SoftwareBits {
  uint64_t special = 0; ///< No struct page belongs to the entry.
  /// Of a present entry.
  uint64_t softDirty = 0, uffdWp = 0;
  /// Above the last level, where that is another bit.
  std::optional<uint64_t> largeSoftDirty;
  /// Of one that is not.
  uint64_t swapSoftDirty = 0, swapUffdWp = 0;
  uint64_t ignored = 0; ///< An entry of nothing but these is empty.
  /// pmd_present() looks at the hardware's bit alone, and takes a huge page
  /// that nobody may touch for one that is not there.
  bool hugeProtNoneIsAbsent = false;
};

} // namespace vmpt
