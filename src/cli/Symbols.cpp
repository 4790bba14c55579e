//===- Symbols.cpp - vmpt symbols: names and addresses --------------------===//
#include "views/Symbols.h"
#include "cli/AddressWords.h"
#include "cli/Commands.h"
#include "kernel/modules/AddressNames.h"

namespace vmpt {

namespace {

class SymbolsCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.addWithWords(parser, "DUMP NAME",
                       "the memory dump, and symbols, addresses or SYMBOL+N; "
                       "without them those on standard input");
    kernel_.add(parser);
    symbols_.takesNames = true;
    symbols_.add(parser);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override;

private:
  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  OutputOptions output_;
};

/// The letter of a symbol of the kernel; other sources than kallsyms may not
/// know it.
char findType(const Kernel &kernel, VirtAddr at, char known) {
  if (known != '?' || !kernel.kallsyms())
    return known;
  std::optional<NearestSymbol> nearest = kernel.kallsyms()->findNearest(at);
  return nearest && !nearest->offset ? nearest->symbol.type : known;
}

/// A name is the kernel's own; an address may be a module's.
llvm::Expected<SymbolReport> findSymbol(const Kernel &kernel,
                                        AddressNames &names,
                                        AddressWords &words,
                                        llvm::StringRef word) {
  llvm::Expected<VirtAddr> at = words.parse(word);
  if (!at)
    return at.takeError();
  std::optional<AddressName> nearest = names.find(*at);
  SymbolReport report;
  report.query = word.str();
  if (std::optional<Symbol> symbol = kernel.symbols().find(word)) {
    report.name = symbol->name;
    report.address = symbol->address;
    report.type = findType(kernel, symbol->address, symbol->type);
    if (nearest && !nearest->offset)
      report.sizeBytes = nearest->sizeBytes;
    return report;
  }
  if (!nearest)
    return llvm::make_error<LookupError>("no symbol is near " + hex(*at));
  report.name = nearest->symbol;
  report.address = *at - nearest->offset;
  report.offset = nearest->offset;
  report.sizeBytes = nearest->sizeBytes;
  report.module = nearest->module;
  if (report.module.empty())
    report.type = findType(kernel, report.address, report.type);
  return report;
}

llvm::Error SymbolsCommand::run(const CommandContext &context) {
  dump_.splitWords();
  if (llvm::Error error =
          checkHasWords("symbols", "a name or an address", dump_.words))
    return error;
  auto writer = output_.createWriter("symbols", context.out());
  if (!writer)
    return writer.takeError();
  auto opened = context.open(dump_, kernel_, symbols_);
  if (!opened)
    return opened.takeError();
  Session &session = **opened;
  llvm::Expected<const Kernel &> kernel = session.kernel();
  if (!kernel)
    return kernel.takeError();
  ModuleList none;
  llvm::Expected<ModuleList> modules = readModuleList(*kernel);
  if (!modules)
    session.warn("module-list", "modules' symbols are not known: " +
                                    session.takeMessage(modules.takeError()));
  AddressNames names(*kernel, modules ? *modules : none);
  AddressWords words(kernel->symbols());
  SymbolsView view(**writer);
  auto answer = [&](llvm::StringRef word) {
    if (llvm::Expected<SymbolReport> report =
            findSymbol(*kernel, names, words, word))
      view.add(*report);
    else
      session.gap("no-symbol", report.takeError());
    return true;
  };
  for (const std::string &word : dump_.words)
    answer(word);
  if (dump_.words.empty())
    forEachInputLine(answer);
  view.finish();
  (*writer)->finish(session.finalFindings());
  return llvm::Error::success();
}

} // namespace

const CommandInfo symbolsCommand = {
    "symbols", "say where symbols lie, and what lies at addresses",
    "Prints the address of each symbol, and for each address the symbol that "
    "it lies in, of the kernel or of a module.",
    createCommand<SymbolsCommand>};

} // namespace vmpt
