//===- OptionJudge.h - options against what the dump proves ---------------===//
//
// The one place that decides what becomes of an option. It has to apply to the
// architecture (`KernelArch::options`), else it is a UsageError. The kernel is
// then looked for with the options; where that does not confirm them, once more
// without. What that search confirms is proven, and an option that says
// something else is a UsageError that names both; with `force` it is taken, and
// is a gap.
//
#pragma once

#include "kernel/find/KernelImage.h"

namespace vmpt {

/// A UsageError for a value that fits no paging mode of any architecture, or
/// none of that which --arch names.
llvm::Error checkValues(const KernelOverrides &overrides);

/// A UsageError if one of the options says nothing about \p arch.
llvm::Error checkApplies(const KernelOverrides &overrides,
                         const KernelArch &arch);

/// The first of the options that contradicts \p proven, a kernel that was
/// found without them; \p found is the one with them, or null. A sentence that
/// names both sides, and nothing if there is none.
std::optional<std::string> findContradiction(const KernelOverrides &overrides,
                                             const KernelImage *found,
                                             const KernelImage &proven);

} // namespace vmpt
