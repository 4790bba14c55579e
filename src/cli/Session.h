//===- Session.h - what every command begins with -------------------------===//
#pragma once

#include "cli/Options.h"
#include "dump/OpenDump.h"
#include "kernel/context/KernelDebug.h"
#include "output/OutputFile.h"

namespace vmpt {

/// Warnings and progress go to standard error, progress only if that is a
/// terminal.
Diagnostics &standardDiagnostics();

/// Opens the dump that the options name. Errors carry the file's name.
llvm::Expected<Dump> openDump(const Options &options);

/// The file that -o names, before the work: nothing that the options read is
/// written to, and only --force replaces a file. Errors carry its name.
llvm::Expected<std::unique_ptr<OutputFile>>
createOutput(const Options &options);

/// What the options say of the kernel. A UsageError for those that cannot be.
llvm::Expected<KernelOverrides> makeOverrides(const Options &options);

/// Finds its kernel, through \p memory: the dump's own, or a decorator.
llvm::Expected<KernelImage> findKernel(const Options &options, const Dump &dump,
                                       const PhysicalMemory &memory);

/// Its symbols and types, from the dump and from what the options name. Errors
/// carry the name of the file that they are about.
llvm::Expected<std::unique_ptr<KernelDebug>>
findDebug(const Options &options, const KernelImage &kernel,
          const PhysicalMemory &memory);

struct ListingPlan;
/// Prints a listing; the exit status. Gaps are named on standard error.
llvm::Expected<int> printListing(const Options &options,
                                 const ListingPlan &plan,
                                 const PhysicalMemory &memory);

/// --format: true for json. Another word is a UsageError.
llvm::Expected<bool> wantsJson(const Options &options);

/// "'vmcore': " in front of the message, the class of the error kept.
llvm::Error withFileName(const Options &options, llvm::Error error);

/// A warning on standard error, "vmpt: warning: 'vmcore': ...".
void warn(const Options &options, const llvm::Twine &message);

} // namespace vmpt
