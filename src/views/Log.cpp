#include "views/Log.h"

#include "support/Text.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

/// "T42", a task, or "C3", a CPU.
std::string callerOf(const LogRecord &record) {
  constexpr uint32_t isCpu = 0x80000000;
  return (record.caller & isCpu ? "C" : "T") +
         std::to_string(record.caller & ~isCpu);
}

} // namespace

std::string LogText::prefixOf(const LogRecord &record) const {
  constexpr uint64_t nanosecondsASecond = 1'000'000'000;
  std::string prefix;
  llvm::raw_string_ostream os(prefix);
  if (style_.hasPriorities)
    os << "<" << (record.facility << 3 | record.level) << ">";
  os << llvm::format(
      "[%5llu.%06llu]",
      (unsigned long long)(record.timeNanoseconds / nanosecondsASecond),
      (unsigned long long)(record.timeNanoseconds % nanosecondsASecond / 1000));
  if (style_.hasCallers)
    os << llvm::format("[%6s]", callerOf(record).c_str());
  os << " ";
  return os.str();
}

std::string LogText::print(const LogRecord &record) {
  bool hasPrefix = true, hasEnd = true;
  std::string out;
  if (style_.joinsRecords) {
    hasPrefix = !lastWasPiece_ || record.beginsLine;
    if (record.isContinuation) {
      hasPrefix = hasPrefix && !(lastWasPiece_ && !lastEndedLine_);
      hasEnd = record.endsLine;
    }
  }
  const std::string prefix = prefixOf(record);
  llvm::StringRef rest = record.text;
  for (bool isLast = false; !isLast;) {
    const size_t end = rest.find('\n');
    isLast = end == llvm::StringRef::npos;
    if (hasPrefix)
      out += prefix;
    hasPrefix = true;
    out += rest.take_front(end);
    if (!isLast || hasEnd)
      out += '\n';
    rest = rest.substr(isLast ? rest.size() : end + 1);
  }
  lastWasPiece_ = record.isContinuation;
  lastEndedLine_ = hasEnd;
  return out;
}

std::string LogText::finish() {
  const bool isOpen = !lastEndedLine_;
  lastEndedLine_ = true;
  return isOpen ? "\n" : "";
}

/// Files and pipes get the kernel's bytes. A terminal does not: what is in a
/// dump must not steer it.
void LogWriter::writeText(llvm::StringRef lines) {
  llvm::raw_ostream &os = *writer_.text();
  if (!os.is_displayed()) {
    os << lines;
    return;
  }
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    os << printable(lines.take_front(end));
    if (end == llvm::StringRef::npos)
      return;
    os << '\n';
    lines = lines.drop_front(end + 1);
  }
}

void LogWriter::begin() {
  if (!writer_.text())
    writer_.beginList({"records", "log_record"});
}

void LogWriter::write(const LogRecord &record) {
  if (writer_.text())
    return writeText(text_.print(record));
  Record members;
  members.add("sequence", record.sequence)
      .add("time_ns", record.timeNanoseconds)
      .add("facility", record.facility)
      .add("level", record.level)
      .add("continuation", record.isContinuation);
  if (style_.hasCallers)
    members.add("caller", callerOf(record));
  members.add("text", record.text);
  writer_.record(members);
}

void LogWriter::end(llvm::ArrayRef<std::string> problems) {
  if (writer_.text())
    return writeText(text_.finish());
  writer_.endList();
  writer_.member("problems", makeArray(problems));
}

} // namespace vmpt
