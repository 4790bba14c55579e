//===- Utf8.h - what a character of untrusted text does to a reader -------===//
//
// Keeps to C++17, see output/JsonWriter.h.
//
#pragma once

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace vmpt {

struct Utf8Character {
  uint32_t value = 0; ///< The byte itself where it is no UTF-8.
  unsigned bytes = 1;
  bool isValid = false;
  /// It shows, and does nothing else: no control character, nothing that
  /// orders, joins or hides others.
  bool isSeen = false;
};

/// The character that \p text, which is not empty, begins with.
Utf8Character firstCharacter(llvm::StringRef text);

/// How many bytes at the beginning of \p text are ASCII that is seen, as nearly
/// all text is: nothing more has to be found out of these.
size_t countPlain(llvm::StringRef text);

/// Where the character begins that the byte at \p at, inside of \p text, is of.
size_t startOfCharacter(llvm::StringRef text, size_t at);

} // namespace vmpt
