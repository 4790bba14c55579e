//===- Styles.h - words that a terminal may show in colour ----------------===//
//
// A view says what a word is; whether it is in colour, the stream knows
// (raw_ostream::enable_colors, which --color decides). Colours never tell
// anything that the text does not.
//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <string>

namespace vmpt {

enum class Style : uint8_t {
  Plain,
  Heading, ///< Bold.
  Danger,  ///< Red, bold: what no sound kernel has.
  Caution, ///< Yellow: what deserves a look; what is not in the dump.
  Note,    ///< Cyan.
  Added,   ///< Green.
  Removed, ///< Red.
};

/// \p text, between the escape sequences of the style if \p os shows colours.
/// A line's end stays outside, so that nothing colours the next line.
std::string styled(const llvm::raw_ostream &os, Style style,
                   llvm::StringRef text);

} // namespace vmpt
