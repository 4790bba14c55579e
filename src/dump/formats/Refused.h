//===- Refused.h - files that vmpt knows and cannot read ------------------===//
//
// A sentence that says what the file is and how to get a readable one beats
// megabytes of "raw image". One table of {magic, where, sentence}.
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

/// True if the bytes begin like a format of the table.
bool isRefused(Bytes file);

/// Always an UnsupportedError: the table's sentence for \p file.
llvm::Error refuse(Bytes file, Dump &dump);

} // namespace vmpt
