//===- Modes.h - every paging mode there is -------------------------------===//
#pragma once

#include "paging/PagingMode.h"

namespace vmpt {

/// All modes of an architecture, the likeliest first.
llvm::ArrayRef<const PagingMode *> getModes(Arch arch);
/// By name, or null.
const PagingMode *findMode(llvm::StringRef name);

} // namespace vmpt
