//===- Suggest.h - the word that was meant --------------------------------===//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace vmpt {

/// "; did you mean 'kernel'?" for a word that is nearly one of \p known: one or
/// two letters differ, and not more than a third of them. Else empty.
std::string suggest(llvm::StringRef word, llvm::ArrayRef<std::string> known);

} // namespace vmpt
