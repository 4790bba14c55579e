//===- Log.cpp - vmpt log: the kernel's log -------------------------------===//
#include "views/Log.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "kernel/log/KernelLog.h"

namespace vmpt {

namespace {

class LogCommand final : public KernelReport {
public:
  LogCommand() : KernelReport("log") {}

  void addOwnOptions(OptionParser &parser) override {
    parser.addFlag("--raw", "each line's priority before it, as dmesg --raw",
                   raw_);
  }

  llvm::Error check(RecordWriter &writer) override {
    if (raw_ && !writer.text())
      return llvm::make_error<UsageError>(
          "--raw is about the text, records have the priority; leave out "
          "--format");
    return llvm::Error::success();
  }
  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    llvm::Expected<KernelLog> log = KernelLog::create(kernel);
    if (!log)
      return log.takeError();
    return print(session, *log, writer);
  }

private:
  llvm::Error print(Session &session, const KernelLog &log,
                    RecordWriter &writer) const {
    LogWriter lines(writer, {.hasPriorities = raw_,
                             .hasCallers = log.printsCallers(),
                             .joinsRecords = log.joinsRecords()});
    bool hasBegun = false;
    llvm::Expected<std::vector<std::string>> problems =
        log.read([&](const LogRecord &record) {
          if (!hasBegun)
            lines.begin();
          hasBegun = true;
          lines.write(record);
        });
    if (!problems) // before the first record
      return problems.takeError();
    if (!hasBegun)
      lines.begin();
    lines.end(*problems);
    for (const std::string &problem : *problems)
      session.gap("log-record", problem);
    return llvm::Error::success();
  }

  bool raw_ = false;
};

} // namespace

const CommandInfo logCommand = {
    "log", "print the kernel's log as dmesg does",
    "Prints the kernel's log from its oldest record on, as dmesg would have "
    "printed it at the moment of the dump. Records that are damaged or were "
    "being written are named on standard error.",
    createCommand<LogCommand>};

} // namespace vmpt
