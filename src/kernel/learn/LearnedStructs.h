//===- LearnedStructs.h - struct layouts from memory, when asked for ------===//
//
// The last of a kernel's type sources, where no other one knows structs (no
// BTF, no vmlinux). It answers as declared layouts do, so readers of areas,
// paths and threads do not know the difference. A group of structs is learned
// when the first of its members is asked for; what stays unknown has a reason,
// which every error about a member repeats.
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// Gives \p kernel such a source, if no types know its structs. The error is a
/// place that the user gave, and that memory shows to be another.
llvm::Error learnStructs(Kernel &kernel, Diagnostics &diagnostics);

} // namespace vmpt
