//===- Translate.cpp - vmpt translate: the way of an address --------------===//
#include "cli/AddressWords.h"
#include "cli/Commands.h"
#include "cli/KernelReport.h"
#include "reports/Surroundings.h"

namespace vmpt {

namespace {

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
    takeNames();
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

  SpaceOptions space_;
  bool brief_ = false;
  bool isText_ = false; ///< Which says no more of a page than where it is.

  const Translator *translator_ = nullptr;
  TranslateView *view_ = nullptr;
  Surroundings *surroundings_ = nullptr; ///< Null with --brief.
};

void TranslateCommand::answer(Session &session, VirtAddr at) {
  if (surroundings_) {
    const AddressReport report = surroundings_->report(*translator_, at);
    view_->add(report);
    return reportAbsence(session, *translator_, report.answer);
  }
  if (isText_)
    if (const std::optional<PhysAddr> page = translator_->findPage(at))
      return view_->addBriefPage(at, *page);
  const AddressAnswer answer = translator_->ask(at);
  view_->addBrief(answer, translator_->spaceOf(at).mode());
  reportAbsence(session, *translator_, answer);
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
  isText_ = writer.text() != nullptr;
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
