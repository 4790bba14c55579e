//===- Vmalloc.cpp - vmpt vmalloc: /proc/vmallocinfo ----------------------===//
#include "views/Vmalloc.h"
#include "analysis/VmallocNodes.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"

namespace vmpt {

namespace {

class VmallocCommand final : public KernelReport {
public:
  VmallocCommand() : KernelReport("vmalloc") {}

  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override {
    llvm::Expected<VmallocList> list = readVmallocList(kernel);
    if (!list)
      return list.takeError();
    if (list->hasOneNode == false)
      countVmallocNodes(kernel, *list);
    const ModuleList modules = readModules(session, kernel);
    AddressNames names(kernel, modules);
    writeVmalloc(writer, *list, names, kernel.image().wordBytes());
    if (!list->learnedFrom.empty())
      session.warn("layout-learned",
                   "struct vm_struct is " + list->learnedFrom);
    for (const std::string &problem : list->problems)
      session.gap("vmalloc-list", problem);
    return llvm::Error::success();
  }

private:
  /// For callers inside modules; without them those are addresses.
  static ModuleList readModules(Session &session, const Kernel &kernel) {
    llvm::Expected<ModuleList> modules = readModuleList(kernel);
    if (!modules) {
      session.warn("module-list", "callers in modules have no names: " +
                                      llvm::toString(modules.takeError()));
      return ModuleList();
    }
    for (const std::string &problem : modules->problems)
      session.gap("module-list", problem);
    return std::move(*modules);
  }
};

} // namespace

const CommandInfo vmallocCommand = {
    "vmalloc", "list the areas of vmalloc space as /proc/vmallocinfo does",
    "Prints what /proc/vmallocinfo would have printed at the moment of the "
    "dump, with the addresses that the kernel hides: size, caller, pages, "
    "physical address and use of each area.",
    createCommand<VmallocCommand>};

} // namespace vmpt
