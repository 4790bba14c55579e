//===- PageSession.h - struct pages and pagemaps of an opened dump --------===//
#pragma once

#include "kernel/pages/Pagemap.h"
#include "kernel/tasks/TaskList.h"
#include "session/Session.h"

namespace vmpt {

/// What `pages` and `page` begin with. What is missing is told to the session.
class PageSession {
public:
  static llvm::Expected<std::unique_ptr<PageSession>> create(Session &session);

  Session &session() { return session_; }
  const Kernel &kernel() const { return kernel_; }
  PageFlags &flags() { return flags_; }
  KernelVersion version() const { return kernel_.image().version(); }
  unsigned pageShift() const { return kernel_.image().mode.pageShift; }
  ByteOrder byteOrder() const { return kernel_.memory().order(); }

  /// The tasks, read at the first call.
  llvm::Expected<const TaskList &> tasks();
  llvm::Expected<const Task *> findTask(uint64_t pid);
  /// Everything of a task's memory areas; without areas, all that it can map.
  /// What is missing becomes a gap.
  void readPagemap(const Task &task, PagemapReader::Visitor visit);
  /// As PageFlags::look(); a struct page that is absent is counted.
  PageFacts look(uint64_t frame);
  /// All frames of /proc/kpageflags but the absent ones, several at once where
  /// there is no struct page.
  void visitFrames(
      llvm::function_ref<void(const PageFacts &, uint64_t count)> visit);

  /// A gap, if the one page's struct page is not in the dump.
  void reportAbsent(const PageFacts &facts);
  /// Tells of the struct pages that look() did not find.
  void reportAbsentPages();

private:
  PageSession(Session &session, const Kernel &kernel, PageFlags flags)
      : session_(session), kernel_(kernel), flags_(std::move(flags)) {}
  void learnZeroPages();
  std::vector<PagemapArea> areasOf(const Task &task);

  Session &session_;
  const Kernel &kernel_;
  PageFlags flags_;
  std::optional<TaskList> tasks_;
  uint64_t absentPages_ = 0, firstAbsent_ = 0;
  std::string absentReason_;
};

} // namespace vmpt
