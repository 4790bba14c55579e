//===- Explain.cpp - vmpt explain: why the kernel died --------------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "reports/Reports.h"

namespace vmpt {

namespace {

class ExplainCommand final : public KernelReport {
public:
  ExplainCommand() : KernelReport("explain") {}

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    reportCrash(session, kernel, writer);
    return llvm::Error::success();
  }
};

} // namespace

const CommandInfo explainCommand = {
    "explain", "say why the kernel died, and what its page tables say of it",
    "Prints what happened, with which address, on which CPU and in which task; "
    "the address's way through the page tables as the kernel's own line; what "
    "the address is; and where each statement is from.",
    createCommand<ExplainCommand>};

} // namespace vmpt
