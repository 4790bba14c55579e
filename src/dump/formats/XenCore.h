//===- XenCore.h - guests dumped by Xen's toolstack (xl dump-core) --------===//
//
// ELF64 without program headers. Section .xen_pages holds pages, .xen_pfn the
// guest frame number of each (HVM and PVH guests; ~0 is no page). Paravirtual
// guests have .xen_p2m and page tables of machine frames, which is another
// matter. Sources: xen docs/misc/dump-core-format.txt,
// tools/libs/ctrl/xc_core.c, xen/include/public/arch-x86/xen.h.
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

/// True for an ELF file with a .xen_pages section.
bool isXenCore(Bytes file);

/// Fills format, memory, machine and notes of \p dump. \p file must outlive
/// the dump.
llvm::Error readXenCore(Bytes file, Dump &dump);

} // namespace vmpt
