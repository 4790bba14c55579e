//===- Text.h - numbers as people write them ------------------------------===//
#pragma once

#include "support/Error.h"

#include "llvm/ADT/StringRef.h"

namespace vmpt {

/// Without white space around it. StringRef::trim() looks each character up in
/// a set that it makes first.
llvm::StringRef trimBlanks(llvm::StringRef text);

/// Decimal or 0x-hex, with an optional suffix K, M, G or T (powers of 1024).
/// \p what names the value in the error.
llvm::Expected<uint64_t> parseNumber(llvm::StringRef text,
                                     const llvm::Twine &what);

/// The text as one line that cannot steer a terminal: control characters (line
/// feeds and tabs, too), bytes that are no UTF-8, and characters that change
/// the order of others or are not seen are '?'. Other UTF-8 stays.
std::string printable(llvm::StringRef text);

/// A name that any bytes may be in, as /proc/PID/status writes it: a line feed
/// is "\\n" and a backslash two of them; else as `printable`.
std::string escapeName(llvm::StringRef name);

/// StringRef calls it by one name up to LLVM 15, by another since.
inline bool startsWith(llvm::StringRef text, llvm::StringRef prefix) {
  return text.take_front(prefix.size()) == prefix;
}

} // namespace vmpt
