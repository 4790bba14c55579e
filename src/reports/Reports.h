//===- Reports.h - the questions that commands and the library share ------===//
//
// Each writes its answer to a writer, and tells the session what the answer
// lacks: a gap. An error says that there is no answer. None ends the document.
//
#pragma once

#include "analysis/Audit.h"
#include "analysis/ReverseMap.h"
#include "reports/ListingOutput.h"
#include "reports/PageSession.h"
#include "reports/TaskChoice.h"

namespace vmpt {

/// What `vmpt info` says besides.
struct InfoParts {
  bool sources = false;  ///< Of symbols and struct layouts.
  bool evidence = false; ///< All that was tried, and each message.
  bool verify = false;   ///< What reading each page gives.
  bool kernels = false;  ///< All of memory, however large it is.
};
/// Without a kernel, what the container says.
llvm::Error reportInfo(Session &session, const InfoParts &parts,
                       RecordWriter &writer);

llvm::Error reportTasks(Session &session, const Kernel &kernel,
                        TaskListOptions options, RecordWriter &writer);

/// Memory areas of the chosen tasks; \p withPages, with a census of each.
llvm::Error reportAreas(Session &session, const Kernel &kernel,
                        const TaskChoice &choice, bool withPages,
                        RecordWriter &writer);

/// The tables to be listed: those of tasks, or of a root.
struct TableChoice {
  TaskChoice task;
  std::optional<uint64_t> root; ///< Instead of a task.
  bool userPgd = false;         ///< x86 PTI: the one that user code runs on.
  bool userOnly = false;        ///< The user half alone.
};
llvm::Error reportKernelListing(Session &session, const ListingChoice &lines,
                                RecordWriter &writer);
llvm::Error reportTaskListing(Session &session, const Kernel &kernel,
                              const TableChoice &tables,
                              const ListingChoice &lines, RecordWriter &writer);

/// Who maps \p targets, ascending and disjoint; without any, all that is
/// mapped more than once with different rights.
void reportMappings(Session &session, const Kernel &kernel,
                    std::vector<PhysicalRange> targets,
                    std::optional<uint64_t> maxLines, RecordWriter &writer);

/// Page frames in full, and who maps them. One pass over all tables.
void reportFrames(PageSession &pages, llvm::ArrayRef<uint64_t> frames,
                  std::optional<uint64_t> maxLines, RecordWriter &writer);

/// By the \p rules, or all of them. The findings, the gravest first.
std::vector<AuditFinding> reportAudit(Session &session, const Kernel &kernel,
                                      llvm::ArrayRef<AuditRule> rules,
                                      RecordWriter &writer);

/// Why the kernel died.
void reportCrash(Session &session, const Kernel &kernel, RecordWriter &writer);

} // namespace vmpt
