//===- RootCheck.h - is a table the kernel's own root? --------------------===//
//
// A root is believed when it is its own fixed point (paging/FixedPoint.h) and
// maps more than itself: a second symbol of the kernel's image leads to where
// it lies beside the root, and the table does not lead everywhere alike. x86-64
// has tables whose 512 entries are all equal (linux v6.12
// arch/x86/kernel/espfix_64.c); in memory that is off by one page such a table
// points to itself, and so is a fixed point of every address.
//
#pragma once

#include "debuginfo/Symbols.h"
#include "kernel/image/Vmcoreinfo.h"
#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"
#include "support/Diagnostics.h"

namespace vmpt {

struct KernelArch;
struct RootQuery;

/// Addresses in the kernel's image, which is one piece of physical memory.
struct ImageSymbols {
  VirtAddr self;        ///< Of the top table.
  std::string selfName; ///< "swapper_pg_dir"
  std::vector<Symbol> others;
};

/// By VMCOREINFO or kallsyms; nothing if \p symbols do not name the top table
/// as Linux on \p arch calls it.
std::optional<ImageSymbols> findImageSymbols(const KernelArch &arch,
                                             const SymbolSource &symbols);

enum class RootVerdict : uint8_t {
  Confirmed,
  /// Nothing speaks against it, but what would confirm it is not in the dump.
  Unconfirmed,
  Refuted,
};

struct RootJudgement {
  RootVerdict verdict = RootVerdict::Refuted;
  std::string reason; ///< Why it is not confirmed.
};

/// Reads the root, and the entries on the way to one or two symbols.
RootJudgement judgeRoot(const PhysicalMemory &memory, const PagingMode &mode,
                        PhysAddr root, const ImageSymbols &symbols);

/// A paging mode to try.
struct ModeChoice {
  /// Without the address bit that says "encrypted".
  PagingMode mode;
  uint64_t encryptionMask = 0; ///< That bit (x86-64: SME, SEV); else 0.
};

/// Those that \p arch may run in, the likeliest first; \p reason tells why.
std::vector<ModeChoice> listModes(const KernelArch &arch,
                                  const RootQuery &query, std::string &reason);

struct FoundRoot {
  PhysAddr root;
  ModeChoice mode;
};

/// Looks at all of memory for roots that are confirmed, the likeliest first.
std::vector<FoundRoot> findRoots(const PhysicalMemory &memory,
                                 llvm::ArrayRef<ModeChoice> modes,
                                 const ImageSymbols &symbols,
                                 Diagnostics &diagnostics);

} // namespace vmpt
