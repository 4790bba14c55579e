//===- TopTables.h - top tables that nothing names ------------------------===//
//
// Without VMCOREINFO, registers or a banner there is still memory. A page is
// taken for a top table where all its entries are sound in a mode, and what it
// maps is what a kernel's tables map: its own page, at one distance from its
// physical address, and at the same distance the tables that it leads to and
// most of memory. Tasks share the kernel's half with the kernel, so tables with
// one half are judged together. Tables of a task that maps no kernel (arm64's
// TTBR0, PTI's second table) are judged beside those that do.
//
#pragma once

#include "memory/PhysicalMemory.h"
#include "paging/PagingMode.h"
#include "support/Diagnostics.h"

namespace vmpt {

enum class TopTableKind : uint8_t {
  Kernel,    ///< Maps the kernel, and nothing in the user half.
  Process,   ///< Maps the kernel and a process.
  UserTable, ///< The table that user code of a process runs on (x86 PTI).
  User,      ///< Maps a process alone: arm64's TTBR0, s390x, ....
  Identity,  ///< Maps itself where it is: firmware, early boot, kexec.
  Ended, ///< Maps the kernel alone, and is not its own: a process has ended.
};
/// "kernel", "process", "user-table", "user", "identity", "ended"
llvm::StringRef getTopTableName(TopTableKind kind);

struct TopTable {
  PhysAddr root;
  const PagingMode *mode = nullptr;
  TopTableKind kind = TopTableKind::Kernel;
  /// Where it maps itself.
  std::optional<VirtAddr> self;
  /// How many of the list have this half of the kernel, it included.
  size_t sharers = 1;
  uint64_t userBytes = 0, kernelBytes = 0; ///< What it maps.
  uint64_t tableBytes = 0;                 ///< Below it, in the user half.
  uint64_t absentTables = 0;               ///< Of these, not in the dump.
  /// Of the kernel's half, not in the dump, though no filter left them out.
  uint64_t lostKernelTables = 0;
  bool isCut = false; ///< More tables than are followed.
};

struct TopTables {
  std::vector<TopTable> tables; ///< The most shared first, then by address.
  bool isCut = false;           ///< There may be more.
};

/// Looks at each page of memory once, in \p modes; all must outlive the result.
/// Tables that candidates lead to are looked at once for each mode and level,
/// so time and memory are bounded by the pages that there are. Of tables that
/// map the kernel alone, those are its own that are among \p known, else those
/// that lie in its image, as its tables or its init_mm show that; where nothing
/// tells, all.
TopTables findTopTables(const PhysicalMemory &memory,
                        llvm::ArrayRef<const PagingMode *> modes,
                        Diagnostics &diagnostics,
                        llvm::ArrayRef<PhysAddr> known = {});

} // namespace vmpt
