//===- KernelFinder.h - the search for a kernel, as it is asked for -------===//
#pragma once

#include "kernel/find/KernelImage.h"
#include "kernel/find/RegisterRoots.h"

namespace vmpt {

/// One search, with options that nobody has judged yet (OptionJudge.h). What
/// was tried goes to \p attempts.
llvm::Expected<KernelImage> searchKernel(const Dump &dump,
                                         const PhysicalMemory &memory,
                                         const KernelOverrides &overrides,
                                         Diagnostics &diagnostics,
                                         Attempts &attempts);

/// What follows from the candidate that was chosen.
KernelImage makeKernelImage(const RootQuery &query,
                            const KernelCandidate &chosen,
                            const Attempts &attempts);

/// Bytes of the kernel's image that the file should have, or that the container
/// takes for no RAM, as it cannot be.
uint64_t countLostBytes(const PhysicalMemory &memory, const KernelImage &image);

/// Does the container name a machine that nobody here knows? --arch says that
/// it is wrong.
llvm::Error checkMachine(const Dump &dump, const KernelOverrides &overrides);

} // namespace vmpt
