//===- Completions.h - what shells offer behind "vmpt" --------------------===//
//
// Made of the registry that --help is made of: commands, options, the values
// that an option takes, and which of them are files.
//
#pragma once

#include "support/Error.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace vmpt {

/// Prints the script for the shell that is the only one of \p words: bash, zsh
/// or fish.
llvm::Error printCompletions(llvm::ArrayRef<std::string> words,
                             llvm::raw_ostream &os);

} // namespace vmpt
