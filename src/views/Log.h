//===- Log.h - the kernel's log as dmesg prints it ------------------------===//
//
//   [    1.234567] one line of a record      dmesg, syslog(2), the console
//   <6>[    1.234567][    T1] one line       --raw, with CONFIG_PRINTK_CALLER
//
// linux v6.12 kernel/printk/printk.c record_print_text(), info_print_prefix():
// each line of a record has the prefix, an empty one too. Up to 4.9 a record
// may be a piece of a line: linux v4.9 msg_print_text().
//
#pragma once

#include "kernel/log/LogRecord.h"
#include "output/RecordWriter.h"

#include <string>

namespace vmpt {

struct LogStyle {
  bool hasPriorities = false; ///< <facility * 8 + level>
  bool hasCallers = false;
  bool joinsRecords = false; ///< LOG_CONT goes on with the line before.
};

class LogText {
public:
  explicit LogText(const LogStyle &style) : style_(style) {}

  /// The lines of \p record. The bytes are the kernel's, whatever they are.
  std::string print(const LogRecord &record);
  /// "\n" where the last line has none.
  std::string finish();

private:
  std::string prefixOf(const LogRecord &record) const;

  const LogStyle style_;
  bool lastWasPiece_ = false, lastEndedLine_ = true;
};

/// The records of a log as they come.
class LogWriter {
public:
  LogWriter(RecordWriter &writer, const LogStyle &style)
      : writer_(writer), style_(style), text_(style) {}

  void begin();
  void write(const LogRecord &record);
  void end(llvm::ArrayRef<std::string> problems);

private:
  void writeText(llvm::StringRef lines);

  RecordWriter &writer_;
  const LogStyle style_;
  LogText text_;
};

} // namespace vmpt
