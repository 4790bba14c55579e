#include "support/Utf8.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"

namespace vmpt {

namespace {

/// Not ASCII, and nothing for a terminal or the middle of a line: Unicode's
/// categories Cc, Cf, Zl and Zp, what is ignored by default (invisible), and
/// what is no character. Unicode 15.1, DerivedCoreProperties.txt and
/// UnicodeData.txt.
constexpr struct {
  uint32_t first, last;
} unseenRanges[] =
    {
        {0x80, 0x9f},   // C1 control characters
        {0xad, 0xad},   // soft hyphen
        {0x34f, 0x34f}, // combining grapheme joiner
        {0x600, 0x605}, // Arabic number signs
        {0x61c, 0x61c}, // Arabic letter mark
        {0x6dd, 0x6dd},     {0x70f, 0x70f},
        {0x890, 0x891},     {0x8e2, 0x8e2},
        {0x115f, 0x1160}, // Hangul fillers
        {0x17b4, 0x17b5}, // Khmer inherent vowels
        {0x180b, 0x180f}, // Mongolian variation selectors, vowel separator
        {0x200b, 0x200f}, // zero width, left-to-right and right-to-left marks
        {0x2028, 0x202e}, // line and paragraph separators, bidi embeddings
        {0x2060, 0x206f}, // word joiner, bidi isolates
        {0x3164, 0x3164}, // Hangul filler
        {0xfdd0, 0xfdef}, // no characters
        {0xfe00, 0xfe0f}, // variation selectors
        {0xfeff, 0xfeff}, // byte order mark
        {0xffa0, 0xffa0}, // Hangul filler
        {0xfff0, 0xfffb}, // annotations
        {0xfffe, 0xffff}, // no characters
        {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
        {0x13430, 0x1343f}, // hieroglyph format controls
        {0x1bca0, 0x1bca3}, // shorthand format controls
        {0x1d173, 0x1d17a}, // musical format controls
        {0xe0000, 0xe0fff}, // tags, variation selectors
};

bool isSeen(uint32_t character) {
  if (character < 0x80)
    return llvm::isPrint(char(character));
  if ((character & 0xfffe) == 0xfffe)
    return false; // no character in any plane
  for (const auto &range : unseenRanges)
    if (character >= range.first && character <= range.last)
      return false;
  return true;
}

} // namespace

Utf8Character firstCharacter(llvm::StringRef text) {
  auto begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  const llvm::UTF8 *next = begin;
  llvm::UTF32 value = 0;
  if (llvm::convertUTF8Sequence(&next, begin + text.size(), &value,
                                llvm::strictConversion) != llvm::conversionOK)
    return {uint8_t(text.front()), 1, /*isValid=*/false, /*isSeen=*/false};
  return {value, unsigned(next - begin), /*isValid=*/true, isSeen(value)};
}

size_t countPlain(llvm::StringRef text) {
  size_t count = 0;
  while (count < text.size() && llvm::isPrint(text[count]))
    ++count;
  return count;
}

size_t startOfCharacter(llvm::StringRef text, size_t at) {
  constexpr uint8_t continuationMask = 0xC0, continuation = 0x80;
  while (at && (uint8_t(text[at]) & continuationMask) == continuation)
    --at;
  return at;
}

} // namespace vmpt
