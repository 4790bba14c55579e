//===- VmcoreinfoScan.h - VMCOREINFO where no container names it ----------===//
#pragma once

#include "kernel/image/Vmcoreinfo.h"
#include "memory/PhysicalMemory.h"
#include "support/Diagnostics.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>

namespace vmpt {

struct FoundVmcoreinfo {
  PhysAddr address; ///< Of the note, or of the bare text.
  bool isNote;      ///< Else: text in a page of its own, without a header.
  Vmcoreinfo info;
};

/// The note at \p at, an address that somebody names; nothing if none is there.
std::optional<FoundVmcoreinfo> readVmcoreinfoNote(const PhysicalMemory &memory,
                                                  PhysAddr at);

/// Every running kernel keeps its VMCOREINFO as an ELF note at the start of a
/// page (linux kernel/vmcore_info.c). Looks at the first bytes of each page
/// that is present. Notes come first in the result, then bare texts that repeat
/// none of the notes. There can be several: a kdump kernel that waits, a kernel
/// before kexec, guests in the memory of a host. Looks no further than to a
/// note of which \p isEnough says so; a text may stand in front of its note.
std::vector<FoundVmcoreinfo> scanPagesForVmcoreinfo(
    const PhysicalMemory &memory, Diagnostics &diagnostics,
    llvm::function_ref<bool(const Vmcoreinfo &)> isEnough = [](auto &) {
      return false;
    });

/// The same; if that finds nothing, looks at all bytes, for kernels before
/// 4.13, whose note stands in the bss.
std::vector<FoundVmcoreinfo> scanForVmcoreinfo(
    const PhysicalMemory &memory, Diagnostics &diagnostics,
    llvm::function_ref<bool(const Vmcoreinfo &)> isEnough = [](auto &) {
      return false;
    });

} // namespace vmpt
