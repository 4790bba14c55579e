#include "reports/PageSession.h"

#include "kernel/areas/VmaList.h"
#include "kernel/find/KernelArch.h"
#include "memory/ScanProgress.h"
#include "reports/TaskChoice.h"

namespace vmpt {

llvm::Expected<std::unique_ptr<PageSession>>
PageSession::create(Session &session) {
  llvm::Expected<const Kernel &> kernel = session.kernel();
  if (!kernel)
    return kernel.takeError();
  llvm::Expected<PageFlags> flags = PageFlags::create(*kernel);
  if (!flags)
    return flags.takeError();
  std::unique_ptr<PageSession> pages(
      new PageSession(session, *kernel, std::move(*flags)));
  pages->learnZeroPages();
  for (const std::string &problem : pages->flags_.problems())
    session.gap("page-flags", problem);
  return pages;
}

llvm::Expected<const TaskList &> PageSession::tasks() {
  if (!tasks_) {
    llvm::Expected<TaskList> list =
        readTaskList(session_, kernel_, /*withThreads=*/true,
                     /*needsAll=*/false);
    if (!list)
      return list.takeError();
    tasks_ = std::move(*list);
  }
  return *tasks_;
}

llvm::Expected<const Task *> PageSession::findTask(uint64_t pid) {
  llvm::Expected<const TaskList &> list = tasks();
  if (!list)
    return list.takeError();
  const Task *task =
      pid <= ~uint32_t(0) ? list->findPid(uint32_t(pid)) : nullptr;
  if (!task)
    return llvm::make_error<LookupError>(
        "no task has pid " + llvm::Twine(pid) +
        "; `vmpt tasks` lists those that there are" + explainLack(*list));
  return task;
}

static PagemapArea allOfUserSpace(const KernelImage &image) {
  return {VirtAddr(0), image.arch->lastUserAddress(image) + 1, 0, true};
}

/// Where no symbol names the zero pages, processes show them.
void PageSession::learnZeroPages() {
  if (!flags_.lacksZeroPage() && !flags_.lacksHugeZeroPage())
    return;
  llvm::Expected<const TaskList &> list = tasks();
  if (!list)
    return llvm::consumeError(list.takeError());
  PagemapReader reader(kernel_, flags_);
  std::vector<std::string> ignored;
  for (const Task &task : list->tasks) {
    if (!flags_.lacksZeroPage() && !flags_.lacksHugeZeroPage())
      return;
    const Task *holder = task.isLeader() ? task.memoryHolder() : nullptr;
    if (holder && holder->root && !task.isKernelThread)
      reader.read(
          allOfUserSpace(kernel_.image()), *holder->root,
          [](const PagemapRun &) {}, ignored);
  }
}

std::vector<PagemapArea> PageSession::areasOf(const Task &task) {
  llvm::Expected<VmaReader> reader =
      VmaReader::create(kernel_.types(), kernel_.reader());
  if (!reader) {
    session_.gap("areas-of-task",
                 nameOf(task) +
                     ": its memory areas are unknown, so all that it "
                     "maps is taken for memory, and soft-dirty areas "
                     "are not marked: " +
                     llvm::toString(reader.takeError()));
    return {allOfUserSpace(kernel_.image())};
  }
  VmaList list = reader->readAll(task.mm);
  Subject subject;
  subject.pid = task.pid;
  for (const std::string &problem : list.problems)
    session_.gap("areas-of-task", nameOf(task) + ": " + problem, subject);
  std::vector<PagemapArea> areas;
  for (const Vma &vma : list.vmas)
    areas.push_back({vma.start, vma.end, vma.flags});
  return areas;
}

void PageSession::readPagemap(const Task &task, PagemapReader::Visitor visit) {
  if (!task.mm.value || task.isKernelThread)
    return session_.warn("no-areas", nameOf(task) + ": " + explainNoMm(task));
  Subject subject;
  subject.pid = task.pid;
  if (!task.root)
    return session_.gap("table-absent",
                        nameOf(task) + ": no page tables: " + task.rootProblem,
                        subject);
  PagemapReader reader(kernel_, flags_);
  std::vector<std::string> problems;
  uint64_t unknownPages = 0, absentTables = 0;
  std::string unknownReason, tableReason;
  reader.read(
      areasOf(task), *task.root,
      [&](const PagemapRun &run) {
        if (run.isTableAbsent && !absentTables++)
          tableReason = run.problem.str();
        else if (!run.isTableAbsent && !run.problem.empty() && !unknownPages++)
          unknownReason = run.problem.str();
        visit(run);
      },
      problems);
  for (const std::string &problem : problems)
    session_.gap("pagemap", nameOf(task) + ": " + problem, subject);
  if (absentTables)
    session_.gap(
        "table-absent",
        nameOf(task) + ": " + llvm::Twine(absentTables) +
            " page tables are not in the dump, and what they map is left "
            "out: " +
            tableReason,
        subject);
  if (unknownPages)
    session_.gap(
        "struct-page-absent",
        nameOf(task) + ": of " + llvm::Twine(unknownPages) +
            " pages it is unknown whether they are of a file and mapped "
            "once: " +
            unknownReason,
        subject);
}

PageFacts PageSession::look(uint64_t frame) {
  PageFacts facts = flags_.look(frame);
  if (facts.state == PageFacts::State::Absent && !absentPages_++) {
    firstAbsent_ = frame;
    absentReason_ = facts.problem;
  }
  return facts;
}

void PageSession::visitFrames(
    llvm::function_ref<void(const PageFacts &, uint64_t count)> visit) {
  const MemoryMap &map = flags_.map();
  const uint64_t end = map.frameCount();
  // Each struct page takes room in the dump; only hugetlb's are mapped again
  // and again. More is no memory map, but tables that repeat.
  uint64_t budget =
      64 * (session_.memory().presentBytes() / flags_.layout().sizeBytes) +
      (1 << 20);
  ScanProgress progress(session_.diagnostics(), session_.memory(), "pages");
  uint64_t frame = 0;
  PageFacts none;
  auto skipTo = [&](uint64_t next) {
    none.frame = frame;
    if (next > frame)
      visit(none, next - frame);
    frame = next;
  };
  for (const MemorySection &section : map.sections()) {
    skipTo(std::min(section.firstFrame, end));
    for (; frame < std::min(section.endFrame(), end); ++frame) {
      if (!budget--)
        return session_.gap(
            "memory-map",
            "the memory map has more struct pages than the dump has "
            "room for; frames from " +
                hex(frame) + " on are left out");
      const PageFacts facts = look(frame);
      if (facts.state != PageFacts::State::Absent)
        visit(facts, 1);
      progress.advance(bit(pageShift()));
    }
  }
  skipTo(end);
}

void PageSession::reportAbsent(const PageFacts &facts) {
  if (facts.state != PageFacts::State::Absent)
    return;
  Subject subject;
  subject.physical = PhysAddr(facts.frame << pageShift());
  session_.gap("struct-page-absent",
               "frame " + hex(facts.frame) +
                   ": its struct page is not in the dump: " + facts.problem,
               subject);
}

void PageSession::reportAbsentPages() {
  if (!absentPages_)
    return;
  Subject subject;
  subject.physical = PhysAddr(firstAbsent_ << pageShift());
  session_.gap(
      "struct-page-absent",
      llvm::Twine(absentPages_) +
          " struct pages are not in the dump, and their pages are left out; "
          "the first is that of frame " +
          hex(firstAbsent_) + ": " + absentReason_,
      subject);
}

} // namespace vmpt
