//===- KernelReport.h - commands that write one result of a dump ----------===//
#pragma once

#include "cli/Command.h"

namespace vmpt {

/// Opens the dump, has the result written, and ends it with what was found.
class DumpReport : public Command {
public:
  void addOptions(OptionParser &parser) final;
  llvm::Error run(const CommandContext &context) final;

protected:
  /// \p name is the command's, as in its CommandInfo.
  explicit DumpReport(const char *name) : name_(name) {}

  const char *name() const { return name_; }
  /// What follows DUMP, for a command that adds it by addWithWords().
  llvm::ArrayRef<std::string> words() const { return dump_.words; }

  virtual void addDumpOptions(DumpOptions &dump, OptionParser &parser) {
    dump.add(parser);
  }
  virtual void addKernelOptions(KernelOptions &kernel, OptionParser &parser) {
    kernel.add(parser);
  }
  /// Options besides the common groups.
  virtual void addOwnOptions(OptionParser &) {}
  /// Whether users name symbols to it.
  void takeNames() { symbols_.takesNames = true; }
  /// What the answer to these options is made from.
  virtual Needs needs() const { return {}; }
  /// Before the dump is opened: what is wrong with the options alone.
  virtual llvm::Error check(RecordWriter &) { return llvm::Error::success(); }
  /// An error gets the file's name in front.
  virtual llvm::Error report(Session &session, RecordWriter &writer) = 0;

private:
  const char *name_;
  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
};

/// The same of the dump's kernel, with its symbols and types.
class KernelReport : public DumpReport {
protected:
  using DumpReport::DumpReport;

  llvm::Error report(Session &session, RecordWriter &writer) final;
  /// Of a command that is asked about one table: where nothing else leads to a
  /// kernel, that does.
  virtual std::optional<uint64_t> givenRoot() const { return std::nullopt; }
  virtual llvm::Error write(Session &session, const Kernel &kernel,
                            RecordWriter &writer) = 0;
};

} // namespace vmpt
