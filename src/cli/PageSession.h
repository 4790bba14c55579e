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
  const KernelDebug &debug() const { return debug_; }
  PageFlags &flags() { return flags_; }
  KernelVersion version() const { return debug_.image().version(); }
  unsigned pageShift() const { return debug_.image().mode->pageShift; }
  ByteOrder byteOrder() const { return debug_.memory().order(); }

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

  /// Tells of the struct pages that look() did not find.
  void reportAbsentPages();

private:
  PageSession(Session &session, const KernelDebug &debug, PageFlags flags)
      : session_(session), debug_(debug), flags_(std::move(flags)) {}
  void learnZeroPages();
  std::vector<PagemapArea> areasOf(const Task &task);

  Session &session_;
  const KernelDebug &debug_;
  PageFlags flags_;
  std::optional<TaskList> tasks_;
  uint64_t absentPages_ = 0, firstAbsent_ = 0;
  std::string absentReason_;
};

} // namespace vmpt
