#include "views/Log.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace vmpt {

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
  if (style_.hasCallers) {
    constexpr uint32_t isCpu = 0x80000000;
    const std::string caller = (record.caller & isCpu ? "C" : "T") +
                               std::to_string(record.caller & ~isCpu);
    os << llvm::format("[%6s]", caller.c_str());
  }
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

} // namespace vmpt
