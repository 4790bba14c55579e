#include "listing/SavedListing.h"

#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

#include <algorithm>
#include <utility>

namespace vmpt {

namespace {

bool isLevel(llvm::StringRef word) {
  return llvm::StringSwitch<bool>(word.lower())
      .Cases("pgd", "p4d", "pud", "pmd", "pte", true)
      .Default(false);
}

/// "0x" and digits, which are taken off \p text.
bool takeAddress(llvm::StringRef &text, uint64_t &value, size_t &digits) {
  if (!text.consume_front("0x"))
    return false;
  const llvm::StringRef number =
      text.take_while([](char c) { return llvm::isHexDigit(c); });
  digits = number.size();
  if (digits > 16 || number.getAsInteger(16, value))
    return false;
  text = text.drop_front(digits);
  return true;
}

/// "16K"
bool isSize(llvm::StringRef word) {
  return word.size() > 1 && llvm::StringRef("BKMGTPE").contains(word.back()) &&
         llvm::all_of(word.drop_back(),
                      [](char c) { return llvm::isDigit(c); });
}

/// "0x...-0x...   16K ...". False if it makes no sense.
bool parseLine(llvm::StringRef text, SavedLine &line) {
  uint64_t first = 0, end = 0;
  size_t digits = 0;
  if (!takeAddress(text, first, digits) || !text.consume_front("-") ||
      !takeAddress(text, end, digits))
    return false;
  // Power names the last byte. The end of the last line is 0 elsewhere: one
  // past the last address.
  constexpr uint64_t inPage = 0xfff;
  end += (end & inPage) == inPage;
  const uint64_t last = digits <= 8 ? (end - 1) & ~uint64_t(0) >> 32 : end - 1;
  if (last < first)
    return false;
  line.first = VirtAddr(first);
  line.last = VirtAddr(last);
  llvm::SmallVector<llvm::StringRef, 16> words;
  llvm::SplitString(text, words);
  auto word = words.begin();
  // riscv's physical address, that of --phys, or "-" for none.
  if (word != words.end() && (startsWith(*word, "0x") || *word == "-"))
    ++word;
  if (word == words.end() || !isSize(*word++))
    return false;
  line.isUnknown = llvm::StringRef(text).contains("not in the dump:");
  for (; word != words.end() && !line.isUnknown; ++word)
    if (isLevel(*word) && line.level.empty())
      line.level = word->str();
    else if (word->find_first_not_of('.') != llvm::StringRef::npos)
      line.words.push_back(word->str());
  return line.isUnknown || !line.level.empty();
}

/// "... 65520 entries skipped ... ": of addresses between two lines.
SavedLine makeSkipped(const SavedListing &listing) {
  SavedLine line;
  line.isUnknown = line.isSkipped = true;
  line.section = uint32_t(listing.sections.size());
  if (!listing.lines.empty())
    line.first = listing.lines.back().last + 1;
  line.last = VirtAddr(~uint64_t(0));
  return line;
}

/// A skipped part ends where the next line starts.
void addLine(SavedListing &listing, SavedLine line, bool &endsSkipped) {
  if (std::exchange(endsSkipped, false) &&
      line.first > listing.lines.back().first)
    listing.lines.back().last = line.first - 1;
  listing.lines.push_back(std::move(line));
}

} // namespace

bool isSavedListing(llvm::StringRef text) {
  text = text.ltrim();
  uint64_t first;
  size_t digits;
  return startsWith(text, "---[ ") ||
         (takeAddress(text, first, digits) && startsWith(text, "-0x"));
}

llvm::Expected<SavedListing> parseListing(llvm::StringRef text,
                                          size_t maxLines) {
  SavedListing listing;
  bool isInSkipped = false;
  for (size_t number = 1; !text.empty(); ++number) {
    llvm::StringRef row;
    std::tie(row, text) = text.split('\n');
    row = row.rtrim("\r \t");
    SavedLine line;
    line.section = uint32_t(listing.sections.size());
    if (row.empty())
      continue;
    if (listing.lines.size() >= maxLines ||
        startsWith(row, "--- the listing ends here")) {
      listing.isCut = true;
      break;
    }
    if (row.consume_front("---[ ") && row.consume_back(" ]---"))
      listing.sections.push_back(row.str());
    else if (startsWith(row, "... ") && row.contains("skipped")) {
      if (!std::exchange(isInSkipped, true))
        listing.lines.push_back(makeSkipped(listing));
    } else if (parseLine(row, line))
      addLine(listing, std::move(line), isInSkipped);
    else
      return llvm::make_error<FormatError>(
          "line " + std::to_string(number) +
          " is none of a page-table listing: '" +
          printable(row.take_front(80)) + "'");
  }
  if (listing.lines.empty())
    return llvm::make_error<FormatError>(
        "a page-table listing without lines; the kernel's file has some");
  return listing;
}

// linux v6.12 arch/x86/mm/dump_pagetables.c (PSE), arch/arm64/mm/ptdump.c (BLK,
// CON, AF), arch/riscv/mm/ptdump.c (N, A, D),
// arch/powerpc/mm/ptdump/book3s64.c (the rest).
bool isRight(llvm::StringRef word) {
  return !llvm::StringSwitch<bool>(word)
              .Cases("PSE", "BLK", "CON", "AF", true)
              .Cases("N", "A", "D", true)
              .Cases("dirty", "accessed", "pte", "hpte", "busy", true)
              .Cases("f_second", "combo", "4K_pfn", true)
              .Default(startsWith(word, "f_gix:"));
}

} // namespace vmpt
