//===- Maps.cpp - vmpt maps: /proc/PID/maps -------------------------------===//
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "reports/Reports.h"

namespace vmpt {

namespace {

class MapsCommand final : public KernelReport {
public:
  MapsCommand() : KernelReport("maps") {}

  void addOwnOptions(OptionParser &parser) override {
    task_.add(parser);
    parser.addFlag("--pages", "what the page tables hold of each area", pages_);
  }
  llvm::Error check(RecordWriter &) override { return task_.check(name()); }

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    return reportAreas(session, kernel, task_, pages_, writer);
  }

private:
  TaskOptions task_;
  bool pages_ = false;
};

} // namespace

const CommandInfo mapsCommand = {
    "maps", "print a process's memory areas as /proc/PID/maps does",
    "Prints what /proc/PID/maps would have printed at the moment of the "
    "dump; with --pages, under each area what its page tables hold.",
    createCommand<MapsCommand>};

} // namespace vmpt
