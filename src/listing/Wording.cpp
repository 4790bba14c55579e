#include "listing/Wording.h"

#include "support/Error.h"
#include "support/Text.h"

#include "llvm/Support/Format.h"

namespace vmpt {

void TextPrinter::section(llvm::StringRef name) {
  os_ << "---[ " << printable(name) << " ]---\n";
}

void TextPrinter::skipped(uint64_t count) {
  // The blank before the line's end is the kernel's.
  os_ << "... " << count << (count == 1 ? " entry" : " entries")
      << " skipped ... \n";
}

/// Fixed-width hex without the cost of a format string: listings are long.
static void printHex(llvm::raw_ostream &os, uint64_t value, unsigned digits) {
  char text[16];
  for (unsigned i = digits; i-- > 0; value >>= 4)
    text[i] = "0123456789abcdef"[value & 15];
  os << "0x" << llvm::StringRef(text, digits);
}

void TextPrinter::printRange(const Run &run) {
  printHex(os_, run.start, wording_.addressDigits);
  os_ << '-';
  printHex(os_, run.end, wording_.addressDigits);
  os_ << "   ";
  if (wording_.physicalColumn) {
    os_ << ' ';
    printHex(os_, context_.physicalOf(run.firstEntry).value,
             wording_.addressDigits);
    os_ << ' ';
  }
  // 32-bit kernels compute the size in 32 bits: the last line's end is 0.
  uint64_t size = run.size();
  if (wording_.addressDigits == 8)
    size &= 0xffffffff;
  const char *unit = "BKMGTPE";
  if (!wording_.sizeInBytes) {
    size >>= 10;
    ++unit;
  }
  while (!(size & 1023) && unit[1]) {
    size >>= 10;
    ++unit;
  }
  os_ << llvm::format_decimal(int64_t(size), 9) << *unit << ' ';
}

void TextPrinter::printFields(const Run &run) {
  const uint64_t attributes = run.state.attributes;
  if (wording_.presentMask && !(attributes & wording_.presentMask)) {
    os_.indent(wording_.blankWidth);
    return;
  }
  for (const AttributeField &field : wording_.fields) {
    bool applies = field.levels >> run.state.level & 1;
    llvm::StringRef text = applies && (attributes & field.mask) == field.value
                               ? field.set
                               : field.clear;
    if (!wording_.levelLast && !text.empty())
      os_ << ' ';
    os_ << text;
  }
}

void TextPrinter::run(const Run &run) {
  if (run.isAbsent()) {
    printRange(run);
    os_ << "not in the dump: " << context_.levelNames[run.absentTableLevel()]
        << " table at " << hex(run.absentTable()) << " ("
        << getAbsenceName(run.absence()) << ")\n";
    return;
  }
  if (!run.state.attributes && !wording_.printsEmptyRuns)
    return;
  printRange(run);
  llvm::StringRef level = context_.levelNames[run.state.level];
  if (wording_.levelLast) {
    printFields(run);
    os_ << level << '\n';
    return;
  }
  os_ << level;
  if (run.state.attributes)
    printFields(run);
  os_ << '\n';
}

} // namespace vmpt
