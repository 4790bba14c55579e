#include "listing/Wording.h"

#include "support/Error.h"
#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"

#include <cassert>
#include <cstring>

namespace vmpt {

std::vector<llvm::StringRef> Wording::wordsOf(const Run &run) const {
  std::vector<llvm::StringRef> words;
  if (run.isAbsent() || !hasFields(run.state))
    return words;
  auto add = [&](llvm::StringRef word) {
    word = word.trim();
    if (word.find_first_not_of('.') != llvm::StringRef::npos)
      words.push_back(word);
  };
  for (const AttributeField &field : pathFields)
    add(textOf(field, run.state, run.state.effective));
  for (const AttributeField &field : fields)
    add(textOf(field, run.state));
  return words;
}

std::optional<bool> Wording::means(llvm::StringRef word,
                                   const RunState &state) const {
  std::optional<bool> isSo;
  for (const AttributeMeaning &meaning : meanings)
    if (meaning.word == word)
      isSo = isSo.value_or(false) ||
             (meaning.appliesTo(state.level) &&
              (state.attributes & meaning.mask) == meaning.value);
  return isSo;
}

void TextPrinter::section(llvm::StringRef name) {
  os_ << styled(os_, Style::Heading, "---[ " + printable(name) + " ]---\n");
}

void TextPrinter::skipped(uint64_t count) {
  // The blank before the line's end is the kernel's.
  os_ << "... " << count << (count == 1 ? " entry" : " entries")
      << " skipped ... \n";
}

namespace {

/// Room for all but the words of a line: three addresses, a size of up to 19
/// digits, what stands between them, and what is copied beyond its end.
constexpr size_t rangeBytes = 128;

constexpr auto hexPairs = [] {
  std::array<std::array<char, 2>, 256> pairs = {};
  for (unsigned byte = 0; byte < 256; ++byte)
    pairs[byte] = {"0123456789abcdef"[byte >> 4],
                   "0123456789abcdef"[byte & 15]};
  return pairs;
}();

/// A number of digits that compilers know, so that they unroll the loop.
template <unsigned digits> char *writeDigits(char *to, uint64_t value) {
  for (unsigned i = 0; i < digits / 2; ++i)
    std::memcpy(to + 2 * i,
                hexPairs[uint8_t(value >> (4 * digits - 8 * (i + 1)))].data(),
                2);
  return to + digits;
}

/// "0x" and \p digits, 8 or 16, of \p value.
char *writeHex(char *to, uint64_t value, unsigned digits) {
  std::memcpy(to, "0x", 2);
  return digits == 16 ? writeDigits<16>(to + 2, value)
                      : writeDigits<8>(to + 2, value);
}

/// Decimal, right-aligned to nine columns.
char *writeSize(char *to, uint64_t value) {
  constexpr size_t columns = 9, maxDigits = 20;
  char digits[maxDigits];
  std::memset(digits, ' ', maxDigits);
  char *const last = digits + maxDigits;
  char *first = last;
  do
    *--first = char('0' + value % 10);
  while (value /= 10);
  if (size_t(last - first) <= columns) {
    std::memcpy(to, last - columns, columns);
    return to + columns;
  }
  std::memcpy(to, first, size_t(last - first));
  return to + (last - first);
}

/// As the kernel has it: in the largest unit that leaves no rest.
char *writeSizeAndUnit(char *to, uint64_t size, bool isInBytes) {
  const char *unit = "BKMGTPE";
  if (!isInBytes) {
    size >>= 10;
    ++unit;
  }
  while (!(size & 1023) && unit[1]) {
    size >>= 10;
    ++unit;
  }
  to = writeSize(to, size);
  *to++ = *unit;
  *to++ = ' ';
  return to;
}

size_t hashOf(const RunState &state) {
  uint64_t mixed =
      state.attributes + 3 * state.effective + unsigned(state.level);
  return size_t((mixed * 0x9e3779b97f4a7c15) >> 58);
}

} // namespace

/// What is copied is more than what was written: that is faster than to count.
[[gnu::always_inline]] inline char *TextPrinter::copy(const Written &written,
                                                      char *line) {
  std::memcpy(line, written.text.data(), written.text.size());
  return line + written.size;
}

void TextPrinter::setAddress(uint64_t address) {
  // The next address is often near.
  constexpr unsigned lowDigits = 6;
  char *const text = address_.text.data();
  if (address_.size && (address_.value ^ address) >> (4 * lowDigits) == 0)
    writeDigits<lowDigits>(text + address_.size - lowDigits, address);
  else
    address_.size =
        unsigned(writeHex(text, address, wording_.addressDigits) - text);
  address_.value = address;
}

/// With its unit and the blank behind it.
void TextPrinter::setSize(uint64_t size) {
  char *const text = size_.text.data();
  size_.size =
      unsigned(writeSizeAndUnit(text, size, wording_.sizeInBytes) - text);
  size_.value = size;
}

char *TextPrinter::writeRange(const Run &run, char *line) {
  if (!address_.size || address_.value != run.start)
    setAddress(run.start);
  line = copy(address_, line);
  *line++ = '-';
  setAddress(run.end - wording_.endIsInclusive);
  line = copy(address_, line);
  // As many as any wording has, without a call.
  constexpr unsigned widestGap = 16;
  assert(wording_.gapWidth <= widestGap);
  std::memset(line, ' ', widestGap);
  line += wording_.gapWidth;
  if (wording_.physicalColumn) {
    *line++ = ' ';
    line = writeHex(line, context_.physicalOf(run.firstEntry).value,
                    wording_.addressDigits);
    *line++ = ' ';
  }
  // 32-bit kernels compute the size in 32 bits: the last line's end is 0.
  uint64_t size = run.size();
  if (wording_.addressDigits == 8)
    size &= 0xffffffff;
  if (!size_.size || size_.value != size)
    setSize(size);
  return copy(size_, line);
}

std::string TextPrinter::fieldsFor(const RunState &state) const {
  if (!wording_.hasFields(state))
    return std::string(wording_.blankWidth, ' ');
  std::string fields;
  auto add = [&](llvm::StringRef text) {
    if (!wording_.levelLast && !text.empty())
      fields += ' ';
    fields += text;
  };
  for (const AttributeField &field : wording_.pathFields)
    add(wording_.textOf(field, state, state.effective));
  for (const AttributeField &field : wording_.fields)
    add(wording_.textOf(field, state));
  return fields;
}

std::string TextPrinter::wordsFor(const RunState &state) const {
  // The blank before the first column is that before the level; where the level
  // comes last, columns have their own.
  if (!wording_.namesLevel)
    return llvm::StringRef(fieldsFor(state))
               .drop_front(wording_.levelLast ? 0 : 1)
               .str() +
           '\n';
  std::string level = context_.levelNames[state.level];
  return styled(os_, styleOf(state),
                wording_.levelLast ? fieldsFor(state) + level + '\n'
                                   : level + fieldsFor(state) + '\n');
}

Style TextPrinter::styleOf(const RunState &state) const {
  if (!wording_.hasFields(state) ||
      !wording_.means("executable", state).value_or(false))
    return Style::Plain;
  return wording_.means("writable", state).value_or(false) ? Style::Danger
                                                           : Style::Added;
}

std::string TextPrinter::wordsForAbsent(const Run &run) const {
  return styled(os_, Style::Caution,
                ("not in the dump: " +
                 llvm::Twine(context_.levelNames[run.absentTableLevel()]) +
                 " table at " + hex(run.absentTable()) + " (" +
                 getAbsenceName(run.absence()) + ")\n")
                    .str());
}

void TextPrinter::run(const Run &run) {
  char line[rangeBytes + sizeof(Words::text)];
  if (run.isAbsent()) {
    os_.write(line, size_t(writeRange(run, line) - line));
    os_ << wordsForAbsent(run);
    return;
  }
  if (!run.state.attributes && !wording_.printsEmptyRuns)
    return;
  Words &words = words_[hashOf(run.state)];
  char *end = writeRange(run, line);
  if (!words.size || !(words.state == run.state)) {
    const std::string text = wordsFor(run.state);
    if (text.size() > words.text.size()) {
      os_.write(line, size_t(end - line)) << text;
      return;
    }
    words.state = run.state;
    words.size = text.size();
    llvm::copy(text, words.text.begin());
  }
  // Most have less: that much is copied without a call.
  constexpr size_t usual = 64;
  std::memcpy(end, words.text.data(), usual);
  if (words.size > usual)
    std::memcpy(end + usual, words.text.data() + usual, words.size - usual);
  os_.write(line, size_t(end - line) + words.size);
}

namespace {

constexpr unsigned physicalDigits = 16;

void printPhysical(llvm::raw_ostream &os, const RunNotes &notes) {
  constexpr unsigned width = 2 + physicalDigits;
  os << ' ';
  if (notes.physical)
    os << llvm::format_hex(notes.physical->value, width);
  else
    os << llvm::left_justify("-", width);
  os << (notes.repeats ? '*' : ' ');
}

void printNames(llvm::raw_ostream &os, const RangeNames &found) {
  llvm::StringRef before = "  ";
  for (const RangeName &name : found.names) {
    os << before << name.kind << ' '
       << (name.name.empty() ? "anonymous" : printable(name.name));
    before = ", ";
  }
  if (found.moreCount)
    os << ", and " << found.moreCount << " more";
}

} // namespace

void TextPrinter::annotated(const Run &run, const RunNotes &notes) {
  if (!wording_.prints(run))
    return;
  char line[rangeBytes];
  llvm::StringRef range(line, size_t(writeRange(run, line) - line));
  if (notes.hasPhysical) {
    // "0xFIRST-0xEND   ", then the column, where the kernel has none.
    const size_t spanBytes =
        2 * (2 + wording_.addressDigits) + 1 + wording_.gapWidth;
    os_ << range.take_front(spanBytes);
    printPhysical(os_, notes);
    range = range.drop_front(
        spanBytes + (wording_.physicalColumn ? 4 + wording_.addressDigits : 0));
  }
  const std::string words =
      run.isAbsent() ? wordsForAbsent(run) : wordsFor(run.state);
  os_ << range << llvm::StringRef(words).drop_back();
  if (notes.names)
    printNames(os_, *notes.names);
  os_ << '\n';
}

} // namespace vmpt
