//===- JsonReader.h - JSON that we wrote, read again ----------------------===//
//
// What comes from another process, or out of a file that was cut off, is any
// bytes: depth and members are bounded, and a number is one that a Value holds.
//
#pragma once

#include "output/Record.h"
#include "support/Error.h"

namespace vmpt {

/// One object and nothing else but blanks. Addresses come as the text that they
/// are in JSON. A FormatError says where \p text is no such object.
llvm::Expected<Record> parseJsonObject(llvm::StringRef text);

} // namespace vmpt
