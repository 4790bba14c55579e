//===- UtsName.h - the kernel's image by the name that it bears -----------===//
#pragma once

#include "kernel/find/KernelArch.h"
#include "kernel/find/RootCheck.h"

namespace vmpt {

/// VMCOREINFO has the virtual address of init_uts_ns, which holds "Linux" and
/// the kernel's release: where memory has both at the same place in a page, the
/// image lies there, and so does its top table. Needs no table. A few roots at
/// most: a kdump kernel of the same release waits elsewhere in memory. Looks no
/// further than to one of which \p isProven says so.
std::vector<RootGuess>
guessRootsByUtsName(const PhysicalMemory &memory, const Vmcoreinfo &info,
                    const ImageSymbols &symbols, Diagnostics &diagnostics,
                    llvm::function_ref<bool(const RootGuess &)> isProven);

/// With a top table at \p root the kernel's name would be at a place that is in
/// the dump and has something else.
bool lacksUtsName(const PhysicalMemory &memory, const Vmcoreinfo &info,
                  const ImageSymbols &symbols, PhysAddr root);

} // namespace vmpt
