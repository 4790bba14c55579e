//===- GivenNames.h - are the names of --symbol and --offset of use? ------===//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// The names of symbols, types and members ("comm", "thread_info.cpu") that
/// vmpt asks for anywhere, sorted. The source is made of the other sources.
llvm::ArrayRef<llvm::StringLiteral> getAskedNames();

/// "--symbol init_tsak is no name that vmpt uses; did you mean 'init_task'?" of
/// the first of the given names that is of no use to anybody: neither does vmpt
/// ask for it, nor does the dump, or a file, know it.
std::optional<std::string> findUnusedName(const Kernel &kernel,
                                          const DebugInputs &given);

} // namespace vmpt
