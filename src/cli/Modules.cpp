//===- Modules.cpp - vmpt modules -----------------------------------------===//
#include "views/Modules.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"

namespace vmpt {

namespace {

class ModulesCommand final : public KernelReport {
public:
  ModulesCommand() : KernelReport("modules") {}

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    llvm::Expected<ModuleList> list = readModuleList(kernel);
    if (!list)
      return list.takeError();
    writeModules(writer, *list);
    for (const std::string &problem : list->problems)
      session.gap("module-list", problem);
    return llvm::Error::success();
  }
};

} // namespace

const CommandInfo modulesCommand = {
    "modules", "list the kernel's modules and where their parts lie",
    "Lists the modules that were loaded, the newest first: size, references, "
    "state, taints, and the ranges of text, read-only data and data.",
    createCommand<ModulesCommand>};

} // namespace vmpt
