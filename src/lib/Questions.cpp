//===- Questions.cpp - what a dump can be asked ---------------------------===//
#include "lib/Guard.h"
#include "lib/OpenedDump.h"
#include "lib/Values.h"
#include "reports/Reports.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace vmpt;

namespace vmpt {

namespace {

/// Where an answer goes.
struct Answer {
  vmpt_record_fn receive = nullptr;
  void *user = nullptr;
  vmpt_result **result;
};

/// Of frames that follow each other; each may be null.
struct FrameArrays {
  uint64_t *flags, *counts;
  uint8_t *states;

  void fill(size_t first, size_t count, PageFlags &all,
            const PageFacts &facts) const {
    if (flags)
      std::fill_n(flags + first, count, all.flags(facts));
    if (counts)
      std::fill_n(counts + first, count, all.count(facts));
    if (states)
      std::fill_n(states + first, count,
                  uint8_t(facts.state == PageFacts::State::Known
                              ? VMPT_FRAME_KNOWN
                          : facts.state == PageFacts::State::Absent
                              ? VMPT_FRAME_ABSENT
                              : VMPT_FRAME_NO_PAGE));
  }
};

/// \p count frames from \p frame on. All up to the next one that has a struct
/// page are alike, and may be more than can be counted.
void fillFrames(PageSession &pages, uint64_t frame, size_t count,
                const FrameArrays &arrays) {
  const auto sections = pages.flags().map().sections();
  for (size_t i = 0; i < count;) {
    const PageFacts facts = pages.look(frame + i);
    size_t alike = 1;
    if (facts.state == PageFacts::State::NoPage) {
      const auto *next =
          llvm::partition_point(sections, [&](const MemorySection &section) {
            return section.firstFrame <= frame + i;
          });
      alike = count - i;
      if (next != sections.end())
        alike = std::min<uint64_t>(alike, next->firstFrame - (frame + i));
      // One that is in a section and has none all the same.
      if (next != sections.begin() && frame + i < std::prev(next)->endFrame())
        alike = 1;
    }
    arrays.fill(i, alike, pages.flags(), facts);
    i += alike;
  }
}

using Write = llvm::function_ref<llvm::Error(Session &, Document &)>;
using WriteKernel =
    llvm::function_ref<llvm::Error(Session &, const Kernel &, Document &)>;

/// Asks \p dump: the document of \p command is what \p write writes.
int ask(vmpt_dump *dump, const char *command, const Answer &answer,
        vmpt_error **error, Write write) {
  if (answer.result)
    *answer.result = nullptr;
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(dump, "dump"))
      return wrong;
    if (!answer.receive)
      if (llvm::Error wrong = need(answer.result, "result"))
        return wrong;
    Question question(*dump->dump);
    Document document(command, answer.receive, answer.user);
    if (llvm::Error wrong = write(question.session(), document))
      return question.session().withFileName(std::move(wrong));
    return question.finish(document, answer.result);
  });
}

/// The same about its kernel.
int askKernel(vmpt_dump *dump, const char *command, const Answer &answer,
              vmpt_error **error, WriteKernel write) {
  return ask(dump, command, answer, error,
             [&](Session &session, Document &document) -> llvm::Error {
               llvm::Expected<const Kernel &> kernel = dump->dump->kernel();
               if (!kernel)
                 return kernel.takeError();
               return write(session, *kernel, document);
             });
}

llvm::Error refuseFlags(unsigned flags, unsigned known) {
  if (!(flags & ~known))
    return llvm::Error::success();
  return llvm::make_error<UsageError>("flags " + hex(flags & ~known) +
                                      " are not known");
}

} // namespace

} // namespace vmpt

int vmpt_findings(vmpt_dump *dump, vmpt_result **result, vmpt_error **error) {
  return ask(dump, "findings", {nullptr, nullptr, result}, error,
             [&](Session &, Document &) {
               dump->dump->lookForImage();
               return llvm::Error::success();
             });
}

int vmpt_info(vmpt_dump *dump, unsigned flags, vmpt_result **result,
              vmpt_error **error) {
  return ask(dump, "info", {nullptr, nullptr, result}, error,
             [&](Session &session, Document &document) -> llvm::Error {
               if (llvm::Error wrong = refuseFlags(
                       flags, VMPT_INFO_SOURCES | VMPT_INFO_EVIDENCE |
                                  VMPT_INFO_VERIFY))
                 return wrong;
               dump->dump->lookForImage();
               InfoParts parts;
               parts.sources = flags & VMPT_INFO_SOURCES;
               parts.evidence = flags & VMPT_INFO_EVIDENCE;
               parts.verify = flags & VMPT_INFO_VERIFY;
               return reportInfo(session, parts, document);
             });
}

int vmpt_tasks(vmpt_dump *dump, unsigned flags, vmpt_record_fn on_record,
               void *user, vmpt_result **result, vmpt_error **error) {
  return askKernel(dump, "tasks", {on_record, user, result}, error,
                   [&](Session &session, const Kernel &kernel,
                       Document &document) -> llvm::Error {
                     if (llvm::Error wrong = refuseFlags(
                             flags, VMPT_TASKS_THREADS | VMPT_TASKS_IDLE))
                       return wrong;
                     TaskListOptions options{/*withThreads=*/false};
                     options.withThreads = flags & VMPT_TASKS_THREADS;
                     options.withIdle = flags & VMPT_TASKS_IDLE;
                     return reportTasks(session, kernel, options, document);
                   });
}

int vmpt_areas(vmpt_dump *dump, uint32_t pid, unsigned flags,
               vmpt_record_fn on_record, void *user, vmpt_result **result,
               vmpt_error **error) {
  return askKernel(dump, "maps", {on_record, user, result}, error,
                   [&](Session &session, const Kernel &kernel,
                       Document &document) -> llvm::Error {
                     if (llvm::Error wrong =
                             refuseFlags(flags, VMPT_AREAS_PAGES))
                       return wrong;
                     TaskChoice choice;
                     choice.pid = pid;
                     return reportAreas(session, kernel, choice,
                                        flags & VMPT_AREAS_PAGES, document);
                   });
}

int vmpt_rmap(vmpt_dump *dump, uint64_t first, uint64_t last,
              vmpt_record_fn on_record, void *user, vmpt_result **result,
              vmpt_error **error) {
  return askKernel(dump, "rmap", {on_record, user, result}, error,
                   [&](Session &session, const Kernel &kernel,
                       Document &document) -> llvm::Error {
                     if (last < first)
                       return llvm::make_error<UsageError>(
                           "the range ends at " + hex(last) +
                           ", before its start " + hex(first));
                     reportMappings(session, kernel,
                                    {{PhysAddr(first), PhysAddr(last)}},
                                    std::nullopt, document);
                     return llvm::Error::success();
                   });
}

int vmpt_page(vmpt_dump *dump, uint64_t frame, vmpt_result **result,
              vmpt_error **error) {
  return askKernel(
      dump, "page", {nullptr, nullptr, result}, error,
      [&](Session &session, const Kernel &, Document &document) -> llvm::Error {
        auto pages = PageSession::create(session);
        if (!pages)
          return pages.takeError();
        if (frame > ~uint64_t(0) >> (*pages)->pageShift())
          return llvm::make_error<UsageError>("frame " + hex(frame) +
                                              " has no physical address: that "
                                              "would not fit in 64 bits");
        reportFrames(**pages, frame, std::nullopt, document);
        return llvm::Error::success();
      });
}

int vmpt_page_flags(vmpt_dump *dump, uint64_t frame, size_t count,
                    uint64_t *flags, uint64_t *counts, uint8_t *states,
                    vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(dump, "dump"))
      return wrong;
    if (count && frame > ~uint64_t(0) - (count - 1))
      return llvm::make_error<UsageError>("frames behind " + hex(~uint64_t(0)) +
                                          " are asked for");
    Question question(*dump->dump);
    llvm::Expected<const Kernel &> kernel = dump->dump->kernel();
    if (!kernel)
      return kernel.takeError();
    auto pages = PageSession::create(question.session());
    if (!pages)
      return question.session().withFileName(pages.takeError());
    fillFrames(**pages, frame, count, {flags, counts, states});
    (*pages)->reportAbsentPages();
    return question.status();
  });
}

int vmpt_explain(vmpt_dump *dump, vmpt_result **result, vmpt_error **error) {
  return askKernel(
      dump, "explain", {nullptr, nullptr, result}, error,
      [&](Session &session, const Kernel &kernel, Document &document) {
        reportCrash(session, kernel, document);
        return llvm::Error::success();
      });
}

int vmpt_audit(vmpt_dump *dump, const char *const *rules, size_t count,
               vmpt_result **result, vmpt_error **error) {
  return askKernel(
      dump, "audit", {nullptr, nullptr, result}, error,
      [&](Session &session, const Kernel &kernel,
          Document &document) -> llvm::Error {
        std::vector<AuditRule> chosen;
        for (size_t i = 0; i < count; ++i) {
          if (llvm::Error wrong = need(rules ? rules[i] : nullptr, "a rule"))
            return wrong;
          llvm::Expected<AuditRule> rule = parseAuditRule(rules[i]);
          if (!rule)
            return rule.takeError();
          chosen.push_back(*rule);
        }
        reportAudit(session, kernel, chosen, document);
        return llvm::Error::success();
      });
}

int vmpt_symbol(vmpt_dump *dump, const char *name, uint64_t *address,
                vmpt_error **error) {
  if (address)
    *address = 0;
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(dump, "dump"))
      return wrong;
    if (llvm::Error wrong = need(name, "name"))
      return wrong;
    if (llvm::Error wrong = need(address, "address"))
      return wrong;
    Question question(*dump->dump);
    llvm::Expected<const Kernel &> kernel = dump->dump->kernel();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<VirtAddr> found = kernel->address(name);
    if (!found)
      return question.session().withFileName(found.takeError());
    *address = found->value;
    return VMPT_OK;
  });
}

int vmpt_vmcoreinfo(vmpt_dump *dump, char **text, vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = prepare(text, "text"))
      return wrong;
    if (llvm::Error wrong = need(dump, "dump"))
      return wrong;
    Question question(*dump->dump);
    Session &session = question.session();
    dump->dump->lookForImage();
    llvm::Expected<const KernelImage &> image = session.image();
    std::string found = session.dump().vmcoreinfo.value_or("");
    if (image)
      found = image->vmcoreinfo.text().str();
    else if (found.empty())
      return image.takeError();
    else
      llvm::consumeError(image.takeError());
    if (found.empty())
      return session.withFileName(llvm::make_error<LookupError>(
          "no VMCOREINFO: there is no note of it, and none in memory"));
    *text = copyText(found);
    return VMPT_OK;
  });
}
