//===- KernelReport.h - commands that write one result of a kernel --------===//
#pragma once

#include "cli/Command.h"

namespace vmpt {

/// Opens the dump and its kernel, has the result written, and ends it with what
/// was found.
class KernelReport : public Command {
public:
  void addOptions(OptionParser &parser) final;
  llvm::Error run(const CommandContext &context) final;

protected:
  /// \p name is the command's, as in its CommandInfo.
  explicit KernelReport(const char *name) : name_(name) {}

  /// Options besides the common groups.
  virtual void addOwnOptions(OptionParser &) {}
  /// An error gets the file's name in front.
  virtual llvm::Error write(Session &session, const Kernel &kernel,
                            RecordWriter &writer) = 0;

private:
  const char *name_;
  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
};

} // namespace vmpt
