#include "support/Styles.h"

namespace vmpt {

/// ECMA-48, 8.3.117 SGR.
static llvm::StringLiteral getSequence(Style style) {
  switch (style) {
  case Style::Plain:
    break;
  case Style::Heading:
    return "\x1b[1m";
  case Style::Danger:
    return "\x1b[1;31m";
  case Style::Caution:
    return "\x1b[33m";
  case Style::Note:
    return "\x1b[36m";
  case Style::Added:
    return "\x1b[32m";
  case Style::Removed:
    return "\x1b[31m";
  }
  return "";
}

std::string styled(const llvm::raw_ostream &os, Style style,
                   llvm::StringRef text) {
  if (style == Style::Plain || !os.colors_enabled())
    return text.str();
  constexpr llvm::StringLiteral reset = "\x1b[0m";
  const bool endsLine = text.consume_back("\n");
  return getSequence(style).str() + text.str() + reset.str() +
         (endsLine ? "\n" : "");
}

} // namespace vmpt
