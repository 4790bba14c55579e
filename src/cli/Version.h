//===- Version.h - vmpt --version -----------------------------------------===//
#pragma once

#include "llvm/Support/raw_ostream.h"

namespace vmpt {

/// The version, the libraries and the dump formats that are built in.
void printVersion(llvm::raw_ostream &os);

} // namespace vmpt
