//===- Text.h - numbers as people write them ------------------------------===//
#pragma once

#include "support/Error.h"

#include "llvm/ADT/StringRef.h"

namespace vmpt {

/// Decimal or 0x-hex, with an optional suffix K, M, G or T (powers of 1024).
/// \p what names the value in the error.
llvm::Expected<uint64_t> parseNumber(llvm::StringRef text,
                                     const llvm::Twine &what);

/// The text with everything but printable ASCII, blanks and line feeds
/// replaced by '?': text from a dump must not steer a terminal.
std::string printable(llvm::StringRef text);

} // namespace vmpt
