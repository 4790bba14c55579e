//===- Task.cpp - vmpt task: the tables of a process ----------------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "reports/Reports.h"

namespace vmpt {

namespace {

class TaskCommand final : public KernelReport {
public:
  TaskCommand() : KernelReport("task") {}

  void addKernelOptions(KernelOptions &kernel, OptionParser &parser) override {
    kernel.addWithoutRoot(parser);
  }
  void addOwnOptions(OptionParser &parser) override {
    parser.addNumber("--root", "PHYS",
                     "list the table at this physical address", tables_.root);
    task_.add(parser);
    parser.addFlag("--user-pgd", "the table that user code runs on (x86 PTI)",
                   tables_.userPgd);
    parser.addFlag("--user-only", "only the user half", tables_.userOnly);
    listing_.add(parser);
  }
  std::optional<uint64_t> givenRoot() const override { return tables_.root; }
  Needs needs() const override {
    // A task is found by them, and so is the other table of one.
    return tables_.root && !tables_.userPgd ? listing_.needs() : Needs();
  }
  llvm::Error check(RecordWriter &) override {
    if (llvm::Error error = task_.check(name(), tables_.root.has_value()))
      return error;
    return listing_.check();
  }

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    tables_.task = task_;
    return reportTaskListing(session, kernel, tables_, listing_, writer);
  }

private:
  TaskOptions task_;
  ListingOptions listing_;
  TableChoice tables_;
};

} // namespace

const CommandInfo taskCommand = {
    "task", "print a task's page tables",
    "Prints page_tables/current_kernel as that task would have read it; with "
    "--user-pgd page_tables/current_user. Choose by --pid, --comm, --mm or "
    "--root, or --all.",
    createCommand<TaskCommand>};

} // namespace vmpt
