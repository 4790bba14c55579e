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
struct KernelImage;
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
  /// It maps itself to itself, for what that is worth.
  bool isFixedPoint = false;
};

/// No image is larger: x86-64's KERNEL_IMAGE_SIZE is 1 GiB, others' less.
inline constexpr uint64_t maxImageBytes = uint64_t(1) << 30;

/// Reads the root, and the entries on the way to one or two symbols.
RootJudgement judgeRoot(const PhysicalMemory &memory, const PagingMode &mode,
                        PhysAddr root, const ImageSymbols &symbols);

/// Why the table at \p root, which somebody names, can be no top table in
/// \p mode, whatever it maps: it is not aligned, not in the dump, or its
/// entries are not those of one. Nothing if it can.
std::optional<std::string> findTableFault(const PhysicalMemory &memory,
                                          const PagingMode &mode,
                                          PhysAddr root);

/// The same for a task's table, which on architectures where it maps the kernel
/// maps it as \p kernel does.
std::optional<std::string> findTaskRootFault(const KernelImage &kernel,
                                             const PhysicalMemory &memory,
                                             PhysAddr root);

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
  std::string doubt; ///< Why it is not confirmed; empty if it is.
};

/// Looks at all of memory for roots that map themselves, the likeliest first.
/// Where some are confirmed, those alone. Looks no further than to a confirmed
/// one of which \p isProven says so.
std::vector<FoundRoot>
findRoots(const PhysicalMemory &memory, llvm::ArrayRef<ModeChoice> modes,
          const ImageSymbols &symbols, Diagnostics &diagnostics,
          llvm::function_ref<bool(const FoundRoot &)> isProven);

} // namespace vmpt
