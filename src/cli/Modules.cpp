//===- Modules.cpp - vmpt modules -----------------------------------------===//
#include "views/Modules.h"
#include "cli/Commands.h"

namespace vmpt {

namespace {

class ModulesCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("modules", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const Kernel &> kernel = (*session)->kernel();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<ModuleList> list = readModuleList(*kernel);
    if (!list)
      return (*session)->withFileName(list.takeError());
    writeModules(**writer, *list);
    for (const std::string &problem : list->problems)
      (*session)->gap("module-list", problem);
    (*writer)->finish((*session)->diagnostics().findings());
    return llvm::Error::success();
  }

private:
  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
};

} // namespace

const CommandInfo modulesCommand = {
    "modules", "list the kernel's modules and where their parts lie",
    "Lists the modules that were loaded, the newest first: size, references, "
    "state, taints, and the ranges of text, read-only data and data.",
    createCommand<ModulesCommand>};

} // namespace vmpt
