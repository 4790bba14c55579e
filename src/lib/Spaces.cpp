//===- Spaces.cpp - memory, and the addresses under a table ---------------===//
#include "lib/Guard.h"
#include "lib/OpenedDump.h"
#include "reports/Reports.h"
#include "reports/Surroundings.h"
#include "support/Bits.h"

using namespace vmpt;

namespace vmpt {

namespace {

// The numbers of vmpt.h stay, whatever becomes of our own.
static_assert(unsigned(Ending::Page) == VMPT_PAGE &&
              unsigned(Ending::NoEntry) == VMPT_NO_ENTRY &&
              unsigned(Ending::ProtNone) == VMPT_PROT_NONE &&
              unsigned(Ending::Swapped) == VMPT_SWAPPED &&
              unsigned(Ending::Migrating) == VMPT_MIGRATING &&
              unsigned(Ending::HwPoison) == VMPT_HWPOISON &&
              unsigned(Ending::Device) == VMPT_DEVICE &&
              unsigned(Ending::UffdMarker) == VMPT_UFFD_MARKER &&
              unsigned(Ending::GuardMarker) == VMPT_GUARD_MARKER &&
              unsigned(Ending::PoisonMarker) == VMPT_POISON_MARKER &&
              unsigned(Ending::NotPresent) == VMPT_NOT_PRESENT &&
              unsigned(Ending::ReservedBits) == VMPT_RESERVED_BITS &&
              unsigned(Ending::NotCanonical) == VMPT_NOT_CANONICAL &&
              unsigned(Ending::NotCovered) == VMPT_NOT_COVERED &&
              unsigned(Ending::TableAbsent) == VMPT_TABLE_ABSENT &&
              unsigned(Ending::BeyondLimit) == VMPT_BEYOND_LIMIT &&
              endingCount == VMPT_BEYOND_LIMIT + 1);
static_assert(int(Absence::OutsideRam) + 1 == VMPT_ABSENCE_OUTSIDE_RAM &&
              int(Absence::Excluded) + 1 == VMPT_ABSENCE_EXCLUDED &&
              int(Absence::Truncated) + 1 == VMPT_ABSENCE_TRUNCATED &&
              int(Absence::Corrupt) + 1 == VMPT_ABSENCE_CORRUPT);

int getAbsence(Absence absence) { return int(absence) + 1; }

/// Copies up to the first byte that is absent; how many that are.
size_t readUpTo(const PhysicalMemory &memory, PhysAddr at,
                llvm::MutableArrayRef<uint8_t> out,
                std::optional<AbsentByte> &absent) {
  absent = memory.tryRead(at, out);
  if (!absent)
    return out.size();
  const uint64_t there = absent->address - at;
  if (there >= out.size() || memory.tryRead(at, out.take_front(there)))
    return 0;
  return there;
}

llvm::Error checkBuffer(const void *buffer, size_t size, uint64_t address) {
  if (size && !buffer)
    return need(buffer, "buffer");
  if (size && address > ~uint64_t(0) - (size - 1))
    return llvm::make_error<UsageError>(hex(size) + " bytes from " +
                                        hex(address) +
                                        " on end behind the last address");
  return llvm::Error::success();
}

/// As far as the first byte that is not mapped or absent; \p done is how many
/// bytes were copied.
llvm::Error readVirtual(const Translator &translator, uint64_t address,
                        llvm::MutableArrayRef<uint8_t> out, size_t &done) {
  constexpr uint64_t pieceBytes = 4096; // no page is smaller
  while (done < out.size()) {
    const uint64_t at = address + done;
    const uint64_t size =
        std::min<uint64_t>(out.size() - done, pieceBytes - at % pieceBytes);
    std::optional<PhysAddr> from = translator.findPage(VirtAddr(at));
    if (!from) {
      const AddressAnswer answer = translator.ask(VirtAddr(at));
      const PagingMode &mode = translator.spaceOf(VirtAddr(at)).mode();
      from = answer.physical;
      if (!from)
        return llvm::make_error<AbsenceError>(
            "virtual address " + hex(at) + ": " + explain(answer, mode),
            answer.ending == Ending::TableAbsent
                ? getAbsence(answer.translation.absent.absence)
                : int(VMPT_ABSENCE_UNMAPPED),
            at);
    }
    std::optional<AbsentByte> absent;
    const size_t copied = readUpTo(translator.kernel().memory().physical(),
                                   *from, out.slice(done, size), absent);
    done += copied;
    if (absent)
      return llvm::make_error<AbsenceError>(
          "virtual address " + hex(at + copied) + ": physical address " +
              hex(absent->address) + " is not in the dump (" +
              getAbsenceName(absent->absence) + ")",
          getAbsence(absent->absence), at + copied);
  }
  return llvm::Error::success();
}

int openSpace(vmpt_dump *dump, const SpaceChoice &choice, vmpt_space **space,
              vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = prepare(space, "space"))
      return wrong;
    if (llvm::Error wrong = need(dump, "dump"))
      return wrong;
    Question question(*dump->dump);
    llvm::Expected<const Kernel &> kernel =
        choice.root ? dump->dump->kernelBy(PhysAddr(*choice.root))
                    : dump->dump->kernel();
    if (!kernel)
      return kernel.takeError();
    llvm::Expected<ChosenSpace> chosen =
        chooseSpace(choice, question.session());
    if (!chosen)
      return question.session().withFileName(chosen.takeError());
    *space = new vmpt_space{dump->dump, choice, {}, std::move(*chosen)};
    return question.status();
  });
}

/// Text that goes to a callback.
class CallbackStream final : public llvm::raw_ostream {
public:
  CallbackStream(vmpt_text_fn receive, void *user)
      : receive_(receive), user_(user) {}
  ~CallbackStream() override { flush(); }
  bool isStopped() const { return isStopped_; }

private:
  void write_impl(const char *text, size_t length) override {
    position_ += length;
    if (!isStopped_)
      isStopped_ = receive_(user_, text, length);
  }
  uint64_t current_pos() const override { return position_; }

  const vmpt_text_fn receive_;
  void *const user_;
  uint64_t position_ = 0;
  bool isStopped_ = false;
};

/// The listing of \p space.
llvm::Error list(Question &question, const vmpt_space &space, uint64_t first,
                 uint64_t last, unsigned flags, RecordWriter &writer) {
  constexpr unsigned known = VMPT_LIST_PHYSICAL | VMPT_LIST_NAMES |
                             VMPT_LIST_USER_ONLY | VMPT_LIST_USER_PGD;
  if (flags & ~known)
    return llvm::make_error<UsageError>("flags " + hex(flags & ~known) +
                                        " are not known");
  if (last < first)
    return llvm::make_error<UsageError>("the range ends at " + hex(last) +
                                        ", before its start " + hex(first));
  ListingChoice lines;
  if (first || last != ~uint64_t(0))
    lines.ranges.push_back({VirtAddr(first), VirtAddr(last)});
  lines.hasPhysical = flags & VMPT_LIST_PHYSICAL;
  lines.hasNames = flags & VMPT_LIST_NAMES;
  Session &session = question.session();
  const bool isOfKernel = !space.choice.pid && !space.choice.root;
  if (isOfKernel && flags & (VMPT_LIST_USER_ONLY | VMPT_LIST_USER_PGD))
    return llvm::make_error<UsageError>("the kernel's tables have no user "
                                        "half; ask the space of a task");
  if (isOfKernel)
    return reportKernelListing(session, lines, writer);
  TableChoice tables;
  tables.task.pid = space.choice.pid;
  tables.root = space.choice.root;
  tables.userOnly = flags & VMPT_LIST_USER_ONLY;
  tables.userPgd = flags & VMPT_LIST_USER_PGD;
  return reportTaskListing(session, space.space.translator.kernel(), tables,
                           lines, writer);
}

const char *listingCommand(const vmpt_space &space) {
  return space.choice.pid || space.choice.root ? "task" : "kernel";
}

} // namespace

} // namespace vmpt

int vmpt_ranges(vmpt_dump *dump, vmpt_range_fn on_range, void *user,
                vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(dump, "dump"))
      return wrong;
    if (!on_range)
      return need(nullptr, "on_range");
    Question question(*dump->dump);
    // A copy: a callback may ask what makes the memory another one.
    const std::vector<MemoryRange> ranges =
        question.session().memory().ranges().vec();
    for (const MemoryRange &range : ranges)
      if (on_range(user, range.start.value,
                   (range.start + (range.size - 1)).value,
                   range.absence ? getAbsence(*range.absence) : 0))
        return VMPT_STOPPED;
    return VMPT_OK;
  });
}

int vmpt_read_physical(vmpt_dump *dump, uint64_t address, void *buffer,
                       size_t size, size_t *done, vmpt_error **error) {
  if (done)
    *done = 0;
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(dump, "dump"))
      return wrong;
    if (llvm::Error wrong = checkBuffer(buffer, size, address))
      return wrong;
    Question question(*dump->dump);
    std::optional<AbsentByte> absent;
    const size_t copied =
        readUpTo(question.session().memory(), PhysAddr(address),
                 {static_cast<uint8_t *>(buffer), size}, absent);
    if (done)
      *done = copied;
    if (absent)
      return llvm::make_error<MemoryError>(*absent);
    return VMPT_OK;
  });
}

int vmpt_kernel_space(vmpt_dump *dump, vmpt_space **space, vmpt_error **error) {
  return openSpace(dump, {}, space, error);
}

int vmpt_task_space(vmpt_dump *dump, uint32_t pid, vmpt_space **space,
                    vmpt_error **error) {
  return openSpace(dump, {pid, std::nullopt}, space, error);
}

int vmpt_root_space(vmpt_dump *dump, uint64_t root, vmpt_space **space,
                    vmpt_error **error) {
  return openSpace(dump, {std::nullopt, root}, space, error);
}

void vmpt_space_close(vmpt_space **space) {
  if (!space)
    return;
  delete *space;
  *space = nullptr;
}

int vmpt_read_virtual(vmpt_space *space, uint64_t address, void *buffer,
                      size_t size, size_t *done, vmpt_error **error) {
  if (done)
    *done = 0;
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(space, "space"))
      return wrong;
    if (llvm::Error wrong = checkBuffer(buffer, size, address))
      return wrong;
    std::lock_guard lock(space->mutex);
    size_t copied = 0;
    llvm::Error wrong =
        readVirtual(space->space.translator, address,
                    {static_cast<uint8_t *>(buffer), size}, copied);
    if (done)
      *done = copied;
    if (wrong)
      return wrong;
    return VMPT_OK;
  });
}

const char *vmpt_ending_name(int ending) {
  if (ending == VMPT_PAGE)
    return "page";
  if (ending < 0 || ending >= int(endingCount))
    return nullptr;
  // Words are literals, kept for good.
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (unsigned i = 0; i < endingCount; ++i) {
      const Value word = getReasonWord(Ending(i));
      const auto *text = std::get_if<std::string>(&word.content());
      all.push_back(text ? *text : "page");
    }
    return all;
  }();
  return names[size_t(ending)].c_str();
}

int vmpt_translate(vmpt_space *space, uint64_t address, vmpt_result **result,
                   vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = prepare(result, "result"))
      return wrong;
    if (llvm::Error wrong = need(space, "space"))
      return wrong;
    Question question(*space->dump);
    Document document("translate", nullptr, nullptr);
    // Anew each time: what it lacks is a finding of each answer.
    Surroundings surroundings(question.session(), space->space);
    if (const std::optional<Task> &task = space->space.task) {
      document.context("pid", task->pid);
      document.context("comm", task->comm);
    }
    TranslateView view(document);
    {
      std::lock_guard lock(space->mutex);
      const AddressReport report =
          surroundings.report(space->space.translator, VirtAddr(address));
      view.add(report);
      reportAbsence(question.session(), space->space.translator, report.answer);
    }
    view.finish();
    return question.finish(document, result);
  });
}

int vmpt_translate_many(vmpt_space *space, const uint64_t *addresses,
                        size_t count, uint64_t *physical, uint8_t *endings,
                        vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(space, "space"))
      return wrong;
    if (count)
      if (llvm::Error wrong = need(addresses, "addresses"))
        return wrong;
    if (count)
      if (llvm::Error wrong = need(physical, "physical"))
        return wrong;
    std::lock_guard lock(space->mutex);
    bool hasGap = false;
    for (size_t i = 0; i < count; ++i) {
      const Translator &translator = space->space.translator;
      const VirtAddr at(addresses[i]);
      if (const std::optional<PhysAddr> page = translator.findPage(at)) {
        physical[i] = page->value;
        if (endings)
          endings[i] = uint8_t(Ending::Page);
        continue;
      }
      const AddressAnswer answer = translator.ask(at);
      physical[i] = answer.physical ? answer.physical->value : ~uint64_t(0);
      if (endings)
        endings[i] = uint8_t(answer.ending);
      hasGap |= answer.ending == Ending::TableAbsent;
    }
    return hasGap ? VMPT_GAPS : VMPT_OK;
  });
}

int vmpt_list(vmpt_space *space, uint64_t first, uint64_t last, unsigned flags,
              vmpt_record_fn on_record, void *user, vmpt_result **result,
              vmpt_error **error) {
  if (result)
    *result = nullptr;
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(space, "space"))
      return wrong;
    if (!on_record)
      if (llvm::Error wrong = need(result, "result"))
        return wrong;
    Question question(*space->dump);
    Document document(listingCommand(*space), on_record, user);
    if (llvm::Error wrong =
            list(question, *space, first, last, flags, document))
      return question.session().withFileName(std::move(wrong));
    return question.finish(document, result);
  });
}

int vmpt_list_text(vmpt_space *space, uint64_t first, uint64_t last,
                   unsigned flags, vmpt_text_fn on_text, void *user,
                   vmpt_result **result, vmpt_error **error) {
  if (result)
    *result = nullptr;
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = need(space, "space"))
      return wrong;
    if (!on_text)
      return need(nullptr, "on_text");
    Question question(*space->dump);
    Document rest(listingCommand(*space), nullptr, nullptr);
    CallbackStream os(on_text, user);
    const std::unique_ptr<RecordWriter> writer =
        RecordWriter::create(OutputFormat::Text, listingCommand(*space), os);
    if (llvm::Error wrong = list(question, *space, first, last, flags, *writer))
      return question.session().withFileName(std::move(wrong));
    writer->finish({});
    os.flush();
    const int status = question.finish(rest, result);
    return os.isStopped() ? int(VMPT_STOPPED) : status;
  });
}
