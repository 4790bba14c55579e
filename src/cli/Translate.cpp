//===- Translate.cpp - vmpt translate: the way of an address --------------===//
#include "views/Translate.h"
#include "analysis/MapsReader.h"
#include "cli/AddressWords.h"
#include "cli/Commands.h"
#include "cli/SpaceChoice.h"
#include "kernel/modules/AddressNames.h"

namespace vmpt {

namespace {

/// What addresses are called. Each source that fails is named once.
class Surroundings {
public:
  Surroundings(Session &session, const ChosenSpace &space)
      : kernel_(space.translator.kernel()) {
    llvm::Expected<ModuleList> modules = readModuleList(kernel_);
    if (modules)
      modules_ = std::move(*modules);
    else
      session.warn("module-list", "modules' symbols are not known: " +
                                      session.takeMessage(modules.takeError()));
    names_.emplace(kernel_, modules_);
    if (space.task)
      readAreas(session, space.task->mm);
  }

  AddressReport report(const Translator &translator, VirtAddr at) {
    AddressReport report;
    report.answer = translator.ask(at);
    report.mode = &translator.spaceOf(at).mode();
    report.region = findRegionAt(kernel_.image(), at);
    report.area = areaOf(at);
    if (std::optional<AddressName> name = names_->find(at)) {
      report.symbol =
          name->symbol + "+" + hex(name->offset) + "/" + hex(name->sizeBytes);
      if (!name->module.empty())
        report.symbol += " [" + name->module + "]";
    }
    if (report.answer.physical) {
      uint8_t byte;
      if (auto absent = kernel_.memory().physical().tryRead(
              *report.answer.physical, byte))
        report.pageAbsence = absent->absence;
    }
    return report;
  }

private:
  void readAreas(Session &session, VirtAddr mm) {
    llvm::Expected<MapsReader> reader = MapsReader::create(kernel_);
    llvm::Expected<MapsListing> listing =
        reader ? reader->read(mm)
               : llvm::Expected<MapsListing>(reader.takeError());
    if (!listing) {
      session.warn("areas-of-task",
                   "memory areas are not known: " +
                       session.takeMessage(listing.takeError()));
      return;
    }
    areas_ = std::move(listing->rows);
  }
  std::string areaOf(VirtAddr at) const {
    for (const MapsRow &row : areas_)
      if (row.start <= at && at < row.end)
        return hex(row.start) + "-" + hex(row.end) +
               (row.name.empty() ? "" : " " + row.name);
    return "";
  }

  const Kernel &kernel_;
  ModuleList modules_;
  std::optional<AddressNames> names_;
  std::vector<MapsRow> areas_;
};

class TranslateCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.addWithWords(parser, "DUMP ADDR",
                       "the memory dump, and virtual addresses, symbols or "
                       "SYMBOL+N; without them those on standard input");
    kernel_.addWithoutRoot(parser);
    symbols_.add(parser);
    space_.add(parser);
    parser.addFlag("--brief", "one line for each address", brief_);
    output_.add(parser);
  }

  llvm::Error run(const CommandContext &context) override;

private:
  void answer(Session &session, VirtAddr at);

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  SpaceOptions space_;
  OutputOptions output_;
  bool brief_ = false;

  const Translator *translator_ = nullptr;
  TranslateView *view_ = nullptr;
  Surroundings *surroundings_ = nullptr; ///< Null with --brief.
};

void TranslateCommand::answer(Session &session, VirtAddr at) {
  AddressReport report;
  if (surroundings_) {
    report = surroundings_->report(*translator_, at);
    view_->add(report);
  } else {
    report.answer = translator_->ask(at);
    view_->addBrief(report.answer, translator_->spaceOf(at).mode());
  }
  const AddressAnswer &answer = report.answer;
  if (answer.ending == Ending::TableAbsent) {
    // Said once for each table, however many addresses lead there.
    const PagingMode &mode = translator_->spaceOf(at).mode();
    const AbsentByte &absent = answer.translation.absent;
    Subject subject;
    subject.physical = PhysAddr(
        alignDown(absent.address.value,
                  mode.tableBytes(unsigned(answer.translation.steps.size()))));
    session.gap("table-absent",
                "page table at physical " + hex(*subject.physical) +
                    " is not in the dump (" + getAbsenceName(absent.absence) +
                    ")",
                subject);
  } else if (answer.isTableExcluded) {
    session.warn("tables-excluded", "tables that were excluded, as pages of "
                                    "zeros are, were read as empty");
  }
}

llvm::Error TranslateCommand::run(const CommandContext &context) {
  dump_.splitWords();
  if (llvm::Error error = space_.check())
    return error;
  if (llvm::Error error = checkHasWords("translate", "an address", dump_.words))
    return error;
  auto writer = output_.createWriter("translate", context.out());
  if (!writer)
    return writer.takeError();
  auto session = context.open(dump_, kernel_, symbols_);
  if (!session)
    return session.takeError();
  llvm::Expected<ChosenSpace> space = chooseSpace(space_, **session);
  if (!space)
    return space.takeError();
  AddressWords words(space->translator.kernel().symbols());
  std::vector<VirtAddr> addresses;
  for (const std::string &word : dump_.words) {
    llvm::Expected<VirtAddr> at = words.parse(word);
    if (!at)
      return (*session)->withFileName(at.takeError());
    addresses.push_back(*at);
  }
  std::optional<Surroundings> surroundings;
  if (!brief_)
    surroundings_ = &surroundings.emplace(**session, *space);
  if (space->task) {
    (*writer)->context("pid", space->task->pid);
    (*writer)->context("comm", space->task->comm);
  }
  TranslateView view(**writer);
  translator_ = &space->translator;
  view_ = &view;
  for (VirtAddr at : addresses)
    answer(**session, at);
  if (addresses.empty())
    forEachInputLine([&](llvm::StringRef line) {
      if (llvm::Expected<VirtAddr> at = words.parse(line))
        answer(**session, *at);
      else
        (*session)->gap("no-address", at.takeError());
      return true;
    });
  view.finish();
  (*writer)->finish((*session)->diagnostics().findings());
  return llvm::Error::success();
}

} // namespace

const CommandInfo translateCommand = {
    "translate", "show the way of virtual addresses through the tables",
    "Prints for each address the entries on its way, the physical address, "
    "the page's size, what may be done with it, and what lies there; or why "
    "nothing does. Without --pid or --root through the kernel's tables.",
    createCommand<TranslateCommand>};

} // namespace vmpt
