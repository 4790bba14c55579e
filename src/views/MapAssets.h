//===- MapAssets.h - the files in views/map, as the build puts them together //
#pragma once

#include "llvm/ADT/StringRef.h"

namespace vmpt {

/// The page up to its data, and from behind its data on.
llvm::StringRef getMapPageStart();
llvm::StringRef getMapPageEnd();

} // namespace vmpt
