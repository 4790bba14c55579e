#include "views/Symbols.h"

#include "support/Error.h"

namespace vmpt {

static constexpr Column columns[] = {
    {"at", "ADDRESS", -18}, {"letter", "T", -1}, {"what", "SYMBOL", 0}};

SymbolsView::SymbolsView(RecordWriter &writer) : writer_(writer) {
  writer_.beginList({"names", "symbol", columns});
}

void SymbolsView::add(const SymbolReport &report) {
  Record record;
  record.add("query", report.query).add("name", report.name);
  record.add("address", report.address).add("offset", report.offset);
  record.add("bytes", Value(report.sizeBytes));
  record.add("type",
             report.type == '?' ? Value() : Value(std::string(1, report.type)));
  record.add("module", report.module.empty() ? Value() : Value(report.module));
  if (writer_.text()) {
    record.addCell("at", hex(report.address + report.offset));
    record.addCell("letter", std::string(1, report.type));
    std::string what = report.name;
    if (report.offset)
      what += "+" + hex(report.offset);
    if (report.sizeBytes)
      what += (report.offset ? "/" : "+0x0/") + hex(*report.sizeBytes);
    if (!report.module.empty())
      what += " [" + report.module + "]";
    record.addCell("what", what);
  }
  writer_.record(record);
}

void SymbolsView::finish() { writer_.endList(); }

} // namespace vmpt
