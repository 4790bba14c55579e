//===- Vmalloc.cpp - vmpt vmalloc: /proc/vmallocinfo ----------------------===//
#include "views/Vmalloc.h"
#include "cli/Commands.h"

namespace vmpt {

namespace {

class VmallocCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override {
    auto writer = output_.createWriter("vmalloc", context.out());
    if (!writer)
      return writer.takeError();
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    llvm::Expected<const Kernel &> kernel = (*session)->kernel();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<VmallocList> list = readVmallocList(*kernel);
    if (!list)
      return (*session)->withFileName(list.takeError());
    const ModuleList modules = readModules(**session, *kernel);
    AddressNames names(*kernel, modules);
    writeVmalloc(**writer, *list, names, kernel->image().wordBytes());
    for (const std::string &problem : list->problems)
      (*session)->gap("vmalloc-list", problem);
    if (list->hasOneNode == false)
      (*session)->gap("numa-nodes", "the machine may have several NUMA nodes: "
                                    "on which the pages are is not shown");
    (*writer)->finish((*session)->diagnostics().findings());
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

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
};

} // namespace

const CommandInfo vmallocCommand = {
    "vmalloc", "list the areas of vmalloc space as /proc/vmallocinfo does",
    "Prints what /proc/vmallocinfo would have printed at the moment of the "
    "dump, with the addresses that the kernel hides: size, caller, pages, "
    "physical address and use of each area.",
    createCommand<VmallocCommand>};

} // namespace vmpt
