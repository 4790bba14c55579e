//===- TextColumns.cpp - records as aligned columns -----------------------===//
#include "output/Writers.h"

#include "support/Text.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/Unicode.h"

namespace vmpt {

namespace {

/// One line, safe on a terminal.
std::string makeCell(const Value *value) {
  if (!value || value->isNull())
    return "-";
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto *truth = std::get_if<bool>(&value->content()))
    os << (*truth ? "yes" : "no");
  else if (auto *number = std::get_if<uint64_t>(&value->content()))
    os << *number;
  else if (auto *bits = std::get_if<Value::Hex>(&value->content()))
    os << llvm::format_hex(bits->value, 18);
  else if (auto *string = std::get_if<std::string>(&value->content()))
    os << printable(*string);
  else if (auto *array = std::get_if<Array>(&value->content()))
    for (const Value &element : *array)
      os << (&element == array->data() ? "" : ",") << makeCell(&element);
  return os.str();
}

/// How many characters it takes on a terminal.
size_t widthOf(llvm::StringRef cell) {
  const int width = llvm::sys::unicode::columnWidthUTF8(cell);
  return width < 0 ? cell.size() : size_t(width);
}

class TextColumns final : public RecordWriter {
public:
  explicit TextColumns(llvm::raw_ostream &os) : os_(os) {}

  llvm::raw_ostream *text() override { return &os_; }
  void member(llvm::StringRef, const Value &) override {}
  void context(llvm::StringRef, const Value &) override {}

  void beginList(const ListShape &shape) override {
    lists_.push_back(shape.columns);
    bool isFirst = true;
    for (const Column &column : shape.columns)
      printCell(column, column.title, isFirst);
    if (!shape.columns.empty())
      os_ << '\n';
  }
  void record(const Record &record) override {
    if (lists_.back().empty())
      return;
    bool isFirst = true;
    for (const Column &column : lists_.back())
      printCell(column, makeCell(record.find(column.key)), isFirst);
    os_ << '\n';
  }
  void endList() override { lists_.pop_back(); }

  void beginGroup(llvm::StringRef heading) override {
    os_ << "=== " << printable(heading) << " ===\n";
  }
  void endGroup() override {}
  void finish(llvm::ArrayRef<Finding>) override {}

private:
  void printCell(const Column &column, llvm::StringRef cell, bool &isFirst) {
    if (!std::exchange(isFirst, false))
      os_ << ' ';
    const size_t width = size_t(std::abs(column.width));
    const size_t taken = std::min(widthOf(cell), width);
    if (column.width > 0)
      os_.indent(unsigned(width - taken));
    os_ << cell;
    if (column.width < 0)
      os_.indent(unsigned(width - taken));
  }

  llvm::raw_ostream &os_;
  std::vector<llvm::ArrayRef<Column>> lists_;
};

} // namespace

std::unique_ptr<RecordWriter> createTextColumns(llvm::raw_ostream &os) {
  return std::make_unique<TextColumns>(os);
}

} // namespace vmpt
