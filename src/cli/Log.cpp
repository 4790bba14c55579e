//===- Log.cpp - vmpt log: the kernel's log -------------------------------===//
#include "views/Log.h"
#include "cli/Commands.h"
#include "kernel/log/KernelLog.h"

namespace vmpt {

namespace {

class LogCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addFlag("--raw", "each line's priority before it, as dmesg --raw",
                   raw_);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("log", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const Kernel &> kernel = (*session)->kernel();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<KernelLog> log = KernelLog::create(*kernel);
    if (!log)
      return (*session)->withFileName(log.takeError());
    return print(**session, *log, **writer);
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
      return session.withFileName(problems.takeError());
    if (!hasBegun)
      lines.begin();
    lines.end(*problems);
    for (const std::string &problem : *problems)
      session.gap("log-record", problem);
    writer.finish(session.diagnostics().findings());
    return llvm::Error::success();
  }

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
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
