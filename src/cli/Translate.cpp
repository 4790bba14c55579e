//===- Translate.cpp - vmpt translate: the way of an address --------------===//
#include "views/Translate.h"
#include "analysis/RangeNamer.h"
#include "cli/AddressWords.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "cli/PageSession.h"
#include "cli/SpaceChoice.h"
#include "views/PageTypes.h"

namespace vmpt {

namespace {

/// What lies at addresses. Each source that fails is named once.
class Surroundings {
public:
  Surroundings(Session &session, const ChosenSpace &space)
      : session_(session), kernel_(space.translator.kernel()), namer_(kernel_) {
    warn("module-list", "modules' symbols", namer_.readModules());
    if (space.task)
      warn("areas-of-task", "memory areas", namer_.readAreas(space.task->mm));
  }

  AddressReport report(const Translator &translator, VirtAddr at) {
    AddressReport report;
    report.answer = translator.ask(at);
    report.mode = &translator.spaceOf(at).mode();
    report.region = findRegionAt(kernel_.image(), at);
    if (const RangeName *area = namer_.areaAt(at))
      report.area = hex(area->first) + "-" + hex(area->last + 1) +
                    (area->name.empty() ? "" : " " + area->name);
    if (std::optional<RangeName> symbol = namer_.symbolAt(at))
      report.symbol = symbol->name;
    if (report.answer.physical)
      addPage(*report.answer.physical, report);
    return report;
  }

private:
  void warn(llvm::StringRef kind, llvm::StringRef what, llvm::Error error) {
    if (error)
      session_.warn(kind, what + " are not known: " +
                              session_.takeMessage(std::move(error)));
    for (const std::string &problem : namer_.takeProblems())
      session_.warn(kind, problem);
  }

  void addPage(PhysAddr at, AddressReport &report) {
    uint8_t byte;
    if (auto absent = kernel_.memory().physical().tryRead(at, byte))
      report.pageAbsence = absent->absence;
    if (!pages_)
      openPages();
    if (!*pages_)
      return;
    PageSession &pages = **pages_;
    const PageFacts facts = pages.flags().look(at.value >> pages.pageShift());
    pages.reportAbsent(facts);
    const uint64_t flags = pages.flags().flags(facts);
    report.page = {facts.state, flags, names_->list(flags), facts.problem};
  }

  void openPages() {
    llvm::Expected<std::unique_ptr<PageSession>> opened =
        PageSession::create(session_);
    if (opened) {
      pages_ = std::move(*opened);
      names_.emplace(kernel_.image().version());
      return;
    }
    warn("page-flags", "page flags", opened.takeError());
    pages_ = nullptr;
  }

  Session &session_;
  const Kernel &kernel_;
  RangeNamer namer_;
  /// Opened for the first page; null where there are no struct pages.
  std::optional<std::unique_ptr<PageSession>> pages_;
  std::optional<PageFlagNames> names_;
};

class TranslateCommand final : public KernelReport {
public:
  TranslateCommand() : KernelReport("translate") {}

  void addDumpOptions(DumpOptions &dump, OptionParser &parser) override {
    dump.addWithWords(parser, "DUMP ADDR",
                      "the memory dump, and virtual addresses, symbols or "
                      "SYMBOL+N; without them those on standard input");
  }
  void addKernelOptions(KernelOptions &kernel, OptionParser &parser) override {
    kernel.addWithoutRoot(parser);
  }
  void addOwnOptions(OptionParser &parser) override {
    space_.add(parser);
    parser.addFlag("--brief", "one line for each address", brief_);
  }
  std::optional<uint64_t> givenRoot() const override { return space_.root; }
  llvm::Error check(RecordWriter &) override {
    if (llvm::Error error = space_.check())
      return error;
    return checkHasWords(name(), "an address", words());
  }
  llvm::Error write(Session &session, const Kernel &kernel,
                    RecordWriter &writer) override;

private:
  void answer(Session &session, VirtAddr at);
  void reportAbsence(Session &session, const AddressAnswer &answer);

  SpaceOptions space_;
  bool brief_ = false;

  const Translator *translator_ = nullptr;
  TranslateView *view_ = nullptr;
  Surroundings *surroundings_ = nullptr; ///< Null with --brief.
};

void TranslateCommand::answer(Session &session, VirtAddr at) {
  if (surroundings_) {
    const AddressReport report = surroundings_->report(*translator_, at);
    view_->add(report);
    return reportAbsence(session, report.answer);
  }
  const AddressAnswer answer = translator_->ask(at);
  view_->addBrief(answer, translator_->spaceOf(at).mode());
  reportAbsence(session, answer);
}

void TranslateCommand::reportAbsence(Session &session,
                                     const AddressAnswer &answer) {
  if (answer.ending == Ending::TableAbsent) {
    // Said once for each table, however many addresses lead there.
    const PagingMode &mode = translator_->spaceOf(answer.address).mode();
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

llvm::Error TranslateCommand::write(Session &session, const Kernel &kernel,
                                    RecordWriter &writer) {
  llvm::Expected<ChosenSpace> space = chooseSpace(space_, session);
  if (!space)
    return space.takeError();
  AddressWords known(kernel.symbols());
  std::vector<VirtAddr> addresses;
  for (const std::string &word : words()) {
    llvm::Expected<VirtAddr> at = known.parse(word);
    if (!at)
      return at.takeError();
    addresses.push_back(*at);
  }
  std::optional<Surroundings> surroundings;
  if (!brief_)
    surroundings_ = &surroundings.emplace(session, *space);
  if (space->task) {
    writer.context("pid", space->task->pid);
    writer.context("comm", space->task->comm);
  }
  TranslateView view(writer);
  translator_ = &space->translator;
  view_ = &view;
  for (VirtAddr at : addresses)
    answer(session, at);
  if (addresses.empty())
    forEachInputLine([&](llvm::StringRef line) {
      if (llvm::Expected<VirtAddr> at = known.parse(line))
        answer(session, *at);
      else
        session.gap("no-address", at.takeError());
      return true;
    });
  view.finish();
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
