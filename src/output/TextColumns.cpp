//===- TextColumns.cpp - records as aligned columns -----------------------===//
#include "output/Writers.h"

#include "support/Styles.h"
#include "support/Text.h"
#include "support/Utf8.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/Unicode.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace vmpt {

namespace {

/// One line, safe on a terminal.
std::string makeCell(const Value *value) {
  if (!value || value->isNull())
    return "-";
  if (auto *string = std::get_if<std::string>(&value->content()))
    return printable(*string);
  std::string text;
  llvm::raw_string_ostream os(text);
  if (auto *truth = std::get_if<bool>(&value->content()))
    os << (*truth ? "yes" : "no");
  else if (auto *number = std::get_if<uint64_t>(&value->content()))
    os << *number;
  else if (auto *bits = std::get_if<Value::Hex>(&value->content()))
    os << llvm::format_hex(bits->value, 18);
  else if (auto *array = std::get_if<Array>(&value->content()))
    for (const Value &element : *array)
      os << (&element == array->data() ? "" : ",") << makeCell(&element);
  return os.str();
}

/// How many characters it takes on a terminal.
size_t widthOf(llvm::StringRef cell) {
  if (countPlain(cell) == cell.size())
    return cell.size();
  const int width = llvm::sys::unicode::columnWidthUTF8(cell);
  return width < 0 ? cell.size() : size_t(width);
}

/// How wide a line may be; 0: not shown on a terminal, or on one that does not
/// tell.
size_t widthOfTerminal(const llvm::raw_ostream &os) {
  if (!os.is_displayed())
    return 0;
  winsize size = {};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/// What a terminal would wrap loses its end, as ps does; files have it all.
std::string fit(std::string line, size_t width) {
  if (!width || widthOf(line) <= width)
    return line;
  do {
    line.resize(startOfCharacter(line, line.size() - 1));
  } while (widthOf(line) >= width && !line.empty());
  return line + "…";
}

class TextColumns final : public RecordWriter {
public:
  explicit TextColumns(llvm::raw_ostream &os)
      : os_(os), width_(widthOfTerminal(os)) {}

  llvm::raw_ostream *text() override { return &os_; }
  void member(llvm::StringRef, const Value &) override {}
  void context(llvm::StringRef, const Value &) override {}

  void beginList(const ListShape &shape) override {
    lists_.push_back(shape.columns);
    std::string line;
    for (const Column &column : shape.columns)
      appendCell(line, column, column.title);
    if (!shape.columns.empty())
      os_ << styled(os_, Style::Heading, fit(std::move(line), width_)) << '\n';
  }
  void record(const Record &record) override {
    if (lists_.back().empty())
      return;
    std::string line;
    for (const Column &column : lists_.back())
      appendCell(line, column, makeCell(record.find(column.key)));
    os_ << fit(std::move(line), width_) << '\n';
  }
  void endList() override { lists_.pop_back(); }

  void beginGroup(llvm::StringRef heading) override {
    os_ << styled(os_, Style::Heading, "=== " + printable(heading) + " ===\n");
  }
  void endGroup() override {}
  void finish(llvm::ArrayRef<Finding>) override {}

private:
  void appendCell(std::string &line, const Column &column,
                  llvm::StringRef cell) const {
    if (&column != lists_.back().begin())
      line += ' ';
    const size_t width = size_t(std::abs(column.width));
    const size_t taken = std::min(widthOf(cell), width);
    if (column.width > 0)
      line.append(width - taken, ' ');
    line += cell;
    if (column.width < 0)
      line.append(width - taken, ' ');
  }

  llvm::raw_ostream &os_;
  const size_t width_;
  std::vector<llvm::ArrayRef<Column>> lists_;
};

} // namespace

std::unique_ptr<RecordWriter> createTextColumns(llvm::raw_ostream &os) {
  return std::make_unique<TextColumns>(os);
}

} // namespace vmpt
