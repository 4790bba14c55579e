#include "reports/Surroundings.h"

#include "kernel/find/KernelArch.h"
#include "session/AnswerGaps.h"

namespace vmpt {

Surroundings::Surroundings(Session &session, const ChosenSpace &space)
    : session_(session), kernel_(space.translator.kernel()), namer_(kernel_) {
  reportSectionGaps(session, kernel_.image());
  warn("module-list", "modules' symbols", namer_.readModules());
  if (space.task)
    warn("areas-of-task", "memory areas", namer_.readAreas(space.task->mm));
}

AddressReport Surroundings::report(const Translator &translator, VirtAddr at) {
  AddressReport report;
  report.answer = translator.ask(at);
  report.mode = &translator.spaceOf(at).mode();
  // Where an address does not tell whose it is, regions are the kernel's.
  const bool mayBeKernels =
      !kernel_.image().arch->spacesOverlap || !translator.isUserAddress(at);
  if (mayBeKernels)
    report.region = findRegionAt(kernel_.image(), at);
  if (const RangeName *area = namer_.areaAt(at))
    report.area = hex(area->first) + "-" + hex(area->last + 1) +
                  (area->name.empty() ? "" : " " + area->name);
  if (auto symbol = mayBeKernels ? namer_.symbolAt(at) : std::nullopt)
    report.symbol = symbol->name;
  if (report.answer.physical)
    addPage(*report.answer.physical, report);
  return report;
}

void Surroundings::warn(llvm::StringRef kind, llvm::StringRef what,
                        llvm::Error error) {
  if (error)
    session_.warn(kind, what + " are not known: " +
                            session_.takeMessage(std::move(error)));
  for (const std::string &problem : namer_.takeProblems())
    session_.warn(kind, problem);
}

void Surroundings::addPage(PhysAddr at, AddressReport &report) {
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

void Surroundings::openPages() {
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

void reportAbsence(Session &session, const Translator &translator,
                   const AddressAnswer &answer) {
  if (answer.ending == Ending::TableAbsent) {
    // Said once for each table, however many addresses lead there.
    const PagingMode &mode = translator.spaceOf(answer.address).mode();
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

} // namespace vmpt
