#include "views/Translate.h"

#include "support/Text.h"
#include "views/Words.h"

#include "llvm/Support/Format.h"

#include <bit>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral reasons[endingCount] = {"",
                                                      "no_entry",
                                                      "prot_none",
                                                      "swapped",
                                                      "migrating",
                                                      "hwpoison",
                                                      "device",
                                                      "uffd_wp_marker",
                                                      "guard",
                                                      "poison_marker",
                                                      "not_present",
                                                      "reserved_bits",
                                                      "not_canonical",
                                                      "not_covered",
                                                      "table_absent",
                                                      "beyond_limit"};

/// "0x" and the digits, from \p at on; returns the end.
char *putHex(char *at, uint64_t value) {
  *at++ = '0';
  *at++ = 'x';
  for (unsigned digits = (std::bit_width(value | 1) + 3) / 4; digits-- > 0;)
    *at++ = "0123456789abcdef"[value >> 4 * digits & 15];
  return at;
}

std::string lastEntry(const AddressAnswer &answer, const PagingMode &mode) {
  const TranslationStep &last = answer.translation.steps.back();
  return (getLevelName(mode, last.level) + " entry at physical " +
          hex(last.entryAddress))
      .str();
}

std::string swapPlace(const AddressAnswer &answer) {
  return std::to_string(answer.swapType) + ", offset " + hex(answer.swapOffset);
}

std::string explainAbsentTable(const AddressAnswer &answer,
                               const PagingMode &mode) {
  const Translation &found = answer.translation;
  return (getLevelName(mode, unsigned(found.steps.size())) +
          " table not in the dump (" + getAbsenceName(found.absent.absence) +
          "): its entry at physical " + hex(found.absent.address))
      .str();
}

Record makeBriefRecord(const AddressAnswer &answer, const PagingMode &mode) {
  Record record;
  record.add("virtual", answer.address);
  record.add("physical", Value(answer.physical));
  record.add("page_bytes", answer.pageBytes);
  record.add("reason", getReasonWord(answer.ending));
  if (answer.translation.isDirect())
    record.add("direct_window", true);
  if (answer.ending != Ending::Page)
    record.add("sentence", explain(answer, mode));
  addRights(record, answer.rights);
  return record;
}

/// The keys are those of `vmpt page`.
Record makeRecord(const PageNote &page) {
  Record record;
  record.add("state", getStateWord(page.state));
  if (page.state == PageFacts::State::Absent)
    record.add("reason", page.problem);
  if (page.state == PageFacts::State::Known)
    record.add("flags", Value::Hex{page.flags})
        .add("names", makeArray(page.names));
  return record;
}

Record makeRecord(const AddressReport &report) {
  const AddressAnswer &answer = report.answer;
  Record record = makeBriefRecord(answer, *report.mode);
  if (answer.ending == Ending::Swapped)
    record.add("swap_type", answer.swapType)
        .add("swap_offset", answer.swapOffset);
  if (report.pageAbsence)
    record.add("page_absent", getReasonWord(*report.pageAbsence));
  if (report.page)
    record.add("page", makeRecord(*report.page));
  record.add("region", report.region
                           ? Value(getRegionName(report.region->region))
                           : Value());
  record.add("area", report.area.empty() ? Value() : Value(report.area));
  record.add("symbol", report.symbol.empty() ? Value() : Value(report.symbol));
  Array steps;
  for (const TranslationStep &step : answer.translation.steps)
    steps.push_back(makeStep(step, answer.address, *report.mode));
  record.add("steps", std::move(steps));
  return record;
}

void printSteps(llvm::raw_ostream &os, const AddressReport &report) {
  const PagingMode &mode = *report.mode;
  for (const TranslationStep &step : report.answer.translation.steps) {
    const unsigned index = mode.indexOf(report.answer.address, step.level);
    const PhysAddr table =
        step.entryAddress - uint64_t(index) * mode.entryBytes;
    os << "  " << getLevelName(mode, step.level) << " table " << hex(table)
       << llvm::format(" [%4u] at ", index) << hex(step.entryAddress) << ": "
       << llvm::format_hex_no_prefix(step.entry, mode.entryBytes * 2u);
    for (llvm::StringRef name : getFlagNames(mode, step.entry, step.level))
      os << ' ' << name;
    os << '\n';
  }
}

void printPage(llvm::raw_ostream &os, const PageNote &page) {
  os << "  page     ";
  switch (page.state) {
  case PageFacts::State::NoPage:
    os << "no struct page";
    break;
  case PageFacts::State::Known:
    os << "flags " << hex(page.flags);
    for (llvm::StringRef name : page.names)
      os << ' ' << name;
    break;
  case PageFacts::State::Absent:
    os << "struct page not in the dump: " << printable(page.problem);
    break;
  }
  os << '\n';
}

void printText(llvm::raw_ostream &os, const AddressReport &report) {
  const AddressAnswer &answer = report.answer;
  os << hex(answer.address) << '\n';
  printSteps(os, report);
  if (answer.physical) {
    os << "  physical " << hex(*answer.physical);
    if (answer.translation.isDirect())
      os << ", by a direct window: no table has to do with it";
    else
      os << ", in a page of " << describeSize(answer.pageBytes);
    if (report.pageAbsence)
      os << ", which is not in the dump ("
         << getAbsenceName(*report.pageAbsence) << ')';
    os << '\n';
  }
  if (answer.ending == Ending::Page)
    os << "  rights   " << describe(answer.rights) << '\n';
  else
    os << "  fault    " << explain(answer, *report.mode) << '\n';
  if (report.page)
    printPage(os, *report.page);
  if (report.region)
    os << "  region   " << getRegionName(report.region->region) << '\n';
  if (!report.area.empty())
    os << "  area     " << printable(report.area) << '\n';
  if (!report.symbol.empty())
    os << "  symbol   " << printable(report.symbol) << '\n';
}

} // namespace

Record makeStep(const TranslationStep &step, VirtAddr at,
                const PagingMode &mode) {
  const unsigned index = mode.indexOf(at, step.level);
  Record record;
  record.add("level", getLevelName(mode, step.level));
  record.add("table", step.entryAddress - uint64_t(index) * mode.entryBytes);
  record.add("index", index).add("entry_address", step.entryAddress);
  record.add("value", Value::Hex{step.entry});
  record.add("flags", makeArray(getFlagNames(mode, step.entry, step.level)));
  return record;
}

Value getReasonWord(Ending ending) {
  if (ending == Ending::Page)
    return Value();
  return Value(reasons[unsigned(ending)]);
}

std::string explain(const AddressAnswer &answer, const PagingMode &mode) {
  switch (answer.ending) {
  case Ending::Page:
    return "mapped";
  case Ending::NoEntry:
    if (answer.isTableExcluded)
      return (getLevelName(mode, unsigned(answer.translation.steps.size())) +
              " table left out of the dump as a page of zeros, hence empty")
          .str();
    return "nothing mapped: the " + lastEntry(answer, mode) +
           (answer.translation.steps.back().entry ? " is empty" : " is zero");
  case Ending::ProtNone:
    return "prot-none or NUMA hint: the entry names the page, and is not "
           "present";
  case Ending::Swapped:
    return "swapped to device " + swapPlace(answer);
  case Ending::Migrating:
    return "migrating to another frame: type " + swapPlace(answer);
  case Ending::HwPoison:
    return "hwpoison: the page's memory has failed: type " + swapPlace(answer);
  case Ending::Device:
    return "in memory of a device: type " + swapPlace(answer);
  case Ending::UffdMarker:
    return "no page: uffd-wp marker";
  case Ending::GuardMarker:
    return "no page: guard marker";
  case Ending::PoisonMarker:
    return "no page: poison marker";
  case Ending::NotPresent:
    return "not present: the " + lastEntry(answer, mode) + " is " +
           hex(answer.translation.steps.back().entry);
  case Ending::ReservedBits:
    return "reserved bits: the " + lastEntry(answer, mode) + " is " +
           hex(answer.translation.steps.back().entry);
  case Ending::NotCanonical:
    return "not canonical: no table translates such an address";
  case Ending::NotCovered:
    return "not covered by this root: it is of the other half of the "
           "addresses";
  case Ending::TableAbsent:
    return explainAbsentTable(answer, mode);
  case Ending::BeyondLimit:
    return "beyond the limit of this root: its " +
           std::to_string(mode.levelCount) + " levels translate up to " +
           hex(mode.coverage.last());
  }
  llvm_unreachable("not an Ending");
}

TranslateView::TranslateView(RecordWriter &writer) : writer_(writer) {
  writer_.beginList({"addresses", "address"});
}

void TranslateView::add(const AddressReport &report) {
  if (llvm::raw_ostream *os = writer_.text())
    printText(*os, report);
  else
    writer_.record(makeRecord(report));
}

void TranslateView::addBriefPage(VirtAddr at, PhysAddr page) {
  // In one piece: there are millions of them.
  char line[48];
  char *end = putHex(line, at.value);
  *end++ = ' ';
  end = putHex(end, page.value);
  *end++ = '\n';
  writer_.text()->write(line, size_t(end - line));
}

void TranslateView::addBrief(const AddressAnswer &answer,
                             const PagingMode &mode) {
  llvm::raw_ostream *os = writer_.text();
  if (!os)
    return writer_.record(makeBriefRecord(answer, mode));
  if (answer.ending == Ending::Page)
    return addBriefPage(answer.address, *answer.physical);
  *os << hex(answer.address) << ' ';
  if (answer.physical)
    *os << hex(*answer.physical) << " prot-none\n";
  else
    *os << "- " << explain(answer, mode) << '\n';
}

void TranslateView::finish() { writer_.endList(); }

} // namespace vmpt
